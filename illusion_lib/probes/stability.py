"""How many answers change with the batch alone: in bfloat16 sums depend on what shares a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes.budget import Budget
from illusion_lib.probes.ladder import run_ladder
from illusion_lib.specs import ProbeSpec

_ASKED = 40  # items; enough to see a share of a few percent
_ALONE = 1  # cache slots: every item is a batch of its own


@dataclass(frozen=True, slots=True)
class Flips:
    """How many items' verdicts differ between items asked together and alone.

    Attributes
    ----------
    items
        How many were asked both ways.
    choice, open
        On how many of them the option picked, and the text answered, differ.
    nats
        Largest change of an option's log-prob, of any item.
    """

    items: int
    choice: int
    open: int
    nats: float


def batch_flips(model: Model, items: Sequence[Item], spec: ProbeSpec) -> Flips:
    """Ask items together and one by one, and count what differs.

    Parameters
    ----------
    model
        The model, in the dtype that is in question.
    items
        The questions; of many, the first 40 are asked.
    spec
        How they are asked; its other probes are left out.
    """
    asked = list(items[:_ASKED])
    short = replace(spec, probes=("choice", "open"))
    both = [run_ladder(model, asked, short, budget=budget) for budget in (None, Budget(_ALONE))]
    flips, nats = {"choice": 0, "open": 0}, 0.0
    for together, alone in zip(*both, strict=True):
        if together.target == "gold":  # the control is the same answer, judged again
            flips[together.probe] += together.output != alone.output
        scores = zip(together.log_prob_sum or (), alone.log_prob_sum or (), strict=True)
        nats = max([nats, *(abs(one - other) for one, other in scores)])
    return Flips(len(asked), **flips, nats=round(nats, 6))
