import numpy as np
import pandas as pd
import pytest

from illusion_lib import load_items, load_model
from illusion_lib.anchors import AnchorError
from illusion_lib.anchors.guess import CHEAP, Guess, cheap_answers, shipped_guess
from illusion_lib.probes import probe
from illusion_lib.specs import ProbeSpec


@pytest.fixture(scope="module")
def records():
    items = load_items("facts", languages=["en"], relations=["capital"], limit=12)
    return probe(load_model("tiny-random"), items, ProbeSpec(("open", "choice"), max_new_tokens=2))


def test_cheap_answers_are_read_off_the_golds_option_scores(records):
    cheap = cheap_answers(records)
    rows = records[(records["probe"] == "choice") & (records["target"] == "gold")]
    rows = rows.set_index("item_id")
    assert tuple(cheap.columns) == CHEAP
    assert list(cheap.index) == list(rows.index)
    assert ((cheap["ahead"] > 0) == cheap["picked"]).all()
    for name, row in rows.iterrows():
        scores = list(row["log_prob_sum"])
        gold = scores.pop(int(row["gold_index"]))
        assert cheap.loc[name, "log_prob"] == pytest.approx(gold)
        assert cheap.loc[name, "ahead"] == pytest.approx(gold - max(scores))
        assert cheap.loc[name, "tokens"] == len(row["target_ranks"])
        assert cheap.loc[name, "worst_rank"] == max(row["target_ranks"])
        assert (cheap.loc[name, "margin"] == 0) == (cheap.loc[name, "rank"] == 1)


def test_records_that_do_not_say_are_refused(records):
    with pytest.raises(AnchorError, match="as multiple choice first"):
        cheap_answers(records[records["probe"] == "open"])
    with pytest.raises(AnchorError, match="probe again"):
        cheap_answers(records.assign(target_rank=pd.NA))
    with pytest.raises(AnchorError, match="right and wrong"):
        Guess.of(cheap_answers(records), pd.Series([False] * 12))


def made_up(n, seed):
    """Items whose answer is said where every token is the top one, but for a tenth of them."""
    rng = np.random.default_rng(seed)
    rank = rng.choice([1, 1, 2, 9, 300], n)
    worst = np.maximum(rank, rng.choice([1, 1, 4], n))
    log_prob = -np.log(worst) - rng.exponential(0.5, n)
    cheap = pd.DataFrame(
        {
            "picked": rng.random(n) < 0.8,
            "log_prob": log_prob,
            "tokens": rng.integers(1, 4, n),
            "rank": rank,
            "worst_rank": worst,
            "margin": -np.log(rank),
            "ahead": rng.normal(1, 2, n),
        }
    )
    return cheap, pd.Series((worst == 1) ^ (rng.random(n) < 0.1))


def test_a_guess_learned_on_some_items_is_calibrated_on_others():
    guess = Guess.of(*made_up(2000, 0))
    cheap, said = made_up(2000, 1)
    chance = guess(cheap)
    assert chance.shape == (2000,)
    assert chance[cheap["worst_rank"] == 1].mean() == pytest.approx(0.9, abs=0.03)
    assert chance[cheap["worst_rank"] > 1].mean() == pytest.approx(0.1, abs=0.03)
    plain = ((said - said.mean()) ** 2).mean()
    assert ((said - chance) ** 2).mean() < 0.5 * plain


def test_what_others_said_helps_where_it_is_given():
    cheap, said = made_up(2000, 0)
    told = cheap.assign(known=np.where(said, 0.9, 0.1))
    guess = Guess.of(told, said)
    assert guess(told)[said].min() > guess(told)[~said].max()
    with pytest.raises(ValueError, match="features"):
        guess(cheap)


def test_the_shipped_guess_knows_that_top_tokens_are_said():
    cheap, _ = made_up(500, 2)
    chance = shipped_guess()(cheap)
    assert chance[cheap["worst_rank"] == 1].min() > 0.5
    assert chance[cheap["rank"] > 100].max() < 0.4
