"""Which decisions of the answer matcher a reader should look at: the close calls of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from illusion_lib.items.judging import character_f1
from illusion_lib.report.exhibit import Html, item_link
from illusion_lib.report.numerals import Format, share
from illusion_lib.report.parts import note
from illusion_lib.report.tables import table

NEAR = 0.7  # character F1 from which a wrong answer is called nearly spelt
_MEASURES = ("exact", "contains", "character_f1")
_ANSWERS = ("open", "candidates", "gold_only", "gold_absent")  # probes with one answer an item
_CLEAR = "no doubt"
_RIGHT, _WRONG = "right", "wrong"
REASONS: dict[str, str] = {
    "other form": "the whole answer is an accepted form, but not the scored option",
    "within more": "the answer stands in a longer text",
    "near enough": "a sentence that is nearer to a right answer than to a wrong one",
    "said, not given": "the answer is said, but denied, or another option comes first",
    "nearly spelt": f"wrong, yet its character F1 with the answer is at least {NEAR}",
}


def close_calls(records: pd.DataFrame) -> pd.DataFrame:
    """Return the generated answers on which the matcher's decision could be doubted.

    Parameters
    ----------
    records
        Records of any number of cells, with the columns ``exact``, ``contains`` and
        ``character_f1``; without them nothing is returned.

    Returns
    -------
    DataFrame
        One row per language, question and answer, however many cells gave it: ``language,
        question, gold, answer, decision`` (``right`` or ``wrong``), ``why`` (a key of `REASONS`),
        ``character_f1``, ``item_id``, ``times``. By reason, the doubtful first.
    """
    columns = ["language", "question", "gold", "answer", "decision", "why", "character_f1"]
    columns.append("item_id")
    if not set(_MEASURES) <= set(records.columns):
        return pd.DataFrame(columns=[*columns, "times"])
    rows = _judged(records)
    rows = rows.assign(
        why=_reasons(rows),
        decision=np.where(rows["correct"].astype(bool), _RIGHT, _WRONG),
    ).dropna(subset="why")
    calls = rows.groupby(columns, as_index=False).size().rename(columns={"size": "times"})
    order = {name: place for place, name in enumerate(REASONS)}
    # A long text around a right answer is doubtful, and so is a wrong answer that is nearly spelt.
    doubt = calls["character_f1"] * np.where(calls["decision"] == _RIGHT, 1, -1)
    calls = calls.assign(_reason=calls["why"].map(order), _doubt=doubt)
    calls = calls.sort_values(["_reason", "_doubt", "language", "question", "answer"])
    return calls[[*columns, "times"]].reset_index(drop=True)


def _judged(records: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of answers that the matcher has judged one by one."""
    kept = records[
        (records["target"] == "gold")
        & records["probe"].isin(_ANSWERS)
        & records[["correct", *_MEASURES]].notna().all(axis=1)
    ]
    return kept.rename(columns={"output": "answer"})


def _reasons(rows: pd.DataFrame) -> pd.Series:
    """Return why each decision could be doubted, missing where it could not."""
    correct, exact, contains = (rows[name].astype(bool) for name in ("correct", *_MEASURES[:2]))
    alike = [character_f1(a, g) == 1 for a, g in zip(rows["answer"], rows["gold"], strict=True)]
    conditions = {
        "other form": correct & exact & ~np.array(alike, dtype=bool),
        "within more": correct & contains & ~exact,
        "near enough": correct & ~contains,
        "said, not given": ~correct & contains,
        "nearly spelt": ~correct & ~contains & (rows["character_f1"] >= NEAR),
    }
    found = pd.Series(pd.NA, index=rows.index, dtype="object")
    for name, condition in conditions.items():
        found[condition] = name
    return found


def audit_counts(records: pd.DataFrame) -> Html:
    """Return how many different close calls there are, by reason and language."""
    calls = close_calls(records)
    if not set(_MEASURES) <= set(records.columns):
        return note(
            "These records are from before the measures were stored; run the study again to see "
            "its close calls."
        )
    answers = _judged(records).drop_duplicates(["language", "question", "gold", "answer"])
    languages = sorted(answers["language"].unique())
    counts = pd.crosstab(calls["why"], calls["language"])
    counts = counts.reindex(index=list(REASONS), columns=languages, fill_value=0)
    counts.loc[_CLEAR] = answers["language"].value_counts().reindex(languages) - counts.sum()
    frame = counts.astype(int).rename_axis("why").reset_index()
    frame.insert(1, "meaning", [REASONS.get(name, "all other answers") for name in frame["why"]])
    formats: dict[str, Format] = dict.fromkeys(languages, str)
    caption = (
        f"{len(calls)} of the {len(answers)} different answers of this run are close calls, on "
        "which the matcher's decision could be doubted; by reason and language. Beams and samples "
        "are judged by the same rules and not listed."
    )
    return table(frame, caption, formats, {"why": "close call"})


def audit_table(records: pd.DataFrame, each: int = 12) -> Html:
    """Return the close calls themselves, the most doubtful first.

    Parameters
    ----------
    records
        As in `close_calls`.
    each
        How many to show of each reason and language.
    """
    calls = close_calls(records)
    shown = calls.groupby(["why", "language"], sort=False).head(each)
    caption = (
        f"{len(shown)} of {len(calls)} close calls: of each kind and language up to {each}, the "
        "most doubtful first."
    )
    linked = shown.drop(columns="item_id").assign(
        question=[
            item_link(item, text)
            for item, text in zip(shown["item_id"], shown["question"], strict=True)
        ]
    )
    formats: dict[str, Format] = {"character_f1": share, "times": str}
    names = {"why": "close call", "character_f1": "character F1"}
    return table(linked, caption, formats, names, ("question",))
