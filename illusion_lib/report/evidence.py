"""The tables behind a model's verdict: tests, models of every answer, draws, power."""

from __future__ import annotations

import pandas as pd

from illusion_lib import divergence
from illusion_lib.divergence.frames import ALL
from illusion_lib.divergence.gap_power import POWER
from illusion_lib.divergence.interaction import STEP
from illusion_lib.divergence.paired import MARGIN
from illusion_lib.records import PRODUCTION, RECOGNITION
from illusion_lib.report.exhibit import Html
from illusion_lib.report.figures.accuracy import method_label
from illusion_lib.report.numerals import (
    Format,
    absent,
    count,
    p_value,
    percent,
    share,
    signed,
)
from illusion_lib.report.parts import note
from illusion_lib.report.tables import joined, table


def changes_table(rows: pd.DataFrame) -> Html:
    """Return how each format's answers changed from dense to pruned, with the exact test.

    Parameters
    ----------
    rows
        Result of `divergence.changes`.
    """
    rows = rows[rows["language"] == ALL]
    says, picks = (
        rows[rows["format"] == name].set_index("cell") for name in (PRODUCTION, RECOGNITION)
    )
    shown = pd.DataFrame({"pruning": says["label"]})
    names: dict[str, str] = {}
    for part, word in ((says, "says"), (picks, "picks")):
        part = part.reindex(says.index)
        shown[f"{word}_change"] = joined(part, "difference", signed)
        shown[f"{word}_flips"] = [
            f"{count(worse)} / {count(better)}"
            for worse, better in zip(part["right_to_wrong"], part["wrong_to_right"], strict=True)
        ]
        shown[f"{word}_p"] = part["p_holm"]
        names |= {f"{word}_change": f"{word}: change", f"{word}_flips": "lost / won"}
        names |= {f"{word}_p": "p"}
    formats: dict[str, Format] = {name: str for name in shown.columns if name != "pruning"}
    formats |= {"says_p": p_value, "picks_p": p_value}
    caption = (
        "Change of each format from dense to pruned with 95 % interval, and how many questions "
        "were lost and won. p: exact paired test of no change (McNemar's; with several languages "
        "a fact flips as a whole), corrected (Holm) over the prunings."
    )
    return table(shown, caption, formats, names)


_MEASURES = {
    "production_gap": "picks − says",
    "retention_gap": "share kept: picks − says",
    "difference_in_differences": "change since dense: picks − says",
}


def gaps_table(gaps: pd.DataFrame, corrected: bool) -> Html:
    """Return the three gaps between the formats for each pruning.

    Parameters
    ----------
    gaps
        Result of `divergence.gaps`.
    corrected
        Whether guessing is taken out of the picks.
    """
    names = {name + ("_corrected" if corrected else ""): text for name, text in _MEASURES.items()}
    rows = gaps[(gaps["language"] == ALL) & gaps["measure"].isin(names)].copy()
    rows["text"] = joined(rows, "estimate", signed)
    wide = rows.pivot(index="cell", columns="measure", values="text")
    labels = rows.drop_duplicates("cell").set_index("cell")["label"]
    shown = wide.reindex(index=labels.index, columns=list(names))
    shown.insert(0, "pruning", labels)
    caption = (
        "Three ways to write down the gap, guessing taken out of the picks, with 95 % intervals "
        "over facts. The middle column is the gap that the verdict judges."
        if corrected
        else "The same from raw picks: here a model that knows nothing and guesses shows a gap."
    )
    return table(shown, caption, dict.fromkeys(names, str), names)


def recognition_table(rows: pd.DataFrame) -> Html:
    """Return what is left of recognition when guessing is taken out.

    Parameters
    ----------
    rows
        Result of `divergence.recognition_only_rate`.
    """
    rows = rows[rows["language"] == ALL].reset_index(drop=True)
    shown = pd.DataFrame({"pruning": rows["label"], "unsaid": rows["items"]})
    shown["picked"] = joined(rows, "picked", share)
    shown["chance"] = rows["chance"]
    shown["corrected"] = joined(rows, "corrected", signed, "corrected_")
    shown["raw"], shown["latent"] = rows["recognition"], rows["latent"]
    names = {
        "unsaid": "not said",
        "picked": "of these picked",
        "chance": "a guesser picks",
        "corrected": "beyond guessing",
        "raw": "picks, of all",
        "latent": "without guessing",
    }
    formats: dict[str, Format] = {"unsaid": count, "picked": str, "chance": share}
    formats |= {"corrected": str, "raw": share, "latent": share}
    caption = (
        "How many of the answers that are not said are still picked, beside what a guesser would "
        "pick of them (95 % intervals). The last column estimates how many answers the model "
        "truly recognises if it guesses where it does not know."
    )
    return table(shown, caption, formats, names)


def interactions_table(paired: pd.DataFrame) -> Html:
    """Return the interaction of format and pruning, cell by cell, in two models of every answer.

    Parameters
    ----------
    paired
        Result of `divergence.pairs` for one model.
    """
    rows = divergence.interactions(paired, "gee")
    rows = rows[rows["language"] == ALL].set_index("cell")
    mixed = divergence.interactions(paired, "mixed").set_index("cell").reindex(rows.index)
    shown = pd.DataFrame({"pruning": rows["label"]})
    shown["odds"] = joined(rows, "odds_ratio", _ratio, "odds_")
    shown["p"] = rows["p_holm"]
    shown["effect"] = joined(rows, "effect", signed, "effect_")
    shown["mixed"] = joined(mixed, "odds_ratio", _ratio, "odds_")
    shown["added"] = ["yes" if not absent(note_) else "no" for note_ in rows["note"]]
    names = {"odds": "odds ratio, average", "effect": "points of probability"}
    names |= {"mixed": "odds ratio, one fact", "added": "made-up facts"}
    formats: dict[str, Format] = {"odds": str, "p": p_value, "effect": str, "mixed": str}
    caption = (
        "correct ~ format × pruning, with 95 % intervals. The odds ratio is the interaction: above "
        "1, the odds of picking survive pruning better than the odds of saying. Average: "
        "generalised estimating equations, facts as clusters, p corrected (Holm) over the "
        "prunings; one fact: a logistic model in which every fact has its own level. Points: the "
        "average marginal effect. Guessing is not taken out here. Made-up facts, one right and "
        "one wrong throughout, keep the odds finite where a format is all right or all wrong."
    )
    return table(shown, caption, formats, names)


def trend_table(paired: pd.DataFrame) -> Html:
    """Return how the interaction of format and sparsity differs between methods and languages.

    Parameters
    ----------
    paired
        Result of `divergence.pairs` for one model.
    """
    rows = divergence.sparsity_models(paired, "gee")
    if rows.empty:
        return note("No pruning has a sparsity, so there is no trend to fit.")
    mixed = divergence.sparsity_models(paired, "mixed")
    shown = pd.DataFrame({"method": rows["method"].map(method_label), "language": rows["language"]})
    shown["odds"] = joined(rows, "odds_ratio", _ratio, "odds_")
    shown["p"] = rows["p_holm"]
    shown["effect"] = joined(rows, "effect", signed, "effect_")
    shown["mixed"] = joined(mixed, "odds_ratio", _ratio, "odds_")
    names = {"odds": "odds ratio, average", "effect": "points of probability"}
    names |= {"mixed": "odds ratio, one fact"}
    formats: dict[str, Format] = {"odds": str, "p": p_value, "effect": str, "mixed": str}
    caption = (
        f"correct ~ format × sparsity × method × language, per {percent(STEP)} of sparsity, with "
        "95 % intervals. The odds are taken to change evenly with sparsity; once a format is at "
        "its floor they cannot, so read this beside the single prunings above."
    )
    return table(shown, caption, formats, names)


def draws_table(paired: pd.DataFrame) -> Html:
    """Return how much of each gap is the luck of the calibration draw.

    Parameters
    ----------
    paired
        Result of `divergence.pairs` for one model.
    """
    rows = divergence.calibration_draws(paired)
    rows = rows[rows["draws"] > 1].reset_index(drop=True)
    if rows.empty:
        return note(
            "Each pruning was calibrated on one draw of text only, so how much another draw would "
            "change is not measured here; the intervals above allow for other questions only."
        )
    shown = pd.DataFrame(
        {
            "pruning": [
                f"{method_label(method)} {percent(sparsity) if absent(pattern) else pattern}"
                for method, sparsity, pattern in zip(
                    rows["method"], rows["sparsity"], rows["pattern"], strict=True
                )
            ],
            "draws": rows["draws"],
            "mean": joined(rows, "mean", signed),
            "spread": rows["spread"],
            "range": [
                f"{signed(low)} to {signed(high)}" if not absent(low) else None
                for low, high in zip(rows["smallest"], rows["largest"], strict=True)
            ],
        }
    )
    names = {"mean": "gap [95 % interval]", "spread": "spread between draws"}
    formats: dict[str, Format] = {"draws": count, "mean": str, "spread": share, "range": str}
    caption = (
        "The gap over several draws of the calibration text; the interval allows for other "
        "questions and other draws."
    )
    return table(shown, caption, formats, names)


def power_table(paired: pd.DataFrame) -> Html:
    """Return the smallest gap that this run could see, and how many facts smaller ones need.

    Parameters
    ----------
    paired
        Result of `divergence.pairs` for one model.
    """
    rows = divergence.gap_power(paired)
    wide = rows.pivot(index="cell", columns="effect", values="facts_needed")
    first = rows.drop_duplicates("cell").set_index("cell")
    shown = pd.DataFrame(
        {"pruning": first["label"], "facts": first["clusters"], "smallest": first["smallest"]}
    )
    names = {"smallest": "smallest gap seen"}
    formats: dict[str, Format] = {"facts": count, "smallest": share}
    for effect in wide.columns:
        name = f"for {effect:.2f}"
        shown[name] = wide[effect].reindex(shown.index)
        names[name] = f"facts for a gap of {effect:.2f}"
        formats[name] = count
    caption = (
        f"What this run could detect with a chance of {percent(POWER)} at the 5 % level, and how "
        "many facts (asked in as many languages as here) would detect smaller gaps, if other "
        f"facts spread as these do. Gaps below {MARGIN:.2f} count as none."
    )
    return table(shown, caption, formats, names)


def unpaired_note(items: pd.DataFrame) -> Html:
    """Return how many questions could not be compared with the dense model.

    Parameters
    ----------
    items
        Result of `divergence.outcomes` for one model.
    """
    rows = divergence.unpaired(items)
    lacking = rows[rows["unpaired"] > 0]
    if lacking.empty:
        return note("Every question was answered in both formats by the dense and pruned models.")
    words = "; ".join(
        f"{label}: {count(n)} of {count(total)}"
        for label, n, total in zip(
            lacking["label"], lacking["unpaired"], lacking["items"], strict=True
        )
    )
    return note(f"Left out, because one of the two models has no answer in a format: {words}.")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
