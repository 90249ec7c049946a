import numpy as np
import pytest
from sklearn.linear_model import Ridge

from illusion_lib.anchors import ESTIMATORS
from illusion_lib.anchors.aipw import Aipw


def test_equals_ridge_over_items_plus_its_error(scores, new_scores):
    fitted = Aipw(n_anchors=15, seed=2).fit(scores)
    seen = fitted.anchors_
    for row in new_scores[:5]:
        line = Ridge(10.0).fit(scores[:, seen].T, row[seen])
        guess = line.predict(scores.T)
        expected = guess.mean() + (row[seen] - guess[seen]).mean()
        assert fitted.predict(row[None, seen])[0] == pytest.approx(expected, abs=1e-9)


def test_all_items_give_the_exact_score(scores, new_scores):
    fitted = Aipw(n_anchors=60).fit(scores)
    low, high = fitted.interval(new_scores[:, fitted.anchors_])
    assert fitted.assess(new_scores) == pytest.approx(new_scores.mean(1))
    assert low == pytest.approx(high)


def test_right_on_average_over_draws_even_for_models_unlike_the_training_ones(scores):
    """Over 600 draws of items the mean estimate of contrary models is within 1.5 points."""
    contrary = 1 - scores[:4]
    guesses = [
        (lambda f: f.predict(contrary[:, f.anchors_]))(Aipw(n_anchors=20, seed=s).fit(scores[10:]))
        for s in range(600)
    ]
    assert np.mean(guesses, axis=0) == pytest.approx(contrary.mean(1), abs=0.015)


def test_its_interval_covers_better_models_than_it_was_taught(simulate):
    hits = []
    for seed in range(30):
        world = simulate(60, 150, seed)
        world = world[np.argsort(world.mean(1))]
        fitted = Aipw(n_anchors=40, seed=seed).fit(world[:30])
        low, high = fitted.interval(world[42:][:, fitted.anchors_], 0.9)
        truth = world[42:].mean(1)
        hits.append((low <= truth) & (truth <= high))
    assert 0.86 <= np.mean(hits) <= 0.97


def test_it_is_listed():
    assert isinstance(ESTIMATORS["aipw"], Aipw)
