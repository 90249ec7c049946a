import numpy as np
import pytest

from illusion_lib.anchors import AnchorError
from illusion_lib.anchors.generated import (
    BY_DENSE,
    BY_OTHERS,
    RANDOM,
    WAYS,
    saving,
    trial_estimates,
)
from illusion_lib.anchors.zoo import DENSE, Zoo, load_zoo


@pytest.fixture(scope="module")
def some():
    """A variant in eight of the shipped zoo."""
    zoo = load_zoo()
    kept = {DENSE, *zoo.variants[1::8]}
    return Zoo(zoo.rows[zoo.rows["variant"].isin(kept)], zoo.manifest)


@pytest.fixture(scope="module")
def found(some):
    return trial_estimates(some, (12, 24, 96, 180), seeds=5)


def test_every_variant_is_estimated_in_every_way(some, found):
    assert set(found["variant"]) == set(some.variants) - {DENSE}
    counts = found.groupby(["way", "n"]).size()
    assert (counts == 5 * (len(some.variants) - 1)).all()
    truth = some.rows.groupby("variant")["said"].mean()
    assert np.allclose(found["truth"], found["variant"].map(truth))


def test_guided_items_need_fewer_tokens_and_their_intervals_hold(found):
    table = saving(found).set_index(["way", "n"])
    for way in (BY_DENSE, BY_OTHERS):
        assert table.loc[(way, 12), "saving"] >= 2
        assert table.loc[(way, 24), "error"] < 0.7 * table.loc[(RANDOM, 24), "error"]
        assert table.loc[way, "coverage"].mean() >= 0.85
    assert table.loc[RANDOM, "saving"].to_numpy() == pytest.approx(1)
    assert set(found["way"]) == set(WAYS)


def test_other_methods_save_five_times_the_tokens_and_their_intervals_are_calibrated():
    """On the whole zoo: equal width, coverage about nominal, every method judged was left out."""
    found = trial_estimates(load_zoo(), (12, 48, 96), seeds=2)
    table = saving(found).set_index(["way", "n"]).loc[BY_OTHERS]
    assert table.loc[12, "saving"] >= 5
    assert ((table["coverage"] > 0.85) & (table["coverage"] < 0.95)).all()


def test_no_variant_teaches_its_own_guess(some, found):
    """Were the answers of a method changed, only guesses for *other* methods may change."""
    rows = some.rows.copy()
    own = rows["method"] == "wanda"
    rows.loc[own, "said"] = ~rows.loc[own, "said"]
    changed = trial_estimates(Zoo(rows, {}), (12,), seeds=2)
    before = found[(found["n"] == 12) & (found["seed"] < 2) & (found["method"] == "wanda")]
    after = changed[changed["method"] == "wanda"]
    keys = ["variant", "way", "seed"]
    both = before.merge(after, on=keys, suffixes=("", "_changed"))
    # The same guess draws the same items, so the same number of tokens.
    assert (both["tokens"] == both["tokens_changed"]).all()


def test_more_items_than_there_are_is_refused(some):
    with pytest.raises(AnchorError, match="lower the numbers"):
        trial_estimates(some, (1000,), seeds=1)
