import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from illusion_lib.anchors import ForwardRidge, RandomRidge
from illusion_lib.anchors.intervals import (
    conformal_quantile,
    held_out_folds,
    shift_folds,
    wilson_interval,
)


def test_wilson_equals_statsmodels():
    low, high = wilson_interval(np.array([0.0, 0.3, 1.0]), 20, 0.9)
    for i, count in enumerate((0, 6, 20)):
        reference = proportion_confint(count, 20, alpha=0.1, method="wilson")
        assert (low[i], high[i]) == pytest.approx(reference)


def test_conformal_rank_by_hand():
    errors = np.arange(1, 10) / 100
    assert conformal_quantile(errors, 0.9) == 0.09  # ceil(10 * 0.9) = 9th of 9
    assert conformal_quantile(errors, 0.5) == 0.05
    assert conformal_quantile(errors[:8], 0.9) == 1.0  # too few to promise 90 %


def test_folds_part_the_rows():
    for n, folds in ((20, 10), (7, 10)):
        parts = held_out_folds(n, folds)
        assert len(parts) == min(n, folds)
        assert sorted(np.concatenate([test for _, test in parts])) == list(range(n))
        assert all(not set(train) & set(test) for train, test in parts)
    (low, best), (high, worst) = shift_folds(np.arange(10) / 10)
    assert (low.tolist(), best.tolist()) == ([0, 1, 2, 3, 4], [7, 8, 9])
    assert (sorted(high.tolist()), worst.tolist()) == ([5, 6, 7, 8, 9], [0, 1, 2])


@pytest.mark.parametrize("kind", [RandomRidge, ForwardRidge])
def test_intervals_cover_models_of_the_same_world(kind, simulate):
    """Nominal 90 %; over 10 worlds of 60 new models each, 85 to 95 % are covered."""
    hits = []
    for seed in range(10):
        world = simulate(160, 80, seed)
        fitted = kind(n_anchors=15, seed=seed).fit(world[:100])
        low, high = fitted.interval(world[100:, fitted.anchors_], 0.9)
        truth = world[100:].mean(1)
        hits.append((low <= truth) & (truth <= high))
    assert 0.85 <= np.mean(hits) <= 0.95


def test_the_interval_under_shift_is_wider_and_covers_better_models(simulate):
    world = simulate(200, 80, 1)
    world = world[np.argsort(world.mean(1))]
    train, test = world[:120], world[140:]
    fitted = RandomRidge(n_anchors=15).fit(train)
    truth, answers = test.mean(1), test[:, fitted.anchors_]
    covered = {}
    for shift in (False, True):
        low, high = fitted.interval(answers, 0.9, shift=shift)
        covered[shift] = ((low <= truth) & (truth <= high)).mean(), (high - low).mean()
    assert covered[True][1] > covered[False][1]
    assert covered[True][0] > covered[False][0]
    assert covered[True][0] >= 0.85
