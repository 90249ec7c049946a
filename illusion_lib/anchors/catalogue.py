"""Which estimators are there? Each by a short name, ready to be copied with other settings."""

from __future__ import annotations

from illusion_lib.anchors.adaptive import AdaptiveTest
from illusion_lib.anchors.aipw import Aipw
from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.best import Best
from illusion_lib.anchors.clusters import AnchorPoints, KMeansAnchors
from illusion_lib.anchors.forward_ridge import ForwardRidge
from illusion_lib.anchors.item_response import ItemResponse
from illusion_lib.anchors.lasso import LassoRidge
from illusion_lib.anchors.random_items import RandomMean, RandomRidge
from illusion_lib.anchors.rasch import EvenRasch
from illusion_lib.anchors.shifted import Shifted
from illusion_lib.anchors.sparseeval import SparseEval
from illusion_lib.anchors.tailored import Tailored

ESTIMATORS: dict[str, AnchorEstimator] = {
    "random-mean": RandomMean(),
    "random-ridge": RandomRidge(),
    "aipw": Aipw(),
    "even-rasch": EvenRasch(),
    "kmeans": KMeansAnchors(),
    "kmeans-ridge": KMeansAnchors(reading="ridge"),
    "anchor-points": AnchorPoints(),
    "anchor-points-predictor": AnchorPoints(reading="predictor"),
    "lasso": LassoRidge(),
    "p-irt": ItemResponse(reading="p-irt"),
    "gp-irt": ItemResponse(),
    "tailored": Tailored(),
    "adaptive": AdaptiveTest(),
    "forward-ridge": ForwardRidge(),
    "best": Best(),
    "best-fixed": Best(in_turn=False),
    "best-shift": Shifted(),
    "sparseeval-linear": SparseEval(network="linear"),
    "sparseeval": SparseEval(),
}
"""Unfitted estimators; ``dataclasses.replace(ESTIMATORS[name], n_anchors=20)`` makes one's own."""

ALWAYS = ("random-mean", "random-ridge", "aipw")
"""The baselines that appear in every comparison."""

SLOW = ("sparseeval-linear", "sparseeval")
"""What takes minutes where the others take seconds."""
