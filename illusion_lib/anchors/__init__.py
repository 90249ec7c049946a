"""Few-item evaluation: choose anchors, answer only those, estimate the full score.

From a matrix of other models' answers to an estimate for a new model::

    from illusion_lib import anchors

    matrix = anchors.load("results.npz")                  # or load_lm_eval("outputs/"), ...
    fitted = anchors.best(n_anchors=50).fit(matrix.scores, matrix.target)
    ask = [matrix.items[i] for i in fitted.anchors_]      # run the new model on these only
    estimate = fitted.predict(answers)                    # float (new models, 50), in that order
    low, high = fitted.interval(answers, level=0.9)       # like the models of the matrix
    low, high = fitted.interval(answers, shift=True)      # possibly unlike them: wider
    unlike = anchors.best(n_anchors=50, shift=True)       # for models that surely are
    print(fitted.notes_)                                  # what had to be degraded

With at most 40 items it is better to ask in turn, each next item chosen by the answers so far::

    fitted = anchors.best(n_anchors=20).fit(matrix.scores, matrix.target)
    estimate, low, high = fitted.ask_interval(respond)    # respond: int (1,) items -> (1,) scores

`study` judges estimators on models they have not seen; `production_estimate` estimates the
expensive format of one model from a few of its answers and its cheap ones. No torch is imported
unless `SparseEval` is fitted.
"""

from illusion_lib.anchors.adaptive import AdaptiveTest, Sitting
from illusion_lib.anchors.aipw import Aipw
from illusion_lib.anchors.base import AnchorEstimator, Estimator
from illusion_lib.anchors.best import Best, best
from illusion_lib.anchors.catalogue import ALWAYS, ESTIMATORS
from illusion_lib.anchors.clusters import AnchorPoints, KMeansAnchors
from illusion_lib.anchors.explain import item_map, stability
from illusion_lib.anchors.forward_ridge import ForwardRidge
from illusion_lib.anchors.illusion import (
    Production,
    draw_items,
    production_estimate,
    stop_when_narrow,
)
from illusion_lib.anchors.item_response import ItemResponse
from illusion_lib.anchors.lasso import LassoRidge
from illusion_lib.anchors.load import from_long, from_records, from_wide, load, save
from illusion_lib.anchors.logs import load_inspect, load_lighteval, load_lm_eval
from illusion_lib.anchors.matrix import ResponseMatrix
from illusion_lib.anchors.random_items import RandomMean, RandomRidge
from illusion_lib.anchors.rasch import EvenRasch
from illusion_lib.anchors.shifted import Shifted
from illusion_lib.anchors.source import read_matrix
from illusion_lib.anchors.sparseeval import SparseEval
from illusion_lib.anchors.splits import split
from illusion_lib.anchors.study import Study, compare, study, trials
from illusion_lib.anchors.tailored import Tailored
from illusion_lib.anchors.training import Training
from illusion_lib.errors import AnchorError

__all__ = [
    "ALWAYS",
    "ESTIMATORS",
    "AdaptiveTest",
    "Aipw",
    "AnchorError",
    "AnchorEstimator",
    "AnchorPoints",
    "Best",
    "Estimator",
    "EvenRasch",
    "ForwardRidge",
    "ItemResponse",
    "KMeansAnchors",
    "LassoRidge",
    "Production",
    "RandomMean",
    "RandomRidge",
    "ResponseMatrix",
    "Shifted",
    "Sitting",
    "SparseEval",
    "Study",
    "Tailored",
    "Training",
    "best",
    "compare",
    "draw_items",
    "from_long",
    "from_records",
    "from_wide",
    "item_map",
    "load",
    "load_inspect",
    "load_lighteval",
    "load_lm_eval",
    "production_estimate",
    "read_matrix",
    "save",
    "split",
    "stability",
    "stop_when_narrow",
    "study",
    "trials",
]
