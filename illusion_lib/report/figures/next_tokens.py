"""Draw what the model would write next where the answer is due, before and after pruning."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from illusion_lib.escape import visible
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.style import METHOD_COLOURS, OUTCOME_COLOURS, drawing, new_figure
from illusion_lib.report.token_paths import Step, TokenPath, TwoFormats, token_text

_BARS = 8
_END = 22  # characters


def next_tokens(asked: TwoFormats) -> Exhibit:
    """Draw the likeliest next tokens at the answer slot, and where the right one is.

    Parameters
    ----------
    asked
        A question with both models' paths.
    """
    with drawing():
        figure = new_figure(7.2, 3.3)
        panels = figure.subplots(1, 2, sharex=True)
        for axes, (name, path) in zip(panels, asked.named(), strict=True):
            _draw(axes, path.steps[path.slot])
            axes.set_title(f"{name}\n{_where(path)}")
            axes.set_xlabel("probability of being written next")
        panels[0].set_xlim(0, 1)
    return Exhibit(figure, _finding(asked), _alt(asked), "1 question, 2 models", item=asked.item_id)


def shown_tokens(step: Step) -> list[tuple[int, str, float]]:
    """Return rank, token and probability of the bars: the likeliest, and the right one at last."""
    ranked = enumerate(step.top[:_BARS], start=1)
    bars = [(rank, token, math.exp(value)) for rank, (token, value) in ranked]
    if step.gold_rank > len(bars):
        bars.append((step.gold_rank, step.gold_token, math.exp(step.gold_log_prob)))
    return bars


def _draw(axes: Axes, step: Step) -> None:
    bars = shown_tokens(step)
    places = list(range(len(bars)))
    if bars[-1][0] > len(bars):
        places[-1] += 1  # a gap for the ranks left out
        axes.text(0.01, places[-1] - 1, "⋮", va="center")
    gold, other = OUTCOME_COLOURS["recognition_only"], METHOD_COLOURS["dense"]
    colours = [gold if rank == step.gold_rank else other for rank, _, _ in bars]
    axes.barh(places, [p for _, _, p in bars], color=colours, height=0.7)
    for place, (_, _, p) in zip(places, bars, strict=True):
        axes.text(p + 0.01, place, f"{p:.3f}", va="center", fontsize=8)
    names = [f"{token_text(token)}  {rank}" for rank, token, _ in bars]
    axes.set_yticks(places, names, fontsize=8.5)
    for label, (rank, _, _) in zip(axes.get_yticklabels(), bars, strict=True):
        label.set_fontweight("bold" if rank == step.gold_rank else "normal")  # also of a tiny bar
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()


def _where(path: TokenPath) -> str:
    """Return what the model has written when the answer is due, its end if it is long."""
    before = visible("".join(step.written or "" for step in path.steps[: path.slot]).strip())
    if not before:
        return "as the first token of its answer"
    return f"after “{before if len(before) <= _END else '…' + before[-_END:]}”"


def _place(name: str, path: TokenPath) -> str:
    step = path.steps[path.slot]
    return (
        f"{name}: “{token_text(step.gold_token)}” is number {step.gold_rank} with probability "
        f"{math.exp(step.gold_log_prob):.3f}"
    )


def _finding(asked: TwoFormats) -> str:
    before, after = (path.steps[path.slot].gold_rank for _, path in asked.named())
    moved = "stays number 1" if before == after == 1 else f"moves from rank {before} to {after}"
    first, then = asked.dense.picked.text, asked.pruned.picked.text
    picks = f"both pick {first}" if first == then else f"they pick {first} and {then}"
    return (
        f"“{asked.question}” Where the answer is due, the first token of {asked.gold} {moved}. "
        f"{_place('Dense', asked.dense)}; {_place(asked.label, asked.pruned)}. "
        f"Among the four options {picks}."
    )


def _alt(asked: TwoFormats) -> str:
    said = []
    for name, path in asked.named():
        bars = ", ".join(f"{r} {token_text(t)} {p:.3f}" for r, t, p in
                         shown_tokens(path.steps[path.slot]))  # fmt: skip
        said.append(f"{name}: {bars}")
    return "Bar charts of the next-token distribution. " + "; ".join(said) + "."
