import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from illusion_lib.anchors.rasch import EvenRasch


def test_the_reading_equals_a_root_finder(scores, new_scores):
    fitted = EvenRasch(n_anchors=20, seed=1).fit(scores)
    share = (scores.sum(0) + 0.5) / 81
    ease = np.log(share / (1 - share))
    seen = fitted.anchors_
    for row in new_scores[:10]:
        gap = row[seen].sum()
        if 0 < gap < 20:
            shift = brentq(lambda t, gap=gap: expit(t + ease[seen]).sum() - gap, -20, 20)
            filled = expit(shift + ease)
            filled[seen] = row[seen]
            assert fitted.predict(row[None, seen])[0] == pytest.approx(filled.mean(), abs=1e-6)


def test_anchors_are_as_hard_as_the_whole(scores):
    means = [scores[:, EvenRasch(10, s).fit(scores).anchors_].mean() for s in range(50)]
    random = [
        scores[:, np.random.default_rng(s).choice(60, 10, replace=False)].mean() for s in range(50)
    ]
    assert np.std(means) < 0.4 * np.std(random)


def test_every_item_is_drawn_equally_often(scores):
    counts = np.zeros(60)
    for seed in range(1500):
        counts[EvenRasch(12, seed).fit(scores).anchors_] += 1
    assert np.abs(counts / 1500 - 0.2).max() < 0.05


def test_beyond_the_training_models_it_beats_the_plain_mean_and_covers(simulate):
    """Taught by the worst half, judged on the best 30 %, over twenty worlds."""
    gaps, hits = {"even": [], "mean": []}, []
    for seed in range(20):
        world = simulate(80, 200, seed)
        world = world[np.argsort(world.mean(1))]
        test, truth = world[56:], world[56:].mean(1)
        fitted = EvenRasch(n_anchors=40, seed=seed).fit(world[:40])
        low, high = fitted.interval(test[:, fitted.anchors_], 0.9)
        hits.append((low <= truth) & (truth <= high))
        random = np.random.default_rng(seed).choice(200, 40, replace=False)
        gaps["even"].append(np.abs(fitted.assess(test) - truth).mean())
        gaps["mean"].append(np.abs(test[:, random].mean(1) - truth).mean())
    assert np.mean(gaps["even"]) < np.mean(gaps["mean"])
    assert np.mean(hits) >= 0.87


def test_all_right_and_all_wrong_stay_in_range(scores):
    fitted = EvenRasch(n_anchors=10).fit(scores)
    low, high = fitted.interval(np.array([[0.0] * 10, [1.0] * 10]))
    worst, best = fitted.predict(np.array([[0.0] * 10, [1.0] * 10]))
    assert 0 <= worst < 0.05
    assert 0.95 < best <= 1
    assert (high - low > 0.02).all()
