"""The zoo on the anchors page: many compressed variants of one model, the same on every machine."""

from __future__ import annotations

import html
from dataclasses import replace

import pandas as pd

from illusion_lib.anchors import (
    Aipw,
    Best,
    ForwardRidge,
    RandomMean,
    RandomRidge,
    Study,
    best,
    study,
)
from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.cloud import learnt_once
from illusion_lib.anchors.generated import BY_OTHERS, BY_PROBE, RANDOM, saving, trial_estimates
from illusion_lib.anchors.zoo import Zoo
from illusion_lib.report import figures
from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.numerals import count, percent, share
from illusion_lib.report.parts import note
from illusion_lib.report.tables import table

ESTIMATORS: dict[str, AnchorEstimator] = {
    "mean of random questions": RandomMean(),
    "ridge on random questions": RandomRidge(),
    "AIPW": Aipw(),
    "ridge on chosen questions": ForwardRidge(),
    "best, asked in turn": Best(),
    "best, fixed questions": Best(in_turn=False),
    "best under shift": best(shift=True),
}
SIZES = (10, 20, 40, 80)
GENERATED = (12, 24, 48, 96, 140, 190)
LEVEL = 0.9


def about(zoo: Zoo) -> Html:
    """Return what the zoo is, and what nobody may conclude from it."""
    made, items = zoo.manifest, zoo.rows["item_id"].nunique()
    relations = zoo.rows.drop_duplicates("item_id")["relation"].value_counts()
    asked = ", ".join(f"{n} of {str(name).replace('_', ' ')}" for name, n in relations.items())
    first, last = (date[:10] for date in made["created"])
    days = first if first == last else f"{first} to {last}"
    return note(
        f"The zoo ships with the package: {len(zoo.variants)} variants of one model "
        f"({html.escape(made['study']['models'][0]['name'])}), pruned or quantised by "
        f"{zoo.rows['method'].nunique() - 1} methods, each asked the same {items} questions in "
        f"both formats ({html.escape(asked)}); computed {days}, torch "
        f"{html.escape(made['versions']['torch'])}, {html.escape(made['dtype'])}. "
        "They are variants of one small model on easy facts in English: what is saved here need "
        "not be saved on yours."
    )


def estimator_study(zoo: Zoo, seeds: int = 5) -> Study:
    """Estimate what variants of methods left out say, from a few of their open answers."""
    with learnt_once():  # the page shows no seconds
        return study(zoo.matrix("open"), ESTIMATORS, SIZES, ("family",), range(seeds), None)


def error_figure(found: Study) -> Exhibit:
    """Draw the error against the number of questions."""
    judged = "variants of methods that taught nothing, at most"
    drawn = figures.anchor_error(found.table, "open accuracy", judged)
    return replace(drawn, stored=False)  # the run's records are not what it was drawn from


def token_trials(zoo: Zoo, draws: int = 2) -> pd.DataFrame:
    """Estimate every variant from a few generated answers; a row per way and number of items."""
    return saving(trial_estimates(zoo, GENERATED, draws, LEVEL))


def token_figure(zoo: Zoo, found: pd.DataFrame) -> Exhibit:
    """Draw the interval's width against the tokens generated."""
    items = zoo.rows["item_id"].nunique()
    return figures.token_saving(found, LEVEL, len(zoo.variants) - 1, items)


def token_table(zoo: Zoo, found: pd.DataFrame) -> Html:
    """Return items, tokens, error, width, coverage and saving of every way."""
    whole = zoo.rows[zoo.rows["variant"] != "dense"].groupby("variant")["answer_tokens"].sum()
    shown = found[["way", "n", "tokens", "error", "width", "coverage", "saving"]].copy()
    shown.loc[shown["way"] == RANDOM, "saving"] = None
    names = {"way": "items and reading", "n": "items", "tokens": "tokens generated"}
    names |= {"error": "mean error", "width": "width", "coverage": "coverage"}
    names |= {"saving": "tokens that random items need"}
    formats = {"n": count, "tokens": count, "error": _thousandths, "width": _thousandths}
    formats |= {"coverage": share, "saving": _times}
    caption = (
        f"What {percent(LEVEL)} intervals of a variant's open accuracy cost, and whether they "
        "hold: means over all variants and draws. Generating all takes "
        f"{count(whole.mean())} tokens a variant. A dash: the random items themselves, or no "
        "number of them tried is as sure."
    )
    return table(shown, caption, formats, names)


def probe_saving(found: pd.DataFrame) -> Html:
    """Return which of the savings a user of `illusion probe --budget` gets, and which not."""
    told = {
        way: ", ".join(
            f"{_times(row['saving'])} with {row['n']:.0f} items" for row in rows.to_dict("records")
        )
        for way, rows in found.dropna(subset=["saving"]).groupby("way")
    }
    return note(
        "Against random items read by their mean, at equal width of the interval, the guess of "
        f"illusion probe saves {told.get(BY_PROBE, 'nothing that could be measured')}; that is "
        "what to expect of --budget on items that nobody has answered. Where other variants of "
        "the model have answered the same items, as in the zoo, the guess learned on other methods "
        f"saves {told.get(BY_OTHERS, 'nothing that could be measured')}."
    )


def _thousandths(value: float) -> str:
    return f"{value:.3f}"


def _times(value: float) -> str:
    return f"{value:.1f} ×"
