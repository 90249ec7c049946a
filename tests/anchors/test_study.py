import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from illusion_lib.anchors import RandomMean, RandomRidge, ResponseMatrix, compare, study
from illusion_lib.anchors.study import measures


def test_every_estimator_sees_the_same_models(scores):
    found = study(
        ResponseMatrix(scores), [RandomMean(), RandomRidge()], (5, 10), ("random",), range(2)
    )
    assert len(found.table) == 2 * 2 * 2
    truths = found.estimates.pivot_table(
        index=["seed", "K", "model"], columns="estimator", values="truth"
    )
    assert len(truths) == 2 * 2 * 16
    assert (truths["random mean"] == truths["random + ridge"]).all()
    assert (found.table[["select_seconds", "fit_seconds"]] >= 0).all(axis=None)


def test_test_models_never_influence_the_anchors(scores):
    """Defect L1: spoil every answer of the test models; the anchors must stay."""
    from illusion_lib.anchors import ForwardRidge, split

    (fold,) = split("random", scores)
    spoilt = scores.copy()
    spoilt[fold.test] = 1 - spoilt[fold.test]
    fits = [ForwardRidge(n_anchors=9).fit(table[fold.train]) for table in (scores, spoilt)]
    assert fits[0].anchors_.tolist() == fits[1].anchors_.tolist()


def test_measures_by_hand():
    judged = pd.DataFrame(
        {
            "truth": [0.1, 0.4, 0.8, 0.9],
            "estimate": [0.2, 0.4, 0.9, 0.7],
            "low": [0.0, 0.3, 0.85, 0.6],
            "high": [0.3, 0.5, 0.95, 0.95],
        }
    )
    found = measures(judged)
    assert found["mae"] == pytest.approx(0.1)
    assert found["rmse"] == pytest.approx(np.sqrt((0.01 + 0 + 0.01 + 0.04) / 4))
    assert found["tau_b"] == pytest.approx(kendalltau(judged["truth"], judged["estimate"])[0])
    assert found["tau_b"] == pytest.approx(4 / 6)
    assert found["top10"] == 1.0
    assert found["coverage"] == 0.75
    assert found["width"] == pytest.approx((0.3 + 0.2 + 0.1 + 0.35) / 4)


def test_few_models_are_judged_one_at_a_time(scores):
    found = study(ResponseMatrix(scores[:8]), [RandomRidge()], (5,), ("leave_one_out",), [0])
    assert found.table["n_test"].tolist() == [8]
    assert found.estimates["model"].nunique() == 8
    assert "only 7 training models" not in found.table["notes"][0]


def test_paired_intervals_find_a_real_difference_and_no_other():
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {
                "estimator": name,
                "split": "random",
                "seed": 0,
                "K": 5,
                "model": [f"m{i}" for i in range(100)],
                "truth": 0.5,
                "estimate": 0.5 + rng.normal(0, spread, 100),
            }
        )
        for name, spread in (("good", 0.01), ("same", 0.01), ("bad", 0.05))
    ]
    estimates = pd.concat(frames)
    worse = compare(estimates, "bad", "good").iloc[0]
    assert worse["low"] > 0
    assert worse["difference"] == pytest.approx(0.8 * (0.05 - 0.01), rel=0.3)
    equal = compare(estimates, "same", "good").iloc[0]
    assert equal["low"] < 0 < equal["high"]
