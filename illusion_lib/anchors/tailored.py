"""Should a new model's anchors suit the models that answer like it? TailoredBench."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform

from illusion_lib.anchors.base import Respond
from illusion_lib.anchors.in_turn import InTurn
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.medoids import k_medoids
from illusion_lib.anchors.training import Training


@dataclass(eq=False)
class Tailored(InTurn):
    """A probe set for everyone, the nearest training models by it, then items chosen for them.

    The probe items are medoids of all items. A new model's answers to them pick the training
    models that answer alike; with those alone the other anchors are chosen, and every item is
    estimated by scaling its cluster's centre (Yuan et al., ACL 2025). `ask` and `assess` do so.
    `anchors_` is the form for models that must all get the same items: the other anchors are then
    chosen with all training models, and only the reading is tailored.

    Parameters
    ----------
    probes
        Size of the probe set; at most half of the anchors.

    Notes
    -----
    Deviation: the nearest models are found with the training models' mean and spread only; the
    published form standardises over the test models as well, which leaks.
    """

    probes: int = 10

    label: ClassVar[str] = "TailoredBench"
    calibration_folds: ClassVar[int] = 5

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        refuse(self.probes < 1, f"probes must be at least 1, got {self.probes}")
        scores = training.scores
        distance = _item_distance(scores)
        self._probes = k_medoids(distance, max(1, min(self.probes, self.n_anchors // 2)), rng)
        # How many neighbours: the mean number of training models nearer than the mean distance.
        answers = scores[:, self._probes]
        spread = answers.std(axis=0)
        self._centre, self._spread = answers.mean(axis=0), np.where(spread > 0, spread, 1)
        between = squareform(pdist(self._standard(answers), "cityblock"))
        pairs = between[np.triu_indices(len(scores), 1)]
        near = (between <= pairs.mean()).sum(axis=1) - 1
        self._n_near = int(np.clip(np.floor(near.mean()), 1, len(scores)))
        return k_medoids(distance, self.n_anchors, rng, fixed=self._probes)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        pass  # all that is learnt depends on the new model; see _estimate

    def _read(self, answers: FloatArray) -> FloatArray:
        place = {int(item): slot for slot, item in enumerate(self.anchors_)}
        probes = [place[int(item)] for item in self._probes]
        mean = np.array(
            [self._estimate(self._near(row[probes]), self.anchors_, row) for row in answers]
        )
        return self._from_mean(mean)

    def ask(self, respond: Respond) -> float:
        """Put the probes to one new model, then the items chosen for its neighbours."""
        first = respond(self._probes)
        near = self._near(first)
        rng = np.random.default_rng(self.seed)
        chosen = k_medoids(
            _item_distance(self.training_.scores[near]), self.n_anchors, rng, fixed=self._probes
        )
        rest = chosen[len(self._probes) :]
        answers = np.concatenate([first, respond(rest) if len(rest) else np.empty(0)])
        mean = np.array([self._estimate(near, chosen, answers)])
        return float(np.clip(self._from_mean(mean), 0, 1)[0])

    def assess(self, scores: FloatArray) -> FloatArray:
        """Estimate models whose answers are at hand, each with its own anchors."""
        return np.array([self.ask(partial(np.take, row)) for row in scores])

    def _standard(self, answers: FloatArray) -> FloatArray:
        standard: FloatArray = (answers - self._centre) / self._spread
        return standard

    def _near(self, first: FloatArray) -> IntArray:
        train = self._standard(self.training_.scores[:, self._probes])
        gap = cdist(self._standard(first[None]), train, "cityblock")[0]
        # Equal distances fall to the better model first, whatever the order of the rows.
        order = np.lexsort((-self.training_.target, np.round(gap, 9)))
        return order[: self._n_near]

    def _estimate(self, near: IntArray, anchors: IntArray, answers: FloatArray) -> float:
        """Mean over items of (mean neighbour + 1/2) scaled by its centre's ratio, minus 1/2."""
        scores = self.training_.scores[near]
        typical = scores.mean(axis=0) + 0.5  # (items,), at least 1/2
        ratio = (answers + 0.5) / typical[anchors]
        nearest = np.argmin(cdist(scores.T, scores[:, anchors].T, "cityblock"), axis=1)
        guess = np.clip(typical * ratio[nearest] - 0.5, 0, 1)
        guess[anchors] = answers
        return float(guess.mean())


def _item_distance(scores: FloatArray) -> FloatArray:
    """Return float (items, items): Manhattan distance of items, each model standardised."""
    spread = scores.std(axis=1, keepdims=True)
    standard = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    return np.asarray(squareform(pdist(standard.T, "cityblock")))
