"""Show how one question is scored, and how far the choice of score changes accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from illusion_lib.escape import plain, shorten, visible
from illusion_lib.records import RECOGNITION
from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.numerals import nats, share
from illusion_lib.report.style import INK, drawing, method_colour, new_figure
from illusion_lib.report.tables import table

SCORES = {
    "log_prob_sum": "sum",
    "log_prob_token": "per token",
    "log_prob_character": "per character",
    "log_prob_byte": "per byte",
    "log_prob_pmi": "PMI",
}
PRIMARY = "log_prob_sum"
_MARKS = "so^vD"


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
    picked = {SCORES[name]: visible(row["options"][int(np.argmax(row[name]))]) for name in names}
    choices = "; ".join(
        f"{text} by {', '.join(score for score in picked if picked[score] == text)}"
        for text in dict.fromkeys(picked.values())
    )
    if len(set(picked.values())) == 1:
        choices = f"{next(iter(picked.values()))} by every score"
    question = shorten(visible(row["question"]), 200)
    caption = (
        f"The largest is picked: {shorten(choices, 200)}. “{question}”, asked of the "
        f"{row['label']} model; log-probabilities in nats."
    )
    return table(shown, caption, dict.fromkeys(names, nats), SCORES, ("option",), row["item_id"])


def shares_by_score(records: pd.DataFrame) -> pd.DataFrame:
    """Return the share of questions picked right under each score.

    Returns
    -------
    DataFrame
        A row for each cell: ``model``, ``pruning``, ``method``, and a column for each score that
        all its questions have.
    """
    choice = _picks(records)
    names = [name for name in SCORES if choice[name].notna().all()]
    rows = []
    front = ["model", "label", "method"]
    for (model, label, method), part in choice.groupby(front, sort=False):
        row = {"model": model, "pruning": label, "method": method}
        for name in names:
            picked = [int(np.argmax(scores)) for scores in part[name]]
            row[name] = float(np.mean(np.asarray(picked) == part["gold_index"].to_numpy(dtype=int)))
        rows.append(row)
    return pd.DataFrame(rows)


def score_table(records: pd.DataFrame) -> Html:
    """Return the share of questions picked right under each score, a row for each cell."""
    shown = shares_by_score(records).drop(columns="method")
    names = [name for name in SCORES if name in shown]
    if shown["model"].nunique() == 1:
        shown = shown.drop(columns="model")
    questions = _picks(records)["item_id"].nunique()
    caption = f"The same in numbers: share picked right of {questions} questions, under each score."
    return table(shown, caption, dict.fromkeys(names, share), SCORES)


def score_marks(records: pd.DataFrame) -> Exhibit:
    """Draw the share picked right in each cell of the first model, a mark for each score."""
    shown = shares_by_score(records)
    shown = shown[shown["model"] == shown["model"].iloc[0]].reset_index(drop=True)
    names = [name for name in SCORES if name in shown]
    with drawing():
        figure = new_figure(4.7, 0.9 + 0.26 * len(shown))
        axes = figure.subplots()
        for name, mark in zip(names, _MARKS, strict=False):
            first = name == PRIMARY
            for place, row in shown.iterrows():
                colour = method_colour(str(row["method"]))
                axes.plot([row[name]], [place], mark, color=colour, mfc=colour if first else "none")
        handles = [
            Line2D([], [], ls="", marker=mark, color=INK, mfc=INK if name == PRIMARY else "none",
                   label=SCORES[name])
            for name, mark in zip(names, _MARKS, strict=False)
        ]  # fmt: skip
        axes.set_yticks(range(len(shown)), list(shown["pruning"]))
        axes.set(xlim=(0, 1.02), ylim=(len(shown) - 0.5, -0.5), xlabel="share picked right")
        axes.grid(axis="x")
        figure.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8.5)
    alt = "Dot plot of the share picked right under each score. " + "; ".join(
        f"{row['pruning']}: " + ", ".join(f"{SCORES[n]} {share(row[n])}" for n in names)
        for _, row in shown.iterrows()
    )
    questions = _picks(records)["item_id"].nunique()
    return Exhibit(figure, _parting(shown), alt + ".", f"{questions} questions in each pruning")


def _parting(shown: pd.DataFrame) -> str:
    """Return in which cell the scores differ most, and by how much."""
    names = [name for name in SCORES if name in shown]
    values = shown[names].to_numpy(dtype=np.float64)  # (cells, scores)
    row = int(np.argmax(np.ptp(values, axis=1)))
    low, high = (SCORES[names[int(f(values[row]))]] for f in (np.argmin, np.argmax))
    return (
        f"The scores differ most at {shown['pruning'].iloc[row]}: {share(values[row].min())} "
        f"picked right by the score {low}, {share(values[row].max())} by {high}."
    )
