import numpy as np
import pandas as pd
import pytest
from scipy import stats

from illusion_lib.divergence import excess_recovery, outcomes, pairs, reached, recovery
from illusion_lib.divergence.recovery import compare_groups


def cell_of(table: pd.DataFrame, **where: str) -> pd.Series:
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_groups_are_what_they_say(planted) -> None:
    records = planted(n=80, languages=("en", "es"), seed=2)
    items = outcomes(records)
    paired = pairs(items)
    found = reached(records)
    beam = found[found["probe"] == "beam"]
    sizes = beam["group"].value_counts()
    assert sizes["lost"] == (paired["flow"] == "lost").sum()
    assert sizes["distractor"] == sizes["lost"]
    assert sizes["neither"] == (paired["outcome"] == "neither").sum()
    dense = items[items["method"] == "dense"]
    assert sizes["dense_failures"] == (~dense["produces"]).sum()
    assert set(found["cell"]) == {"wanda-s050"}


def test_counts_against_a_plain_loop(planted) -> None:
    records = planted(n=60, seed=4)
    lost = pairs(outcomes(records)).query("flow == 'lost'")["item_id"]
    hits = records[
        (records["cell"] == "wanda-s050")
        & (records["probe"] == "beam")
        & (records["target"] == "gold")
        & records["item_id"].isin(lost)
    ]
    row = cell_of(recovery(records), probe="beam", group="lost")
    assert (row["items"], row["successes"]) == (len(lost), hits["correct"].sum())
    assert row["budget"] == 8
    assert row["low"] < row["rate"] < row["high"]


def test_excess_is_found_where_planted(planted) -> None:
    table = excess_recovery(planted(n=150, demoted=0.8, control=0.1, seed=5))
    row = cell_of(table, probe="beam", control="neither")
    assert row["low"] < 0.7 < row["high"]
    assert row["p_holm"] < 0.001
    counts = [
        [round(row["lost_rate"] * row["lost_items"]), 0],
        [round(row["control_rate"] * row["control_items"]), 0],
    ]
    counts[0][1] = row["lost_items"] - counts[0][0]
    counts[1][1] = row["control_items"] - counts[1][0]
    assert row["p_value"] == pytest.approx(stats.fisher_exact(counts, "greater").pvalue)


@pytest.mark.parametrize("languages", [1, 2])
def test_no_excess_where_tries_alone_recover(languages: int) -> None:
    """Lost answers and controls are reached equally often: the test keeps its level."""
    rng = np.random.default_rng(9)
    p_values, covered = [], []
    for _ in range(800):
        fact = rng.random(60) < 0.3
        same = rng.random((languages, 60)) < 0.6  # languages agree on most facts
        hits = np.where(same, fact, rng.random((languages, 60)) < 0.3).astype(float)
        ids = np.tile(np.arange(60), languages)
        lost = ids < 20
        row = compare_groups(hits.ravel()[lost], ids[lost], hits.ravel()[~lost], ids[~lost])
        p_values.append(row["p_value"])
        covered.append(row["low"] <= 0 <= row["high"])
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 0.016
    assert 0.93 - 0.016 <= np.mean(covered) <= 0.985


def test_collapsed_outputs_are_counted_apart(planted) -> None:
    records = planted(n=60, seed=6)
    lost = pairs(outcomes(records)).query("flow == 'lost'")["item_id"]
    loops = lost.iloc[:3]
    opened = (
        (records["cell"] == "wanda-s050")
        & (records["probe"] == "open")
        & records["item_id"].isin(loops)
    )
    records.loc[opened, "output_class"] = "repetition"
    table = recovery(records)
    assert cell_of(table, probe="beam", group="lost")["items"] == len(lost) - 3
    assert cell_of(table, probe="beam", group="lost_collapsed")["items"] == 3
    records.loc[opened, "output_class"] = "truncated"
    assert cell_of(recovery(records), probe="beam", group="lost")["items"] == len(lost)


def test_rank_counts_near_the_top(planted) -> None:
    records = planted(n=60, demoted=1.0, control=0.0, seed=7)
    row = cell_of(recovery(records), probe="rank", group="lost")
    assert (row["rate"], row["budget"]) == (1.0, 10)
    strict = cell_of(recovery(records, near_top=1), probe="rank", group="lost")
    assert strict["rate"] == 0


def test_nothing_lost_is_a_defined_answer(planted) -> None:
    records = planted(n=30, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    table = excess_recovery(records)
    assert set(table["reason"]) == {"no lost answer"}
    assert table["excess"].isna().all()
    rates = recovery(records)
    assert set(rates.loc[rates["group"] == "lost", "reason"]) == {"no such item"}


def test_without_recovery_probes_the_tables_are_empty(planted) -> None:
    records = planted(n=20, recovery=False)
    assert recovery(records).empty
    assert excess_recovery(records).empty
    assert reached(records).empty
