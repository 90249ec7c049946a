from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.anchors import AnchorError, draw_items, production_estimate, stop_when_narrow
from illusion_lib.anchors.illusion import DOUBT, PRIOR, inclusion, rehearse


def world(n_items=400, strength=3.0, seed=0, bias=0.0):
    """Chances of being right, more or less sure, and answers that follow them (but for `bias`)."""
    rng = np.random.default_rng(seed)
    log_odds = strength * rng.normal(size=n_items)
    answers = (rng.random(n_items) < 1 / (1 + np.exp(-log_odds - bias))).astype(float)
    return 1 / (1 + np.exp(-log_odds)), answers


def estimates(guess, answers, n, draws):
    for seed in range(draws):
        items = draw_items(guess, n, seed)
        yield production_estimate(guess, items, answers[items])


def test_all_items_generated_give_the_exact_score():
    guess, answers = world()
    found = production_estimate(guess, np.arange(400), answers)
    assert (found.low, found.estimate, found.high) == pytest.approx((answers.mean(),) * 3)
    assert found.effective_size == 400


def test_one_guess_for_all_is_the_plain_mean():
    _, answers = world()
    guess = np.full(400, 0.3)
    items = draw_items(guess, 60, 1)
    found = production_estimate(guess, items, answers[items])
    assert found.estimate == pytest.approx(answers[items].mean())
    assert found.effective_size == pytest.approx(60, rel=0.15)
    assert inclusion(guess, 60) == pytest.approx(np.full(400, 0.15))


def test_the_estimate_and_its_variance_are_the_formulas():
    guess, answers = world(80)
    items = draw_items(guess, 25, 1)
    drawn, own = inclusion(guess, 25), guess * (1 - guess) + DOUBT
    found = production_estimate(guess, items, answers[items], 0.9)
    errors = answers - guess
    assert found.estimate == pytest.approx(
        guess.mean() + sum(errors[i] / drawn[i] for i in items) / 80
    )
    shown = sum((1 - drawn[i]) * (errors[i] / drawn[i]) ** 2 for i in items) * 25 / 24
    trusted = sum(own[i] * (1 / drawn[i] - 1) for i in range(80))
    variance = (25 * shown + PRIOR * trusted) / (25 + PRIOR) / 80**2
    reach = found.high - found.estimate - 0.5 / 80
    assert reach**2 / variance == pytest.approx(1.691**2, rel=1e-2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0, 12))
def test_chances_of_being_drawn_sum_to_the_number_drawn(seed, n, strength):
    guess, answers = world(60, strength, seed)
    drawn = inclusion(guess, n)
    assert drawn.sum() == pytest.approx(n)
    assert (drawn > 0).all()
    assert (drawn <= 1 + 1e-12).all()
    items = draw_items(guess, n, seed)
    assert len(set(items.tolist())) == n
    assert set(np.flatnonzero(drawn >= 1)) <= set(items.tolist())
    assert set(items.tolist()) <= set(draw_items(guess, min(60, n + 7), seed).tolist())
    found = production_estimate(guess, items, answers[items])
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low >= answers[items].sum() / 60 - 1e-12
    assert found.high <= 1 - (1 - answers[items]).sum() / 60 + 1e-12


def test_items_are_drawn_as_often_as_their_chance_says():
    guess, _ = world(50)
    counts = np.zeros(50)
    for seed in range(2000):
        counts[draw_items(guess, 10, seed)] += 1
    assert counts / 2000 == pytest.approx(inclusion(guess, 10), abs=0.04)


@pytest.mark.parametrize(
    ("strength", "n", "bias"), [(0.0, 40, 0), (3.0, 40, 0), (3.0, 120, 0), (8.0, 30, 0), (3, 40, 2)]
)
def test_it_is_right_on_average_and_ninety_percent_intervals_cover(strength, n, bias):
    """300 draws; nominal 0.90, Monte Carlo error 0.017; also where the guess is far off."""
    guess, answers = world(strength=strength, seed=3, bias=bias)
    found = list(estimates(guess, answers, n, 300))
    gaps = [one.estimate - answers.mean() for one in found]
    hits = [one.low <= answers.mean() <= one.high for one in found]
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / np.sqrt(300) + 0.004
    assert 0.85 <= np.mean(hits) <= 0.99


def test_a_good_guess_narrows_the_interval_and_a_useless_one_costs_little():
    def mean_size(strength, shuffled=False):
        guess, answers = world(strength=strength, seed=5)
        guess = np.random.default_rng(0).permutation(guess) if shuffled else guess
        return np.mean([one.effective_size for one in estimates(guess, answers, 50, 100)])

    assert mean_size(8.0) > 150
    assert mean_size(3.0) > 80
    assert mean_size(1.0, shuffled=True) > 35


@pytest.mark.parametrize("n", [18, 60])
def test_intervals_stay_honest_where_the_guess_misses_the_few_right_answers(n):
    """Three in a hundred items are answered right, none of them guessed; most draws hold none."""
    answers = np.zeros(400)
    answers[::33] = 1
    guess = np.full(400, 0.03)
    hits = [one.low <= answers.mean() <= one.high for one in estimates(guess, answers, n, 300)]
    assert np.mean(hits) >= 0.85


def test_malformed_input_is_refused():
    guess, _ = world()
    for chances, items, observed, message in (
        (guess, [0, 0], [1, 1], "generated twice"),
        (guess, [0, 400], [1, 1], "reach from 0 to 400"),
        (guess, [0, 1], [1, 2], "does not lie"),
        (guess, [0], [1], "at least 2"),
        (guess[:, None], [0, 1], [1, 1], "one number an item"),
        (guess * np.nan, [0, 1], [1, 1], "does not lie"),
    ):
        with pytest.raises(AnchorError, match=message):
            production_estimate(chances, items, observed)
    with pytest.raises(AnchorError, match="401 items asked of 400"):
        draw_items(guess, 401)


def test_it_stops_at_the_wanted_width_and_covers_there():
    hits, spent = [], []
    for seed in range(100):
        guess, answers = world(strength=6.0, seed=seed)
        *_, last = stop_when_narrow(guess, lambda i, a=answers: a[i], width=0.1, seed=seed)
        assert last.width <= 0.1
        hits.append(last.low <= answers.mean() <= last.high)
        spent.append(last.n_measured)
    assert np.mean(hits) >= 0.9
    assert np.mean(spent) < 150


def test_the_gap_turns_the_interval_round():
    guess, answers = world()
    items = draw_items(guess, 60)
    found = production_estimate(guess, items, answers[items])
    gap, low, high = found.gap(0.8)
    assert gap == pytest.approx(0.8 - found.estimate)
    assert (low, high) == pytest.approx((0.8 - found.high, 0.8 - found.low))


def test_sequential_stopping_spends_no_more_than_allowed():
    guess, answers = world()
    asked = []

    def generate(items):
        asked.extend(items.tolist())
        return answers[items]

    steps = list(stop_when_narrow(guess, generate, 1e-6, batch=10, most=35))
    assert [step.n_measured for step in steps] == [20, 30, 35]
    assert len(set(asked)) == len(asked) == 35
    with pytest.raises(AnchorError, match="at least 2"):
        next(stop_when_narrow(guess, generate, 0.1, most=1))


def test_a_given_quantile_is_what_the_interval_reaches():
    """`missed` says how much is needed: with so much the truth is just held, else not."""
    rng = np.random.default_rng(1)
    guess = rng.uniform(0.2, 0.8, 200)
    answers = (rng.random(200) < guess).astype(float)
    items = draw_items(guess, 30, seed=4)
    plain = production_estimate(guess, items, answers[items])
    truth = plain.estimate - 2.5 * plain.standard_error
    needed = plain.missed(truth)
    assert needed == pytest.approx(2.5 - 0.5 / 200 / plain.standard_error)
    assert plain.missed(plain.estimate) == 0
    for quantile, held in ((needed + 1e-6, True), (needed - 1e-6, False)):
        found = production_estimate(guess, items, answers[items], quantile=quantile)
        assert (found.low <= truth <= found.high) == held
        assert found.estimate == plain.estimate


@given(st.integers(0, 2**31), st.integers(2, 60), st.sampled_from([None, 1.3]))
@settings(max_examples=30, deadline=None)
def test_a_rehearsal_is_a_draw_and_an_estimate(seed, n, quantile):
    rng = np.random.default_rng(seed)
    guesses = rng.random((3, 60)) ** [[1], [4], [0]]  # as it falls, mostly sure, all alike
    said = (rng.random((3, 60)) < guesses).astype(float)
    items, made = rehearse(guesses, said, n, [seed, seed + 1, seed + 2], 0.8, quantile)
    for row, guess in enumerate(guesses):
        assert items[row].tolist() == draw_items(guess, n, seed + row).tolist()
        one = production_estimate(guess, items[row], said[row, items[row]], 0.8, quantile)
        assert astuple(made[row]) == pytest.approx(astuple(one), rel=1e-12)
