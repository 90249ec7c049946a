"""Few-item evaluation: choose anchors, answer only those, estimate the full score."""

from illusion_lib.anchors.base import AnchorEstimator, Estimator, Training
from illusion_lib.anchors.best import Best, best
from illusion_lib.anchors.catalogue import ALWAYS, ESTIMATORS
from illusion_lib.anchors.forward_ridge import ForwardRidge
from illusion_lib.anchors.illusion import (
    Production,
    draw_items,
    production_estimate,
    stop_when_narrow,
)
from illusion_lib.anchors.load import from_long, from_records, from_wide, load, save
from illusion_lib.anchors.logs import load_inspect, load_lighteval, load_lm_eval
from illusion_lib.anchors.matrix import AnchorError, ResponseMatrix
from illusion_lib.anchors.random_items import RandomMean, RandomRidge
from illusion_lib.anchors.splits import split
from illusion_lib.anchors.study import Study, compare, study

__all__ = [
    "ALWAYS",
    "ESTIMATORS",
    "AnchorError",
    "AnchorEstimator",
    "Best",
    "Estimator",
    "ForwardRidge",
    "Production",
    "RandomMean",
    "RandomRidge",
    "ResponseMatrix",
    "Study",
    "Training",
    "best",
    "compare",
    "draw_items",
    "from_long",
    "from_records",
    "from_wide",
    "load",
    "load_inspect",
    "load_lighteval",
    "load_lm_eval",
    "production_estimate",
    "save",
    "split",
    "stop_when_narrow",
    "study",
]
