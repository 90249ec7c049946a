import numpy as np
import pytest

from illusion_lib.anchors import RandomMean
from illusion_lib.anchors.random_items import draw_stratified


def test_the_mean_of_all_items_is_exact_and_certain(scores):
    estimator = RandomMean(n_anchors=60).fit(scores)
    answers = scores[:, estimator.anchors_]
    assert estimator.predict(answers) == pytest.approx(scores.mean(1))
    low, high = estimator.interval(answers)
    assert low == pytest.approx(high)


def test_strata_get_their_share():
    strata = ["a"] * 50 + ["b"] * 30 + ["c"] * 20
    anchors, weights = draw_stratified(strata, 10, np.random.default_rng(0))
    assert np.bincount(np.array([0] * 50 + [1] * 30 + [2] * 20)[anchors]).tolist() == [5, 3, 2]
    assert weights == pytest.approx(np.full(10, 0.1))


def test_unequal_draws_are_weighted_to_their_strata(scores):
    strata = ["a"] * 45 + ["b"] * 15
    estimator = RandomMean(n_anchors=3, strata=strata).fit(scores)
    drawn = [strata[i] for i in estimator.anchors_]
    assert drawn.count("a") == 2
    answers = np.array([[1.0 if s == "a" else 0.0 for s in drawn]])
    assert estimator.predict(answers) == pytest.approx([0.75])


def test_its_interval_covers_under_any_models():
    """Nominal 90 %: over 400 draws of items the Wilson interval covers 86 to 96 %."""
    truth = np.zeros((2, 300))
    truth[0, :60] = truth[1, :150] = 1
    hits = []
    for seed in range(400):
        estimator = RandomMean(n_anchors=40, seed=seed).fit(truth)
        low, high = estimator.interval(truth[:, estimator.anchors_], 0.9)
        hits.append((low <= truth.mean(1)) & (truth.mean(1) <= high))
    assert 0.86 <= np.mean(hits) <= 0.96
