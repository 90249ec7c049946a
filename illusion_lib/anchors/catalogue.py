"""Which estimators are there? Each by a short name, ready to be copied with other settings."""

from __future__ import annotations

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.forward_ridge import ForwardRidge
from illusion_lib.anchors.random_items import RandomMean, RandomRidge

ESTIMATORS: dict[str, AnchorEstimator] = {
    "random-mean": RandomMean(),
    "random-ridge": RandomRidge(),
    "forward-ridge": ForwardRidge(),
}
"""Unfitted estimators; ``dataclasses.replace(ESTIMATORS[name], n_anchors=20)`` makes one's own."""

ALWAYS = ("random-mean", "random-ridge")
"""The baselines that appear in every comparison."""
