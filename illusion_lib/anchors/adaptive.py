"""Which item should this model answer next? Maximum information, until it is measured well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from illusion_lib.anchors.base import Respond
from illusion_lib.anchors.in_turn import InTurn
from illusion_lib.anchors.irt_model import TwoParameter, fit_two_parameter
from illusion_lib.anchors.item_response import fill_unseen
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.training import Training

ABILITIES = np.linspace(-4, 4, 161)
"""The grid on which ability is known."""


@dataclass(frozen=True)
class Sitting:
    """One model's adaptive test.

    Attributes
    ----------
    items
        int (n,): what it was asked, in order.
    answers
        float (n,).
    ability, standard_error
        Posterior mean and spread of its ability.
    estimate
        Of its full score.
    """

    items: IntArray
    answers: FloatArray
    ability: float
    standard_error: float
    estimate: float


@dataclass(eq=False)
class AdaptiveTest(InTurn):
    """Computerised adaptive testing in a one-dimensional two-parameter model.

    Each next item has the greatest Fisher information a^2 P (1 - P) at the current ability, whose
    posterior (prior N(0, 1)) is kept on a grid. The full score is the seen answers and the unseen
    items' probabilities (p-IRT). `ask`, `sit` and `assess` adapt; `anchors_` is a fixed form for
    where one cannot: the most informative unused item at each of K ability quantiles in turn.

    Parameters
    ----------
    standard_error
        Stop before ``n_anchors`` items once ability is known so well; None asks them all.
    """

    standard_error: float | None = None

    label: ClassVar[str] = "adaptive test"
    calibration_folds: ClassVar[int] = 5

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        self.model_, ability = fit_two_parameter(training.scores, dimensions=1)
        quantiles = np.quantile(ability[:, 0], (np.arange(self.n_anchors) + 0.5) / self.n_anchors)
        # Items that every training model answered alike count as one question.
        self._kind = np.unique(training.scores, axis=1, return_inverse=True)[1].ravel()
        chosen: list[int] = []
        for row in self._information(quantiles):  # (items,)
            chosen.append(self._next(row, chosen))
        return np.array(chosen)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self._table = self._information(ABILITIES)  # (grid, items)

    def _information(self, ability: FloatArray) -> FloatArray:
        p = self.model_.probability(ability[:, None])
        information: FloatArray = np.round(self.model_.slopes[:, 0] ** 2 * p * (1 - p), 9)
        return information

    def _next(self, worth: FloatArray, asked: list[int]) -> int:
        """Return the unasked item of greatest worth, twins of asked ones only when none is left."""
        twin = np.isin(self._kind, self._kind[asked])
        rank = np.where(twin, worth - 1e6, worth)
        rank[asked] = -np.inf
        return int(np.argmax(rank))

    def _read(self, answers: FloatArray) -> FloatArray:
        ability = np.array([self._posterior(self.anchors_, row)[0] for row in answers])
        mean = fill_unseen(self.model_, ability[:, None], answers, self.anchors_)
        return self._from_mean(mean)

    def sit(self, respond: Respond) -> Sitting:
        """Test one model: `respond` is called with one item at a time."""
        asked: list[int] = []
        answers: list[float] = []
        ability, error = self._posterior(np.array([], dtype=np.int64), np.empty(0))
        goal = -1.0 if self.standard_error is None else self.standard_error
        while len(asked) < self.n_anchors and error > goal:
            worth = self._table[int(np.argmin(np.abs(ABILITIES - ability)))]
            asked.append(self._next(worth, asked))
            answers.append(float(respond(np.array(asked[-1:]))[0]))
            ability, error = self._posterior(np.array(asked), np.array(answers))
        items, given = np.array(asked, dtype=np.int64), np.array(answers)
        mean = fill_unseen(self.model_, np.array([[ability]]), given[None], items)
        estimate = np.clip(self._from_mean(mean), 0, 1)[0]
        return Sitting(items, given, ability, error, float(estimate))

    def ask(self, respond: Respond) -> float:
        """Test one model and estimate its full score; see `sit`."""
        return self.sit(respond).estimate

    def assess(self, scores: FloatArray) -> FloatArray:
        """Test models whose answers are at hand, each adaptively."""
        return np.array([self.ask(partial(np.take, row)) for row in scores])

    def _posterior(self, items: IntArray, answers: FloatArray) -> tuple[float, float]:
        return ability_posterior(self.model_, items, answers)


def ability_posterior(
    model: TwoParameter, items: IntArray, answers: FloatArray
) -> tuple[float, float]:
    """Return mean and standard deviation of ability given answers, prior N(0, 1), on the grid."""
    logit = ABILITIES[:, None] * model.slopes[items, 0] + model.ease[items]  # (grid, n)
    log_density = -0.5 * ABILITIES**2
    log_density = log_density + (answers * logit - np.logaddexp(0, logit)).sum(axis=1)
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    mean = float(density @ ABILITIES)
    return mean, float(np.sqrt(density @ (ABILITIES - mean) ** 2))
