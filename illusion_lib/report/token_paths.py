"""Show one question in both formats, token by token, from numbers of the real embedded model.

The numbers are kept in ``data/examples/token_paths.json``, written by ``tools/token_paths.py``, so
that the page on tokens shows the same on a machine that does not have the model.
"""

from __future__ import annotations

import html
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from illusion_lib.errors import ReportError
from illusion_lib.escape import plain, visible
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import nats
from illusion_lib.report.tables import table

_DATA = "data/examples/token_paths.json"


@dataclass(frozen=True, slots=True)
class Step:
    """What the model could have written at one place of its answer.

    Attributes
    ----------
    written
        The token that it wrote; None where it ended.
    gold_token
        First token of the accepted answer, in the form that ranks best here.
    gold_rank
        Its rank among all tokens; 1 is the top.
    gold_log_prob
        Its log-probability in nats.
    top
        The likeliest tokens and their log-probabilities in nats, best first.
    """

    written: str | None
    gold_token: str
    gold_rank: int
    gold_log_prob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the multiple choice: its tokens and the log-probability of each, in nats."""

    text: str
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def total(self) -> float:
        """Log-probability of the whole option."""
        return sum(self.log_probs)


@dataclass(frozen=True, slots=True)
class TokenPath:
    """One model's way through one question.

    Attributes
    ----------
    output
        The open answer.
    slot
        Step of the open answer at which the right answer's first token ranks best.
    steps
        What could be written at each place.
    options
        The multiple choice after the same prompt.
    """

    output: str
    slot: int
    steps: tuple[Step, ...]
    options: tuple[Option, ...]

    @property
    def picked(self) -> Option:
        """The option with the highest log-probability."""
        return max(self.options, key=lambda option: option.total)


@dataclass(frozen=True, slots=True)
class TwoFormats:
    """A question and the paths of the dense and the pruned model."""

    item_id: str
    question: str
    gold: str
    dense: TokenPath
    pruned: TokenPath
    label: str

    def named(self) -> tuple[tuple[str, TokenPath], tuple[str, TokenPath]]:
        """Return both paths with the names that a reader sees."""
        return ("dense", self.dense), (self.label, self.pruned)


@cache
def stored() -> dict[str, Any]:
    """Return the stored file: provenance and questions."""
    text = (files("illusion_lib") / _DATA).read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def two_formats(item_id: str) -> TwoFormats:
    """Return a stored question by its id.

    Raises
    ------
    ReportError
        The question is not among the stored ones.
    """
    content = stored()
    known = {entry["item_id"]: entry for entry in content["questions"]}
    if item_id not in known:
        raise ReportError(f"no token path of {item_id!r} is stored; there are {', '.join(known)}")
    entry = known[item_id]
    dense, pruned = (_path(found) for found in entry["paths"].values())
    label = content["pruning"]["label"]
    return TwoFormats(item_id, entry["question"], entry["gold"], dense, pruned, label)


def _path(found: dict[str, Any]) -> TokenPath:
    steps = tuple(
        Step(
            step["written"],
            step["gold_token"],
            step["gold_rank"],
            step["gold_log_prob"],
            tuple((token, value) for token, value in step["top"]),
        )
        for step in found["steps"]
    )
    options = tuple(
        Option(option["text"], tuple(option["tokens"]), tuple(option["log_probs"]))
        for option in found["options"]
    )
    return TokenPath(found["output"], found["slot"], steps, options)


def token_text(token: str) -> str:
    """Return a token so that its spaces and line breaks can be seen: ``␣Jak``.

    A token may be one byte of a letter, which has no form of its own.
    """
    shown = visible(token.replace("\n", "⏎").replace(" ", "␣"))
    return shown.replace("\ufffd", "(byte)")


def answer_steps(asked: TwoFormats) -> Html:
    """Return both open answers, a row for each token that was written."""
    rows = []
    for name, path in asked.named():
        for place, step in enumerate(path.steps):
            written = "(end)" if step.written is None else token_text(step.written)
            best = dict(step.top).get(step.written) if step.written is not None else None
            rows.append(
                {
                    "model": name,
                    "step": place,
                    "written": written,
                    "probability": None if best is None else math.exp(best),
                    "gold": token_text(step.gold_token),
                    "gold_probability": math.exp(step.gold_log_prob),
                    "rank": step.gold_rank,
                    "slot": "here" if place == path.slot else None,
                }
            )
    caption = (
        f"“{asked.question}” The dense model writes “{visible(asked.dense.output)}”, "
        f"{asked.label} writes “{visible(asked.pruned.output)}”. ␣ is a space, ⏎ a line break."
    )
    names = {
        "written": "token written",
        "gold": "answer would begin",
        "gold_probability": "its probability",
        "rank": "its rank",
        "slot": "answer slot",
    }
    formats = {"step": str, "rank": str} | dict.fromkeys(
        ("probability", "gold_probability"), _probability
    )
    shown = pd.DataFrame(rows).astype({"slot": object})
    return table(shown, caption, formats, names, item=asked.item_id)


def _probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def option_steps(asked: TwoFormats) -> Html:
    """Return the options with the log-probability of each token, before and after pruning."""
    rows = []
    for name, path in asked.named():
        for option in sorted(path.options, key=lambda one: -one.total):
            kind = "right" if option.text == asked.gold else "wrong"
            parts = " + ".join(
                f"{html.escape(token_text(t))} {nats(v)}"
                for t, v in zip(option.tokens, option.log_probs, strict=True)
            )
            rows.append(
                {
                    "model": name,
                    "option": f'<span class="{kind}-answer">{plain(option.text)}</span>',
                    "tokens": f'<bdi class="tex2jax_ignore">{parts}</bdi>',
                    "sum": option.total,
                    "picked": "picked" if option is path.picked else None,
                }
            )
    caption = (
        f"The four options after the same prompt, best first: log-probabilities in nats, token by "
        f"token. The right answer is {visible(asked.gold)}."
    )
    shown = pd.DataFrame(rows)
    return table(shown, caption, {"sum": nats}, {}, ("option", "tokens"), asked.item_id)


def source_note() -> Html:
    """Return where the stored numbers come from."""
    content = stored()
    calibration = content["calibration"]
    text = (
        f"Stored numbers of {content['model']}, dense and under {content['pruning']['label']}. "
        f"{content['note']} Calibrated on {calibration['samples']} windows of "
        f"{calibration['length']} tokens. Weights {content['weights']['dense'][:12]} before and "
        f"{list(content['weights'].values())[1][:12]} after; torch "
        f"{content['versions']['torch']}, transformers {content['versions']['transformers']}. "
        f"Made again by {content['made_by']}."
    )
    return Html(f'<p class="rule" id="provenance">{html.escape(text)}</p>')
