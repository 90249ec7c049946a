"""Ways of asking and the shift from the dense model, against plain loops over the rows."""

import numpy as np
import pandas as pd
import pytest

from illusion_lib.divergence import asking, shift


@pytest.fixture
def records(planted) -> pd.DataFrame:
    base = planted(n=30, recovery=False)
    choice = base[base["probe"] == "choice"]
    rng = np.random.default_rng(0)
    letter = choice.assign(probe="letter", agreement=rng.choice([0.5, 0.75, 1.0], len(choice)))
    hits = rng.integers(0, 5, len(choice))
    turned = choice.assign(probe="shuffled", successes=hits, tries=4, correct=hits > 0)
    kl = choice.assign(probe="kl", correct=None, kl_dense=rng.exponential(1.0, len(choice)))
    return pd.concat([base, letter, turned, kl], ignore_index=True)


def test_shares_agreement_and_chance(records) -> None:
    table = asking(records).set_index(["cell", "language", "probe"])
    for cell in ("dense", "wanda-s050"):
        rows = records[records["cell"] == cell]
        letter = rows[rows["probe"] == "letter"]
        found = table.loc[(cell, "all", "letter")]
        assert found["share"] == pytest.approx(letter["correct"].astype(float).mean())
        assert found["agreement"] == pytest.approx(letter["agreement"].mean())
        assert found["chance"] == 0.25
        turned = rows[rows["probe"] == "shuffled"]
        expected = (turned["successes"] / turned["tries"]).mean()
        assert table.loc[(cell, "all", "shuffled"), "share"] == pytest.approx(expected)
        assert pd.isna(table.loc[(cell, "all", "open"), "chance"])
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()


def test_shift_is_the_quartiles(records) -> None:
    row = shift(records).set_index("language").loc["all"]
    values = records[(records["probe"] == "kl") & (records["cell"] != "dense")]["kl_dense"]
    assert row["median"] == pytest.approx(values.median())
    assert row["third_quartile"] == pytest.approx(values.quantile(0.75))


def test_without_these_probes_there_is_nothing_to_show(planted) -> None:
    plain = planted(n=10, recovery=False)
    assert set(asking(plain)["probe"]) == {"open", "choice"}
    assert shift(plain).empty
