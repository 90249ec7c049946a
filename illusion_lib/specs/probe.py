"""How the questions are put, and with what budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from illusion_lib.records import LADDER, Probe
from illusion_lib.specs.checks import one_of, refuse

PromptStyle = Literal["auto", "chat", "plain"]


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Which questions are put to the model, and with what budget.

    Attributes
    ----------
    probes
        The ladder by default; `illusion_lib.records.Record` lists all. Recovery probes run on items
        that open generation got wrong.
    style
        ``auto`` uses the model's chat template where it has one, ``plain`` never does.
    max_new_tokens
        Longest answer in tokens.
    beams, samples
        Width of beam search, and number of samples drawn per item. A search ends with its
        `beams`-th answer (``early_stopping=True`` in transformers).
    temperature
        Of the samples; 1.0 draws from the model's own distribution.
    demonstrations
        How many different one-shot demonstrations are tried, each alone.
    orders
        In how many orders ``letter`` and ``shuffled`` show the options; at most one per option.
    widths, temperatures
        Budgets of ``beam_curve``, and of ``sample_curve``, which draws `samples` at each.
    controls
        Share of the items failed in both formats that recovery runs on, as the control group: a
        draw by seed and item. An item failed only in open generation is always searched.
    seed
        Of option order, samples and demonstrations.
    """

    probes: tuple[Probe, ...] = LADDER
    style: PromptStyle = "auto"
    max_new_tokens: int = 24
    beams: int = 8
    samples: int = 16
    temperature: float = 1.0
    demonstrations: int = 3
    orders: int = 4
    widths: tuple[int, ...] = (1, 2, 4, 8, 16)
    temperatures: tuple[float, ...] = (0.3, 0.7, 1.0)
    controls: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for probe in self.probes:
            one_of(probe, get_args(Probe), "probe")
        one_of(self.style, get_args(PromptStyle), "prompt style")
        for name in ("max_new_tokens", "beams", "samples", "demonstrations", "orders"):
            refuse(getattr(self, name) < 1, f"{name} must be at least 1")
        refuse(
            not (0 < self.controls <= 1),
            f"controls must be a share in (0, 1], got {self.controls}; 1 searches all",
        )
        for temperature in (self.temperature, *self.temperatures):
            refuse(
                not (0 < temperature < math.inf), f"temperature must be positive, got {temperature}"
            )
        refuse(min(self.widths, default=0) < 1, "widths must list beam widths of at least 1")
        refuse(not self.temperatures, "temperatures must list at least one temperature")
