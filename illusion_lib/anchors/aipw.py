"""What survives when the new model is unlike all others? Prediction plus its measured error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training


@dataclass(eq=False)
class Aipw(AnchorEstimator):
    """Random items; the other items are predicted from them, and the prediction's error is added.

    For every new model a ridge line over *items* predicts its answers from the training models'
    answers to the same item; it learns from the random anchors. The estimate is the mean
    prediction over all items plus the mean error on the anchors (augmented inverse propensity
    weighting; the difference estimator of survey sampling), so a useless prediction costs little.

    Parameters
    ----------
    penalty
        Of the ridge line; 10 is the published value (Zhang, Dorner & Hardt 2025).

    Notes
    -----
    The published form takes the mean prediction over unseen items and scales the error by
    (I - K) / I; the two agree up to K / I and this one is exact at K = I.
    """

    penalty: float = 10.0

    label: ClassVar[str] = "AIPW"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        return rng.choice(training.scores.shape[1], self.n_anchors, replace=False)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        centre = answers.mean(axis=1, keepdims=True)  # (models, 1), over the anchors
        seen = answers - centre  # (models, k)
        gram = seen.T @ seen  # (k, k) between anchors
        k = len(gram)
        inverse = np.linalg.inv(gram + self.penalty * np.eye(k))
        # Mean prediction over all items = mean answer + pull @ (answers - mean answer).
        offset = training.scores.mean(axis=1) - centre[:, 0]  # (models,)
        self._pull = (offset @ seen) @ inverse  # (k,)
        self._hat = gram @ inverse + 1 / k  # (k, k): fitted values on the anchors

    def _read(self, answers: FloatArray) -> FloatArray:
        mean = answers.mean(axis=1)
        predicted = mean + (answers - mean[:, None]) @ self._pull
        # A ridge line with intercept leaves errors that average zero on the anchors, so the
        # correction vanishes; it is kept where the mean prediction is formed, in the intercept.
        return self._from_mean(predicted)

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return the sampling interval of the draw of items; `shift` changes nothing.

        The variance is that of the leave-one-out errors on the anchors, with the finite
        population's share and Student's t. Where the target is not the row mean, the training
        models' errors are used instead.
        """
        if not self.training_.plain:
            return super().interval(answers, level, shift)
        refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
        table = self._complete(answers)
        k, n_items = table.shape[1], self.training_.scores.shape[1]
        if k == 1:
            return np.zeros(len(table)), np.ones(len(table))
        centred = table - table.mean(axis=1, keepdims=True)
        errors = (centred - centred @ (self._hat - 1 / k).T) / np.maximum(
            1 - np.diag(self._hat), 1e-9
        )
        # One imaginary miss and one hit keep all-equal answers from looking certain.
        variance = ((errors**2).sum(axis=1) + 0.5) / (k - 1)
        reach = student.ppf(0.5 + level / 2, k - 1) * np.sqrt(variance / k * (1 - k / n_items))
        estimate = self.predict(table)
        return np.clip(estimate - reach, 0, 1), np.clip(estimate + reach, 0, 1)
