"""What is safe when the new model is unlike all others? An even draw and one shift of all items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import t as student

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training

EASIEST = 6.0
"""Bound of log-odds: abilities and item ease stay within it."""


@dataclass(eq=False)
class EvenRasch(AnchorEstimator):
    """Items drawn evenly along their difficulty, read by one shift of all items' log-odds.

    The draw is systematic: items in order of their mean score, every (I / K)-th from a random
    start, so each is as likely as any other and the anchors are as hard as the whole. The reading
    shifts all items' log-odds by one number until the anchors' expected sum is what was seen
    (maximum likelihood of Rasch's model, without a prior that would pull towards the training
    models), and fills in the unseen items. A wrong model costs width, not bias: it is the
    difference estimator with a model's help.
    """

    label: ClassVar[str] = "even draw + Rasch"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        mean = training.scores.mean(axis=0)
        n_items = len(mean)
        order = np.lexsort((rng.random(n_items), np.round(mean, 12)))  # ties fall at random
        places = np.floor((rng.random() + np.arange(self.n_anchors)) * n_items / self.n_anchors)
        return np.asarray(order[places.astype(np.int64)])

    def _learn(self, training: Training, answers: FloatArray) -> None:
        n_models = len(training.scores)
        # Half a model right and half wrong, so that no item looks certain.
        share = (training.scores.sum(axis=0) + 0.5) / (n_models + 1)
        self._ease = np.clip(logit(share), -EASIEST, EASIEST)

    def _read(self, answers: FloatArray) -> FloatArray:
        filled = expit(self._shift(answers)[:, None] + self._ease)
        filled[:, self.anchors_] = answers
        return self._from_mean(filled.mean(axis=1))

    def _shift(self, answers: FloatArray) -> FloatArray:
        """Return float (models,): the shift at which the anchors' expected sum is the seen one."""
        seen, ease = answers.sum(axis=1), self._ease[self.anchors_]
        low = np.full(len(answers), -2 * EASIEST)
        high = -low
        for _ in range(50):  # bisection: the expected sum rises with the shift
            middle = (low + high) / 2
            short = expit(middle[:, None] + ease).sum(axis=1) < seen
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        shift: FloatArray = (low + high) / 2
        return shift

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return the sampling interval of the draw of items; `shift` changes nothing.

        Its variance is that of the errors on the anchors, as if they had been drawn at random;
        the even draw makes it a little wide. Where the target is not the row mean, the training
        models' errors are used instead.
        """
        if not self.training_.plain:
            return super().interval(answers, level, shift)
        refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
        table = self._complete(answers)
        k, n_items = table.shape[1], self.training_.scores.shape[1]
        if k == 1:
            return np.zeros(len(table)), np.ones(len(table))
        errors = table - expit(self._shift(table)[:, None] + self._ease[self.anchors_])
        variance = ((errors**2).sum(axis=1) + 0.5) / (k - 1)
        reach = student.ppf(0.5 + level / 2, k - 1) * np.sqrt(variance / k * (1 - k / n_items))
        estimate = self.predict(table)
        return np.clip(estimate - reach, 0, 1), np.clip(estimate + reach, 0, 1)
