"""Show how one question is scored, and how far the choice of score changes accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from illusion_lib.records import RECOGNITION
from illusion_lib.report.escape import plain, shorten, visible
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import nats, share
from illusion_lib.report.tables import table

SCORES = {
    "log_prob_sum": "sum",
    "log_prob_token": "per token",
    "log_prob_character": "per character",
    "log_prob_byte": "per byte",
    "log_prob_pmi": "PMI",
}


def _picks(records: pd.DataFrame) -> pd.DataFrame:
    return records[(records["probe"] == RECOGNITION) & (records["target"] == "gold")]


def one_question(records: pd.DataFrame) -> Html:
    """Return every option's scores for the dense model's first question, the gold marked."""
    row = _picks(records).iloc[0]
    names = [name for name in SCORES if row[name] is not None]
    shown = pd.DataFrame({name: row[name] for name in names})
    options = [
        f'<span class="right-answer">{plain(text)}</span>'
        if place == row["gold_index"]
        else plain(text)
        for place, text in enumerate(row["options"])
    ]
    shown.insert(0, "option", options)
    question = shorten(visible(row["question"]), 200)
    caption = f"{row['label']}: “{question}” Log-probabilities in nats; the largest is picked."
    return table(shown, caption, dict.fromkeys(names, nats), SCORES, ("option",))


def score_table(records: pd.DataFrame) -> Html:
    """Return the share of questions picked right under each score, a row for each cell."""
    choice = _picks(records)
    names = [name for name in SCORES if choice[name].notna().all()]
    rows = []
    for (model, label), part in choice.groupby(["model", "label"], sort=False):
        row = {"model": model, "pruning": label}
        for name in names:
            picked = [int(np.argmax(scores)) for scores in part[name]]
            row[name] = float(np.mean(np.asarray(picked) == part["gold_index"].to_numpy(dtype=int)))
        rows.append(row)
    shown = pd.DataFrame(rows)
    if shown["model"].nunique() == 1:
        shown = shown.drop(columns="model")
    questions = choice["item_id"].nunique()
    caption = f"Share picked right by each score; {questions} questions in each row."
    return table(shown, caption, dict.fromkeys(names, share), SCORES)
