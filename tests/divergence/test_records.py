"""The whole room on records as a run stores them, and on the ways in which they can be thin."""

import numpy as np
import pandas as pd
import pytest

import illusion_lib.divergence as divergence
from illusion_lib.records import Record, to_frame, to_table

BASE = {"relation": "capital", "question": "?", "gold": "a", "prompt_hash": "0"}
COST = {"prompt_tokens": 1, "output_tokens": 1, "seconds": 0.1}


def stored(frame: pd.DataFrame) -> pd.DataFrame:
    """Take planted rows through `Record` and Arrow, as a run does, cell by cell."""
    front = ["model", "cell", "method", "sparsity", "pattern", "label", "calibration_seed"]
    parts = []
    for names, part in frame.groupby(front, sort=False, dropna=False):
        rows = part.drop(columns=front).astype(object)
        rows = rows.where(rows.notna(), None).to_dict("records")
        cell = to_frame(to_table([Record(**BASE, **COST, **row) for row in rows]))
        for at, (name, value) in enumerate(zip(front, names, strict=True)):
            cell.insert(at, name, None if pd.isna(value) else value)
        parts.append(cell)
    return pd.concat(parts, ignore_index=True)


def every_table(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    items = divergence.outcomes(records)
    paired = divergence.pairs(items)
    prunings = divergence.pruning_verdicts(items, resamples=300)
    methods = divergence.method_verdicts(prunings)
    return {
        "accuracy": divergence.accuracy(records),
        "outcome_counts": divergence.outcome_counts(items),
        "transitions": divergence.transitions(paired),
        "unpaired": divergence.unpaired(items),
        "agreement": divergence.format_agreement(items),
        "gaps": divergence.gaps(items, resamples=300),
        "rate": divergence.recognition_only_rate(items),
        "changes": divergence.changes(paired, resamples=300),
        "recovery": divergence.recovery(records),
        "excess": divergence.excess_recovery(records),
        "curve": divergence.budget_curve(records, resamples=300),
        "fates": divergence.fate_counts(records),
        "item_fates": divergence.item_fates(records),
        "draws": divergence.calibration_draws(paired, resamples=300),
        "interactions": divergence.interactions(paired),
        "sparsity_models": divergence.sparsity_models(paired),
        "prunings": prunings,
        "methods": methods,
        "models": divergence.model_verdicts(methods),
        "predictions": divergence.predictions(records, resamples=300),
    }


def assert_defined(name: str, table: pd.DataFrame) -> None:
    """No NaN: what is missing is <NA>, and then the row says why."""
    for column in table.select_dtypes("number"):
        assert isinstance(table[column].dtype, pd.api.extensions.ExtensionDtype), (name, column)
        values = table[column].dropna().to_numpy(dtype=float)
        assert np.isfinite(values).all(), (name, column)
    if "reason" in table and name not in ("methods", "models", "prunings", "predictions"):
        main = next(c for c in ("estimate", "share", "rate", "excess", "odds_ratio") if c in table)
        assert table.loc[table[main].isna(), "reason"].notna().all(), name


def test_stored_records_give_the_same_tables(planted) -> None:
    plain = planted(n=25)
    kept = stored(plain)
    expected = every_table(plain)
    for name, found in every_table(kept).items():
        assert len(found), name
        pd.testing.assert_frame_equal(found, expected[name], obj=name)


MAIN = ("gaps", "recovery", "excess", "curve", "interactions", "sparsity_models")


@pytest.mark.parametrize(
    "settings",
    [
        {"n": 1},
        {"n": 2, "languages": ("en", "es", "de")},
        {"n": 25, "know": 2.0, "say": 2.0, "cells": {"wanda-s030": ("wanda", 0.3, 2.0, 2.0)}},
        {"n": 25, "know": -1.0, "say": -1.0},
        {"n": 25, "cells": {"magnitude-s090": ("magnitude", 0.9, 0.0, 0.0)}},
        {"n": 25, "recovery": False},
        {"n": 25, "cells": {}},
    ],
)
def test_thin_records_are_defined(planted, settings) -> None:
    for name, table in every_table(planted(**settings)).items():
        if name in MAIN:
            assert_defined(name, table)


def test_missing_cells_and_items_are_defined(study: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    thin = study[(rng.random(len(study)) < 0.3) | (study["cell"] == "dense")]
    for name, table in every_table(thin).items():
        if name in MAIN:
            assert_defined(name, table)


def test_two_models_do_not_mix(planted) -> None:
    one, other = planted(n=20, model="a", seed=1), planted(n=20, model="b", seed=2)
    both = every_table(pd.concat([one, other], ignore_index=True))
    alone = every_table(other)
    for name in ("gaps", "recovery", "excess", "changes", "prunings", "predictions", "fates"):
        part = both[name][both[name]["model"] == "b"].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone[name], obj=name)


def test_cells_without_a_sparsity(planted) -> None:
    """Results of other tools: an unpruned and a compressed model, nothing else known."""
    records = planted(n=60)[["item_id", "probe", "target", "correct", "options", "cell"]]
    dense, pruned = (part.drop(columns="cell") for _, part in records.groupby("cell"))
    tables = every_table(divergence.combine(dense, {"int4": pruned}, model="m"))
    assert tables["prunings"]["status"].tolist() == ["illusion"]
    assert tables["models"]["quoted_label"].tolist() == ["int4"]
    assert tables["models"]["quoted_sparsity"].isna().all()
    assert len(tables["gaps"]) == 16
