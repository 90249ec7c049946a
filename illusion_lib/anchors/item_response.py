"""What do item response models add? p-IRT and gp-IRT (tinyBenchmarks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.clusters import cluster_anchors, pad
from illusion_lib.anchors.irt_model import TwoParameter, fit_two_parameter
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training


@dataclass(eq=False)
class ItemResponse(AnchorEstimator):
    """Anchors by clustering item parameters; unseen items are filled in by the fitted model.

    Parameters
    ----------
    reading
        ``p-irt``: seen answers as they are, unseen ones by their probability at the new model's
        ability. ``gp-irt``: that, averaged with the cluster-weighted mean of the anchors.
    dimensions
        Of ability.

    Attributes
    ----------
    model_
        The fitted two-parameter model.
    share_
        Weight of the cluster mean in gp-IRT: b^2 / (v / (4 K) + b^2), with b the model's error
        on held-out models (seen: even items, unseen: odd items) and v the mean variance of a
        training model's answers (Polo et al., ICML 2024).
    """

    reading: Literal["p-irt", "gp-irt"] = "gp-irt"
    dimensions: int = 2

    label: ClassVar[str] = "gp-IRT"
    calibration_folds: ClassVar[int] = 5

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        refuse(self.reading not in ("p-irt", "gp-irt"), f"unknown reading {self.reading!r}")
        self.model_, _ = fit_two_parameter(training.scores, self.dimensions)
        points = np.column_stack([self.model_.slopes, self.model_.ease])
        anchors, shares = cluster_anchors(points, self.n_anchors, self.seed)
        padded = pad(self, anchors, len(points), rng)
        self.weights_ = np.concatenate([shares, np.zeros(len(padded) - len(anchors))])
        return padded

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self.share_ = 0.0
        if self.reading == "gp-irt":
            variance = float(training.scores.var(axis=1).mean())
            bias = _held_out_error(training.scores, self.dimensions)
            noise = variance / (4 * self.n_anchors)
            self.share_ = bias**2 / (noise + bias**2) if bias > 0 else 0.0

    def _read(self, answers: FloatArray) -> FloatArray:
        ability = self.model_.ability(answers, self.anchors_)
        filled = fill_unseen(self.model_, ability, answers, self.anchors_)
        mean = self.share_ * (answers @ self.weights_) + (1 - self.share_) * filled
        return self._from_mean(mean)


def fill_unseen(
    model: TwoParameter, ability: FloatArray, answers: FloatArray, seen: IntArray
) -> FloatArray:
    """Return float (models,): mean of the seen answers and the unseen items' probabilities."""
    probability = model.probability(ability)  # (models, items)
    probability[:, seen] = answers
    mean: FloatArray = probability.mean(axis=1)
    return mean


def _held_out_error(scores: FloatArray, dimensions: int) -> float:
    """Mean absolute error on odd items, abilities from even ones, of every fifth model."""
    n_models, n_items = scores.shape
    held = np.arange(n_models) % 5 == 4 if n_models >= 5 else np.arange(n_models) == n_models - 1
    if n_items < 2 or (~held).sum() < 2:
        return 0.0
    # By score, so that the order of the models does not matter.
    ranked = scores[np.argsort(scores.mean(axis=1), kind="stable")]
    model, _ = fit_two_parameter(ranked[~held], dimensions)
    even, odd = np.arange(0, n_items, 2), np.arange(1, n_items, 2)
    ability = model.ability(ranked[held][:, even], even)
    guess = model.probability(ability)[:, odd].mean(axis=1)
    return float(np.abs(guess - ranked[held][:, odd].mean(axis=1)).mean())
