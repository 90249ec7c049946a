"""Show single questions before and after pruning: what was said, picked, and brought back."""

from __future__ import annotations

from typing import Any

import pandas as pd

from illusion_lib.divergence import item_fates, outcomes, pairs, reached, tidy
from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.outcomes import LOST
from illusion_lib.divergence.recovery import ANY, COLLAPSED
from illusion_lib.escape import NOTHING, plain
from illusion_lib.pruning.registry import DENSE
from illusion_lib.records import PRODUCTION, RECOGNITION, RECOVERY
from illusion_lib.report.exhibit import Html, item_link
from illusion_lib.report.figures.recovery import PROBE_LABELS
from illusion_lib.report.numerals import absent
from illusion_lib.report.tables import table

_ITEM = ["model", "language", "item_id"]


def item_rows(records: Records) -> pd.DataFrame:
    """Return one row per pruned cell and question, with the dense model's answers beside.

    Parameters
    ----------
    records
        Records of dense and pruned cells.

    Returns
    -------
    DataFrame
        Columns ``model, cell, label, language, item_id, question, gold, dense_said, said, picked,
        rank_dense, rank, found_by`` (labels of the recovery probes that brought the gold back),
        ``outcome_dense, outcome, flow, fate`` (of lost answers, see `divergence.item_fates`),
        ``output_class, options, log_probs``.
    """
    frame = tidy(records)
    gold = frame[frame["target"] == "gold"]
    paired = pairs(outcomes(records))
    for probe, columns in _WANTED.items():
        part = gold[gold["probe"] == probe][["cell", *_ITEM, *columns]].rename(columns=columns)
        paired = paired.merge(part, on=["cell", *_ITEM], how="left")
        if probe in (PRODUCTION, "rank"):
            before = gold[(gold["probe"] == probe) & (gold["method"] == DENSE)]
            kept = {k: v for k, v in columns.items() if v in ("said", "rank")}
            before = before[[*_ITEM, *kept]].rename(
                columns={k: f"{v}_dense" for k, v in kept.items()}
            )
            paired = paired.merge(before, on=_ITEM, how="left")
    found = _found_by(gold)
    paired = paired.merge(found, on=["cell", *_ITEM], how="left").fillna({"found_by": ""})
    fates = item_fates(records)[["cell", *_ITEM, "fate"]]
    paired = paired.merge(fates, on=["cell", *_ITEM], how="left")
    return paired.rename(columns={"said_dense": "dense_said"})


_WANTED = {
    PRODUCTION: {"question": "question", "gold": "gold", "output": "said"},
    RECOGNITION: {"output": "picked", "options": "options", "log_prob_sum": "log_probs"},
    "rank": {"target_rank": "rank"},
}


def _found_by(gold: pd.DataFrame) -> pd.DataFrame:
    hits = gold[gold["probe"].isin(RECOVERY) & gold["correct"].fillna(False).astype(bool)]
    named = hits.assign(found_by=hits["probe"].map(PROBE_LABELS))
    grouped = named.groupby(["cell", *_ITEM], sort=False)["found_by"]
    return grouped.agg(", ".join).reset_index()


def lost_examples(records: Records, cell: str, n: int = 3) -> pd.DataFrame:
    """Return up to `n` lost answers of a cell: those brought back first, each about another fact.

    The choice is a fixed rule, not a pick by hand: outputs that did not degenerate, answers that a
    probe brings back before others, then by rank of the gold and item id.
    """
    rows = item_rows(records)
    lost = rows[(rows["cell"] == cell) & (rows["flow"] == LOST)]
    found = reached(records)
    back = found[(found["cell"] == cell) & (found["probe"] == ANY) & (found["group"] == LOST)]
    back = back[back["reached"].astype(bool)]
    lost = lost.assign(
        broken=lost["output_class"].isin(COLLAPSED).fillna(False).astype(bool),
        back=lost["item_id"].isin(set(back["item_id"])),
    )
    order = ["broken", "back", "rank", "item_id"]
    ordered = lost.sort_values(order, ascending=[True, False, True, True], kind="stable")
    return ordered.drop_duplicates("parallel_id").head(n)


def examples_table(rows: pd.DataFrame, caption: str) -> Html:
    """Return examples as a table; in the book each question leads to its place in the explorer.

    Parameters
    ----------
    rows
        Rows of `item_rows` or `lost_examples`.
    caption
        What is shown.
    """
    shown = pd.DataFrame(
        {
            "question": [
                item_link(item, question)
                for item, question in zip(rows["item_id"], rows["question"], strict=True)
            ],
            "dense": [_answer(text, True) for text in rows["dense_said"]],
            "pruned": [_answer(text, False) for text in rows["said"]],
            "picked": [
                _answer(text, text == gold)
                for text, gold in zip(rows["picked"], rows["gold"], strict=True)
            ],
            "rank": [_step(a, b) for a, b in zip(rows["rank_dense"], rows["rank"], strict=True)],
            "found": [text or "nothing" for text in rows["found_by"]],
        }
    )
    names = {
        "dense": "dense model says",
        "pruned": "pruned model says",
        "picked": "pruned model picks",
        "rank": "rank of the answer",
        "found": "brought back by",
    }
    return table(shown, caption, {"rank": str}, names, ("question", "dense", "pruned", "picked"))


def _answer(text: Any, right: bool) -> str:
    return (
        f'<span class="{"right" if right else "wrong"}-answer">{plain(text or NOTHING, 120)}</span>'
    )


def _step(before: Any, after: Any) -> str | None:
    return None if absent(before) or absent(after) else f"{int(before)} → {int(after)}"
