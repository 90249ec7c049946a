"""Can a few typical items stand for groups of like items? K-means and AnchorPoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from sklearn.cluster import KMeans

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.linear import fit_line
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.medoids import k_medoids
from illusion_lib.anchors.training import Training


def cluster_anchors(
    points: FloatArray, k: int, seed: int, weights: FloatArray | None = None
) -> tuple[IntArray, FloatArray]:
    """Cluster items and take the item nearest to each centre, with its cluster's share.

    Parameters
    ----------
    points
        float (items, features).
    k
        Clusters wanted.
    seed
        Of the k-means++ start.
    weights
        float (items,): mass of every item; equal if None.

    Returns
    -------
    anchors
        int (n,): one item of every cluster; n < k if fewer than `k` points are distinct.
    shares
        float (n,): each *in its anchor's place*, summing to 1. (In the published code of
        SparseEval the anchors were sorted and the weights were not.)
    """
    mass = np.full(len(points), 1 / len(points)) if weights is None else weights / weights.sum()
    distinct, first, member = np.unique(
        np.round(points, 9), axis=0, return_index=True, return_inverse=True
    )
    member = member.ravel()
    held = np.bincount(member, weights=mass)
    if len(distinct) <= k:
        return first.astype(np.int64), held.astype(np.float64)
    order = np.argsort(first)  # back to the items' own order
    means = KMeans(k, n_init=1, random_state=seed).fit(distinct[order], sample_weight=held[order])
    label = np.empty(len(distinct), dtype=np.int64)
    label[order] = means.labels_
    gap = ((distinct - means.cluster_centers_[label]) ** 2).sum(axis=1)
    anchors, shares = [], []
    for cluster in range(k):
        inside = np.flatnonzero(label == cluster)
        if inside.size:
            near = inside[gap[inside] <= gap[inside].min() + 1e-9]
            anchors.append(int(first[near].min()))
            shares.append(float(held[inside].sum()))
    return np.array(anchors), np.array(shares)


def pad(
    estimator: AnchorEstimator, anchors: IntArray, n_items: int, rng: np.random.Generator
) -> IntArray:
    """Fill up to ``n_anchors`` with random unused items, and note it on the estimator."""
    short = estimator.n_anchors - len(anchors)
    if short == 0:
        return anchors
    estimator.note(f"{short} anchors drawn at random: the method found only {len(anchors)}")
    unused = np.setdiff1d(np.arange(n_items), anchors)
    return np.concatenate([anchors, rng.choice(unused, short, replace=False)])


@dataclass(eq=False)
class KMeansAnchors(AnchorEstimator):
    """The item nearest to each k-means centre of the training models' answers.

    Parameters
    ----------
    reading
        ``weights``: the mean of the anchors weighted by cluster size, in the right order.
        ``ridge``: a ridge line through them.
    """

    reading: Literal["weights", "ridge"] = "weights"

    label: ClassVar[str] = "k-means anchors"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        refuse(self.reading not in ("weights", "ridge"), f"unknown reading {self.reading!r}")
        points = 2 * training.scores.T - 1  # (items, models), centred at a coin flip
        length = np.linalg.norm(points, axis=1, keepdims=True)
        points = points / np.where(length > 0, length, 1)
        anchors, shares = cluster_anchors(points, self.n_anchors, self.seed)
        padded = pad(self, anchors, len(points), rng)
        self.weights_ = np.concatenate([shares, np.zeros(len(padded) - len(anchors))])
        return padded

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self._line = fit_line(answers, training.target) if self.reading == "ridge" else None

    def _read(self, answers: FloatArray) -> FloatArray:
        if self._line is not None:
            return self._line(answers)
        return self._from_mean(answers @ self.weights_)


@dataclass(eq=False)
class AnchorPoints(AnchorEstimator):
    """Medoids of items under the correlation of their answers (Vivek et al., EACL 2024).

    Parameters
    ----------
    reading
        ``weights``: medoids under 1 - r, each standing for the items that correlate with it most.
        ``predictor``: medoids under 1 - abs(r); every other item is predicted by a line through
        the one anchor that fits it best, and all items are averaged.
    """

    reading: Literal["weights", "predictor"] = "weights"

    label: ClassVar[str] = "AnchorPoints"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        refuse(self.reading not in ("weights", "predictor"), f"unknown reading {self.reading!r}")
        self._correlation = correlation(training.scores)
        alike = np.abs(self._correlation) if self.reading == "predictor" else self._correlation
        return k_medoids(1 - alike, self.n_anchors, rng)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        n_items = training.scores.shape[1]
        with_anchors = self._correlation[:, self.anchors_]  # (items, k)
        del self._correlation
        if self.reading == "weights":
            nearest = np.argmax(with_anchors, axis=1)
            nearest[self.anchors_] = np.arange(self.n_anchors)
            self._slopes = np.bincount(nearest, minlength=self.n_anchors) / n_items
            self._offset = 0.0
            return
        # The line of least residual is that of the greatest squared correlation.
        nearest = np.argmax(with_anchors**2, axis=1)
        nearest[self.anchors_] = np.arange(self.n_anchors)
        spread = training.scores.std(axis=0)
        by = spread[self.anchors_][nearest]
        slope = with_anchors[np.arange(n_items), nearest] * spread / np.where(by > 0, by, 1)
        slope[self.anchors_] = 1.0
        means = training.scores.mean(axis=0)
        self._slopes = np.bincount(nearest, weights=slope, minlength=self.n_anchors) / n_items
        self._offset = float((means - slope * means[self.anchors_][nearest]).mean())

    def _read(self, answers: FloatArray) -> FloatArray:
        mean = self._offset + answers @ self._slopes
        return self._from_mean(mean)


def correlation(scores: FloatArray) -> FloatArray:
    """Return float (items, items): Pearson correlations; 0 with a constant item, 1 with itself."""
    centred = scores - scores.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 1e-12, length, 1)
    r = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(r, 1)
    return np.asarray(r)
