import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib import anchors
from illusion_lib.anchors import cloud as room
from illusion_lib.anchors.cloud import Cloud, fit_cloud, learnt_once, sit
from illusion_lib.anchors.irt_model import TwoParameter, fit_items


def some_cloud(size=30, n_items=8, seed=0):
    return Cloud.of(np.random.default_rng(seed).random((size, n_items)))


def some_weights(n_models, size, seed=1):
    weights = np.random.default_rng(seed).random((n_models, size))
    return weights / weights.sum(1, keepdims=True)


def variance(weights, score):
    return weights @ (score - weights @ score) ** 2


@given(seed=st.integers(0, 10_000))
def test_worth_is_the_expected_fall_of_the_posterior_variance(seed):
    cloud, weights = some_cloud(seed=seed), some_weights(2, 30, seed + 1)
    found = cloud.worth(weights)
    for m, w in enumerate(weights):
        before = variance(w, cloud.mean)
        for item, p in enumerate(cloud.probability.T.astype(float)):
            after = 0.0
            for likelihood in (p, 1 - p):
                chance = w @ likelihood
                after += chance * variance(w * likelihood / chance, cloud.mean)
            assert found[m, item] == pytest.approx(before - after, rel=1e-3, abs=1e-7)


def test_the_estimate_is_the_posterior_mean_with_seen_answers_as_they_are():
    cloud = some_cloud()
    items, answers = np.array([[2, 5, 7]]), np.array([[1.0, 0.0, np.nan]])
    evidence = sum(cloud.evidence(items[:, t], answers[:, t]) for t in range(3))
    p = cloud.probability.astype(float)
    likelihood = p[:, 2] * (1 - p[:, 5])  # the missing answer says nothing
    assert np.exp(evidence[0]) == pytest.approx(likelihood)
    weights = likelihood / likelihood.sum()
    filled = weights @ p
    filled[[2, 5]] = 1, 0
    assert cloud.expected(weights[None], items, answers) == pytest.approx(filled.mean())


def test_items_are_asked_once_and_twins_last():
    cloud, world = some_cloud(), np.random.default_rng(3).integers(0, 2, (4, 8)).astype(float)
    kinds = np.array([0, 0, 0, 1, 2, 3, 4, 5])
    found = sit(cloud, lambda items: world[np.arange(4), items], 4, 8, kinds)
    assert (np.sort(found.items) == np.arange(8)).all()
    assert (np.take_along_axis(world, found.items, 1) == found.answers).all()
    assert all(len(set(kinds[row[:6]])) == 6 for row in found.items)
    assert found.mean == pytest.approx(world.mean(1))


def test_kinds_are_told_by_whole_columns(scores):
    twice = np.concatenate([scores, scores[:, ::-1]], axis=1)
    found = sys.modules["illusion_lib.anchors.best"]._kinds(twice, np.random.default_rng(0))
    whole = np.unique(twice, axis=1, return_inverse=True)[1].ravel()
    assert ((found[:, None] == found) == (whole[:, None] == whole)).all()


def test_the_next_item_depends_on_the_answers():
    cloud = Cloud.of(np.random.default_rng(0).random((200, 12)))
    answers = np.array([[0.0] * 12, [1.0] * 12])
    found = sit(cloud, lambda items: answers[np.arange(2), items], 2, 4, np.arange(12))
    assert found.items[0, 0] == found.items[1, 0]
    assert set(found.items[0]) != set(found.items[1])


def test_items_are_fitted_to_models_of_known_ability():
    rng = np.random.default_rng(0)
    slopes, ease = rng.uniform(0.5, 1.5, (20, 1)), rng.normal(size=20)
    ability = rng.normal(size=(4000, 1))
    truth = TwoParameter(slopes, ease)
    scores = (rng.random((4000, 20)) < truth.probability(ability)).astype(float)
    found = fit_items(scores, ability)
    assert found.slopes == pytest.approx(slopes, abs=0.15)
    assert found.ease == pytest.approx(ease, abs=0.15)


def test_a_cloud_knows_many_models_and_items_from_some(simulate, monkeypatch):
    world = simulate(120, 90)
    whole = fit_cloud(world, np.random.default_rng(0))
    monkeypatch.setattr(room, "MODELS", 80)
    monkeypatch.setattr(room, "ITEMS", 40)
    some = fit_cloud(world, np.random.default_rng(0))
    assert some.probability.shape == whole.probability.shape == (2000, 90)
    ease = [cloud.probability.mean(0) for cloud in (whole, some)]
    assert np.abs(ease[0] - world.mean(0)).mean() < 0.05
    assert np.corrcoef(ease)[0, 1] > 0.95


def test_asking_in_turn_beats_the_fixed_form(simulate):
    """In an item response world, over new models; where it is allowed to: at most FEW anchors."""
    errors = []
    for seed in range(3):
        world = simulate(250, 150, seed)
        fitted = anchors.best(n_anchors=12, seed=seed).fit(world[:150])
        new, truth = world[150:], world[150:].mean(1)
        fixed = fitted.predict(new[:, fitted.anchors_])
        errors.append([np.abs(guess - truth).mean() for guess in (fitted.assess(new), fixed)])
    in_turn, fixed = np.mean(errors, axis=0)
    assert in_turn < 0.9 * fixed


def test_ask_and_assess_agree_for_both_forms(scores, new_scores, monkeypatch):
    few = anchors.best(n_anchors=8).fit(scores)
    asked = [few.ask(partial(np.take, row)) for row in new_scores]
    assert few.assess(new_scores) == pytest.approx(asked)
    room_of_best = sys.modules["illusion_lib.anchors.best"]  # the name itself is the function
    monkeypatch.setattr(room_of_best, "TOGETHER", 7)
    assert few.assess(new_scores) == pytest.approx(asked)
    monkeypatch.setattr(room_of_best, "FEW", 7)
    many = anchors.best(n_anchors=8).fit(scores)
    fixed = many.predict(new_scores[:, many.anchors_])
    assert many.assess(new_scores).tolist() == fixed.tolist()
    assert many.ask(partial(np.take, new_scores[0])) == pytest.approx(fixed[0])
    assert many.anchors_.tolist() == few.anchors_.tolist()


@pytest.mark.parametrize("name", ["best", "adaptive", "tailored"])
def test_each_form_has_intervals_from_its_own_errors(scores, new_scores, name):
    world = np.concatenate([scores, new_scores])
    fitted = replace(anchors.ESTIMATORS[name], n_anchors=6).fit(scores)
    low, high = fitted.assess_interval(world, 0.8)
    middle = fitted.assess(world)
    inside = (low > 0) & (high < 1)
    assert (high - middle)[inside] == pytest.approx((middle - low)[inside])
    one = fitted.ask_interval(partial(np.take, world[3]), 0.8)
    assert one == pytest.approx((middle[3], low[3], high[3]))
    fixed = fitted.interval(world[:, fitted.anchors_], 0.8)
    assert np.ptp(fixed[1] - fixed[0]) < 1
    assert not np.allclose(fixed[0], low)


def test_in_turn_intervals_cover_new_models(simulate):
    world = simulate(400, 60, 5)
    fitted = anchors.best(n_anchors=8).fit(world[:200])
    low, high = fitted.assess_interval(world[200:], 0.9)
    truth = world[200:].mean(1)
    assert 0.83 <= ((low <= truth) & (truth <= high)).mean() <= 0.96


def test_a_fixed_estimator_asks_its_anchors_and_bounds_its_answer(scores, new_scores):
    fitted = anchors.ForwardRidge(n_anchors=6).fit(scores)
    low, high = fitted.interval(new_scores[:1, fitted.anchors_])
    found = fitted.ask_interval(partial(np.take, new_scores[0]))
    assert found == pytest.approx((fitted.assess(new_scores[:1])[0], low[0], high[0]))


def test_inside_learnt_once_the_same_answers_are_learnt_from_once(simulate, monkeypatch):
    fits = []
    fit = room.fit_two_parameter
    monkeypatch.setattr(room, "fit_two_parameter", lambda *a: fits.append(1) or fit(*a))
    scores, others = simulate(30, 20), simulate(31, 20)
    alone = fit_cloud(scores, np.random.default_rng(0)).probability
    fits.clear()
    with learnt_once():
        for table, number in ((scores, 1), (scores, 1), (others, 2)):
            found = fit_cloud(table, np.random.default_rng(0)).probability
            assert (found == alone).all() == (table is scores)
            assert len(fits) == number * len(room.DIMENSIONS)
    fit_cloud(scores, np.random.default_rng(0))
    assert len(fits) == 3 * len(room.DIMENSIONS)  # nothing is kept after it
