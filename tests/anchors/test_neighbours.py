import numpy as np
import pytest

from illusion_lib.anchors.neighbours import NEAR, Neighbours
from illusion_lib.anchors.zoo import DENSE, load_zoo


@pytest.fixture(scope="module")
def rows():
    """Every eighth variant of the shipped zoo, 40 items."""
    zoo = load_zoo()
    kept = zoo.rows["variant"].isin({DENSE, *zoo.variants[1::8]})
    items = zoo.rows["item_id"].drop_duplicates().iloc[::6]
    return zoo.rows[kept & zoo.rows["item_id"].isin(items)]


def test_answers_are_those_of_the_rows_in_any_order(rows):
    shuffled = rows.sample(frac=1, random_state=0)
    for given in (rows, shuffled):
        others = Neighbours(given)
        for place in (0, 3):
            own = given[given["variant"] == others.variants[place]].sort_values("item_id")
            assert set(own["method"]) == {others.methods[place]}
            assert others.said[place].tolist() == own["said"].astype(float).tolist()
            assert others.tokens[place].tolist() == own["answer_tokens"].astype(float).tolist()


def test_shares_weigh_neighbours_by_likeness(rows):
    """Against loops over variants and items."""
    others = Neighbours(rows)
    judged = others.methods == "wanda"
    share = others._share(judged, ~judged)
    place = int(np.flatnonzero(judged)[0])

    def log_probs(n):
        own = rows[rows["variant"] == others.variants[n]].sort_values("item_id")
        return own["log_prob"].astype(float).clip(lower=-50).to_numpy()

    teachers = np.flatnonzero(~judged)
    apart = [np.mean((log_probs(place) - log_probs(n)) ** 2) for n in teachers]
    weights = [np.exp(-(a - min(apart)) / (2 * NEAR**2)) for a in apart]
    for item in (0, 7, 21):
        said = sum(w * others.said[n, item] for w, n in zip(weights, teachers, strict=True))
        assert share[0, item] == pytest.approx((said + 0.25) / (sum(weights) + 0.5), rel=1e-4)


@pytest.mark.parametrize("told", [True, False])
def test_a_method_left_out_is_guessed_from_its_cheap_answers_alone(rows, told):
    without = {"wanda", "magnitude"}
    turned = rows.copy()
    own = turned["method"].isin(without)
    turned.loc[own, "said"] = ~turned.loc[own, "said"]
    before = dict(Neighbours(rows).guesses(without, told))
    after = dict(Neighbours(turned).guesses(without, told))
    methods = Neighbours(rows).methods
    assert {methods[place] for place in before} == without
    assert set(before) == set(np.flatnonzero(np.isin(methods, list(without))))
    for place, guess in before.items():
        assert guess == pytest.approx(after[place])
        assert ((guess > 0) & (guess < 1)).all()


def test_neighbours_tell_more_than_chance(rows):
    others = Neighbours(rows)
    errors = [
        np.mean((others.said[place] - guess) ** 2) - others.said[place].var()
        for place, guess in others.guesses(["sparsegpt"])
    ]
    assert np.mean(errors) < 0
