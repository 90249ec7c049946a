import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from illusion_lib.anchors import AnchorError, draw_items, production_estimate, stop_when_narrow
from illusion_lib.anchors.illusion import PENALTIES, _predict, _standardised


def world(n_items=400, strength=3.0, seed=0):
    """Cheap log-prob and noise; production follows the log-prob as strongly as asked."""
    rng = np.random.default_rng(seed)
    log_prob = rng.normal(size=n_items)
    answers = (rng.random(n_items) < 1 / (1 + np.exp(-strength * log_prob))).astype(float)
    return np.column_stack([log_prob, rng.normal(size=n_items)]), answers


def test_all_items_generated_give_the_exact_score():
    cheap, answers = world()
    found = production_estimate(cheap, np.arange(400), answers)
    assert (found.low, found.estimate, found.high) == pytest.approx((answers.mean(),) * 3)


def test_the_estimate_is_the_mean_guess_with_honest_errors():
    """Against ridge refitted without each generated item, over the whole penalty grid."""
    cheap, answers = world(80)
    items = np.random.default_rng(1).choice(80, 25, replace=False)
    x = _standardised(cheap)
    guess, errors = _predict(cheap, items, answers[items])
    losses = {}
    for penalty in PENALTIES:
        held = []
        for i in range(25):
            rest = np.delete(items, i)
            # The intercept is refitted; the features keep their scale over all items.
            line = Ridge(penalty).fit(x[rest], answers[rest])
            held.append(answers[items[i]] - line.predict(x[items[i]][None])[0])
        losses[penalty] = np.array(held)
    best = min(losses, key=lambda penalty: (losses[penalty] ** 2).mean())
    assert errors == pytest.approx(losses[best], abs=1e-6)
    assert guess == pytest.approx(Ridge(best).fit(x[items], answers[items]).predict(x), abs=1e-6)
    found = production_estimate(cheap, items, answers[items])
    assert found.estimate == pytest.approx(guess.mean())
    assert (answers - guess)[items].mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("strength", "n"), [(0.0, 40), (3.0, 40), (3.0, 120), (8.0, 30)])
def test_ninety_percent_intervals_cover(strength, n):
    """300 draws of items; nominal 0.90, Monte Carlo error 0.017."""
    cheap, answers = world(strength=strength, seed=3)
    hits, gaps = [], []
    for seed in range(300):
        items = np.random.default_rng(seed).choice(400, n, replace=False)
        found = production_estimate(cheap, items, answers[items])
        hits.append(found.low <= answers.mean() <= found.high)
        gaps.append(found.estimate - answers.mean())
    assert 0.85 <= np.mean(hits) <= 0.97
    assert abs(np.mean(gaps)) < 0.012


def test_good_predictors_narrow_the_interval_and_useless_ones_cost_little():
    def mean_size(strength):
        cheap, answers = world(strength=strength, seed=5)
        sizes = []
        for seed in range(100):
            items = np.random.default_rng(seed).choice(400, 50, replace=False)
            sizes.append(production_estimate(cheap, items, answers[items]).effective_size)
        return np.mean(sizes)

    assert mean_size(0.0) == pytest.approx(50, rel=0.12)
    assert mean_size(8.0) > 90


def test_effective_size_of_the_plain_mean_is_its_size():
    _, answers = world()
    items = np.random.default_rng(0).choice(400, 60, replace=False)
    found = production_estimate(np.empty((400, 0)), items, answers[items])
    assert found.estimate == pytest.approx(answers[items].mean())
    assert found.effective_size == pytest.approx(60, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.booleans())
def test_what_is_measured_bounds_the_answer(seed, n, constant):
    cheap, answers = world(60, seed=seed)
    answers = np.ones(60) if constant else answers
    items = draw_items(cheap, n, seed)
    found = production_estimate(cheap, items, answers[items])
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low >= answers[items].sum() / 60 - 1e-12
    assert found.high <= 1 - (1 - answers[items]).sum() / 60 + 1e-12


def test_too_few_items_for_a_line_are_said():
    cheap, answers = world()
    found = production_estimate(cheap, np.arange(6), answers[:6])
    assert found.estimate == pytest.approx(answers[:6].mean())
    assert "too few for a line" in found.notes[0]


def test_missing_cheap_answers_are_allowed_and_malformed_input_is_refused():
    cheap, answers = world()
    cheap[::7, 0] = np.nan
    assert np.isfinite(production_estimate(cheap, np.arange(40), answers[:40]).estimate)
    for items, observed, message in (
        ([0, 0], [1, 1], "generated twice"),
        ([0, 400], [1, 1], "reach from 0 to 400"),
        ([0, 1], [1, 2], "does not lie"),
        ([0], [1], "at least 2"),
    ):
        with pytest.raises(AnchorError, match=message):
            production_estimate(cheap, items, observed)


def test_every_item_is_drawn_equally_often_and_evenly():
    cheap, _ = world(50)
    counts = np.zeros(50)
    for seed in range(1000):
        drawn = draw_items(cheap, 10, seed)
        assert len(set(drawn.tolist())) == 10
        counts[drawn] += 1
    assert np.abs(counts / 1000 - 0.2).max() < 0.06
    assert not set(draw_items(cheap, 10, 0, exclude=np.arange(40))) & set(range(40))


def test_it_stops_at_the_wanted_width_and_covers_there():
    hits, spent = [], []
    for seed in range(100):
        cheap, answers = world(strength=6.0, seed=seed)
        *_, last = stop_when_narrow(cheap, lambda i, a=answers: a[i], width=0.2, seed=seed)
        assert last.width <= 0.2
        hits.append(last.low <= answers.mean() <= last.high)
        spent.append(last.n_measured)
    assert np.mean(hits) >= 0.9
    assert np.mean(spent) < 250


@pytest.mark.parametrize("n", [18, 60])
def test_intervals_stay_honest_where_nearly_all_answers_are_wrong(n):
    """Three in a hundred items are answered right, and most draws hold none of them."""
    answers = np.zeros(400)
    answers[::33] = 1
    cheap = np.random.default_rng(0).normal(size=(400, 2))
    hits = []
    for seed in range(300):
        items = np.random.default_rng(seed).choice(400, n, replace=False)
        found = production_estimate(cheap, items, answers[items])
        hits.append(found.low <= answers.mean() <= found.high)
    assert np.mean(hits) >= 0.88


def test_the_gap_turns_the_interval_round():
    cheap, answers = world()
    found = production_estimate(cheap, np.arange(60), answers[:60])
    gap, low, high = found.gap(0.8)
    assert gap == pytest.approx(0.8 - found.estimate)
    assert (low, high) == pytest.approx((0.8 - found.high, 0.8 - found.low))


def test_sequential_stopping_spends_no_more_than_allowed():
    cheap, answers = world()
    steps = list(stop_when_narrow(cheap, lambda i: answers[i], 1e-6, batch=10, most=35))
    assert [step.n_measured for step in steps] == [20, 30, 35]
    with pytest.raises(AnchorError, match="at least 2"):
        next(stop_when_narrow(cheap, lambda i: answers[i], 0.1, most=1))
