"""Answer in one screen whether multiple choice can be trusted on a model."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from illusion_lib import divergence
from illusion_lib.divergence.recovery import ANY
from illusion_lib.divergence.verdict import (
    COLLAPSED,
    ILLUSION,
    NO_ILLUSION,
    REVERSE,
    UNMEASURABLE,
)
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report import figures
from illusion_lib.report.examples import examples_table, lost_examples
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import MISSING, absent, count, interval, percent, share, signed

_CONTROL = "neither"


@dataclass(frozen=True)
class Start:
    """Everything the start page says of one model, computed from its records.

    Attributes
    ----------
    records
        Records of the model's cells.
    """

    records: pd.DataFrame

    @cached_property
    def prunings(self) -> pd.DataFrame:
        """What the rule says of each pruning."""
        return divergence.pruning_verdicts(divergence.outcomes(self.records))

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """The model's one verdict."""
        methods = divergence.method_verdicts(self.prunings)
        row = divergence.model_verdicts(methods).iloc[0]
        return {str(name): value for name, value in row.items()}

    @cached_property
    def cell(self) -> str:
        """Slug of the pruning that the page quotes."""
        quoted = self.records[self.records["label"] == self.verdict["quoted_label"]]
        return str(quoted["cell"].iloc[0])

    @cached_property
    def quoted(self) -> divergence.Answers:
        """The answers of that pruning and of the dense model."""
        return divergence.Answers(self.records[self.records["cell"].isin([DENSE, self.cell])])

    @cached_property
    def excess(self) -> dict[str, Any]:
        """Recovery of the lost answers against questions failed in both formats."""
        rows = divergence.excess_recovery(self.quoted)
        chosen = rows[(rows["probe"] == ANY) & (rows["control"] == _CONTROL)]
        return {str(k): v for k, v in chosen.iloc[0].items()} if len(chosen) else {}

    def sentence(self) -> str:
        """Return the verdict in words."""
        return " ".join(part for part in (self._trust(), self._numbers(), self._demoted()) if part)

    def _trust(self) -> str:
        trusted, kind = self.verdict["trusted_sparsity"], self.verdict["verdict"]
        if kind == ILLUSION:
            if absent(trusted):
                return "No: at no sparsity tried do the two formats agree for sure."
            return f"Not beyond {percent(trusted)} sparsity."
        return {
            NO_ILLUSION: "Yes, as far as it was tried: no illusion found.",
            REVERSE: "No illusion: recognition suffered more than production.",
            COLLAPSED: "Nothing to trust: every pruning tried leaves the model without answers.",
            UNMEASURABLE: "Not measurable: the dense model itself does not know enough.",
        }.get(kind, "Too few questions to tell.")

    def _numbers(self) -> str:
        v, model = self.verdict, self.records["model"].iloc[0]
        # An illusion is quoted where it begins, which need not be where the formats part most.
        begins = v["verdict"] == ILLUSION
        label = v["quoted_label"]
        where = f"The illusion begins at {label}, where" if begins else f"At {label}"
        return (
            f"{where} {model} picks the right answer for "
            f"{v['recognised_of_100']} of 100 questions and can say it for "
            f"{v['produced_of_100']}; before pruning it was {v['recognised_of_100_dense']} and "
            f"{v['produced_of_100_dense']}."
        )

    def _demoted(self) -> str:
        found = self.excess
        if not found or absent(found.get("lost_rate")):
            return ""
        if absent(found.get("low")):
            return "Whether lost answers are demoted or erased cannot be told: there is no control."
        if float(found["low"]) <= 0:
            return "Whether its lost answers are demoted or erased, these questions cannot tell."
        much = "Most" if float(found["lost_rate"]) > 0.5 else "Some"
        return f"{much} of the answers it can no longer say are demoted, not erased."

    def headline(self) -> figures.Exhibit:
        """Return the headline figure."""
        return figures.accuracy(divergence.accuracy(self.records))

    def tiles(self) -> Html:
        """Return the three numbers of the page, each with its interval."""
        tiles = (self._gap_tile(), self._demoted_tile(), self._cheap_tile())
        return Html(f'<div class="tiles">{"".join(_tile(*tile) for tile in tiles)}</div>')

    def _gap_tile(self) -> tuple[str, str, str]:
        v = self.verdict
        value = MISSING if absent(v["gap"]) else signed(v["gap"])
        why = (
            v["reason"]
            if absent(v["gap"])
            else f"95 % interval {interval(v['low'], v['high'], signed)}"
        )
        return f"gap at {v['quoted_label']}", value, f"{why}; 0 would be no illusion"

    def _demoted_tile(self) -> tuple[str, str, str]:
        found = self.excess
        if not found or absent(found.get("lost_rate")):
            return "lost answers brought back", MISSING, "no answer was lost to production only"
        control: Any = found.get("control_rate")
        against = "no control" if absent(control) else f"vs {share(control)}"
        more = interval(found.get("low"), found.get("high"), signed)
        sizes = f"of {count(found['lost_items'])} lost; {count(found['control_items'])} controls"
        return (
            "lost answers brought back, vs control",
            f"{share(found['lost_rate'])} {against}",
            f"{sizes}; difference {more}",
        )

    def _cheap_tile(self) -> tuple[str, str, str]:
        # Only here: the anchors bring scikit-learn, which other users of this class need not load.
        from illusion_lib.report.cheap_test import cheapest, few_questions

        study = few_questions(self.records)
        if study is None:
            return "cheapest test", MISSING, "too few variants to learn from"
        asked = int(self.records.loc[self.records["probe"] == "open", "item_id"].nunique())
        found = cheapest(study, asked)
        few = f"> {study.table['K'].max()}" if found.questions is None else str(found.questions)
        reach = f"9 in 10 estimates of what is said lie within ±{share(found.reach)}"
        return "questions that would do", few, f"of {asked}: {reach}; {found.variants} variants"

    def page(self) -> Html:
        """Return the page's first screen: verdict, headline figure, numbers."""
        return Html(
            f'<p class="verdict">{html.escape(self.sentence())}</p>'
            f'<div class="headline">{self.headline()._repr_html_()}{self.tiles().content}</div>'
        )

    def examples(self) -> Html:
        """Return three lost answers, before and after."""
        rows = lost_examples(self.quoted, self.cell)
        label = self.verdict["quoted_label"]
        if rows.empty:
            return Html(f"<p>At {html.escape(label)} no answer was lost to production only.</p>")
        caption = (
            f"Answers that the dense model says and {label} only picks. Chosen by rule: outputs "
            "that did not degenerate, brought back first, then by rank; each about another fact."
        )
        return examples_table(rows, caption)


_PARTS = {"by-method": "by method", "by-language": "by language", "demoted-or-erased": "recovery"}


def onward(records: pd.DataFrame) -> Html:
    """Return links from the start page to what it sums up, for each model of a run.

    Parameters
    ----------
    records
        Records of all models.
    """
    ways = [(name, f"runs/{name}/divergence.html") for name in records["model"].unique()]
    models = "; ".join(
        f"<strong>{html.escape(name)}</strong> "
        + ", ".join(
            f'<a href="{html.escape(page)}#{place}">{text}</a>' for place, text in _PARTS.items()
        )
        for name, page in ways
    )
    return Html(
        f'<p class="onward">Go on with {models}; <a href="runs/anchors.html">few questions</a>; '
        '<a href="items.html">all questions</a>.</p>'
    )


def _tile(what: str, value: str, rest: str) -> str:
    parts = (("what", what), ("value", value), ("range", rest))
    inside = "".join(f'<span class="{name}">{html.escape(text)}</span>' for name, text in parts)
    return f'<div class="tile">{inside}</div>'
