import numpy as np
from sklearn.linear_model import lars_path

from illusion_lib.anchors.lasso import LassoRidge


def test_keeps_what_the_exact_path_keeps(scores):
    """scikit-learn's homotopy path, cut at the same number of items, shares most of them."""
    fitted = LassoRidge(n_anchors=10).fit(scores)
    x, y = scores - scores.mean(0), scores.mean(1) - scores.mean()
    _, _, weights = lars_path(x, y, method="lasso")
    sizes = (weights != 0).sum(0)
    step = np.flatnonzero(sizes <= 10)[-1] if (sizes > 10).any() else -1
    exact = set(np.flatnonzero(weights[:, step]).tolist())
    assert len(exact & set(fitted.anchors_.tolist())) >= len(exact) - 2


def test_a_path_that_stops_short_is_filled_and_said():
    """Three distinct columns cannot give five non-zero weights."""
    rng = np.random.default_rng(0)
    kinds = (rng.random((30, 3)) < 0.5).astype(float)
    scores = kinds[:, [0, 0, 1, 1, 2, 2, 2]]
    fitted = LassoRidge(n_anchors=5).fit(scores)
    assert len(set(fitted.anchors_.tolist())) == 5
    assert any("added by forward selection" in note for note in fitted.notes_)
