"""Estimate production where only a share of the items is generated.

Picking an answer is cheap and is measured on every item. It guesses what the model would say, open
answers are generated for a share of the items, drawn where the guess is unsure, and the rest is
estimated (`illusion_lib.anchors.illusion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from illusion_lib.anchors import Production, draw_items, production_estimate, stop_when_narrow
from illusion_lib.anchors.guess import Guess, cheap_answers, shipped_guess
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.errors import SpecError
from illusion_lib.items import Item
from illusion_lib.records import PRODUCTION, RECOGNITION, Record, to_frame, to_table
from illusion_lib.runs.atomic import new_file, write_json
from illusion_lib.specs import ProbeSpec

if TYPE_CHECKING:
    from illusion_lib.models import Model
    from illusion_lib.probes.session import Progress

MEASURED, ESTIMATE = "measured.parquet", "estimate.json"


@dataclass(frozen=True)
class Budgeted:
    """What was measured, and what was estimated from it.

    Attributes
    ----------
    records
        Of all items as multiple choice, and of the generated ones as open questions.
    recognition
        Measured: share of all items picked right.
    production
        Estimated: share of all items answered right in the open.
    generated_right
        Measured: how many of the generated items were answered right.
    generated_tokens
        Measured: tokens of the answers that were generated.
    """

    records: tuple[Record, ...]
    recognition: float
    production: Production
    generated_right: int
    generated_tokens: int

    def write(self, folder: Path) -> None:
        """Write the measured records and the estimate."""
        with new_file(folder / MEASURED) as file:
            pq.write_table(to_table(self.records), file)
        gap, low, high = self.production.gap(self.recognition)
        content = {
            "measured": {
                "recognition": self.recognition,
                "items": self.production.n_items,
                "generated_items": self.production.n_measured,
                "generated_right": self.generated_right,
                "generated_tokens": self.generated_tokens,
            },
            "estimated": {
                "production": asdict(self.production),
                "gap": {"estimate": gap, "low": low, "high": high},
            },
        }
        with new_file(folder / ESTIMATE) as file:
            write_json(file, content)


def probe_within(
    model: Model,
    items: Sequence[Item],
    share: float,
    width: float | None = None,
    level: float = 0.9,
    spec: ProbeSpec | None = None,
    progress: Progress | None = None,
    guess: Guess | None = None,
) -> Budgeted:
    """Measure recognition on all items and production on some; estimate the rest.

    Parameters
    ----------
    model
        The model, dense or pruned.
    items
        The questions, each with options.
    share
        Of the items, how many are generated at most; in (0, 1].
    width
        Stop generating once the interval of production is at most so wide; None generates the
        whole share. Looking again and again widens each interval, as `stop_when_narrow` tells.
    level
        Nominal coverage of the interval.
    spec
        How questions are put, and the seed of the draw; the defaults if None.
    progress
        As for `run_ladder`.
    guess
        Learned from variants of which more is known; the one that comes with the package if None.

    Raises
    ------
    SpecError
        The share or the width makes no sense, or leaves fewer than two items.
    """
    from illusion_lib.probes import run_ladder

    if not 0 < share <= 1:
        raise SpecError(f"budget must be a share in (0, 1], got {share}; 0.1 generates a tenth")
    n = round(share * len(items))
    if n < 2:
        raise SpecError(
            f"a budget of {share} of {len(items)} items leaves {n} to generate; at least 2 are "
            "needed, better 20"
        )
    if width is not None and not width > 0:
        raise SpecError(f"width must be positive, got {width}")
    base = spec or ProbeSpec()
    picked = _of_gold(run_ladder(model, items, replace(base, probes=(RECOGNITION,)), progress))
    chance = (guess or shipped_guess())(cheap_answers(to_frame(to_table(picked))))
    spoken: list[Record] = []

    def generate(places: IntArray) -> FloatArray:
        asked = [items[place] for place in places]
        found = _of_gold(run_ladder(model, asked, replace(base, probes=(PRODUCTION,)), progress))
        spoken.extend(found)
        return np.array([float(bool(record.correct)) for record in found])

    if width is None:
        drawn = draw_items(chance, n, base.seed)
        production = production_estimate(chance, drawn, generate(drawn), level)
    else:
        looks = stop_when_narrow(chance, generate, width, level, seed=base.seed, most=n)
        production = list(looks)[-1]
    recognition = float(np.mean([bool(record.correct) for record in picked]))
    tokens = sum(record.output_tokens or 0 for record in spoken)
    right = sum(bool(record.correct) for record in spoken)
    return Budgeted((*picked, *spoken), recognition, production, right, tokens)


def _of_gold(records: Sequence[Record]) -> list[Record]:
    """Return the records without those of the control: nothing is estimated for a wrong answer."""
    return [record for record in records if record.target == "gold"]
