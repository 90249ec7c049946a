"""Estimate production where only a share of the items is generated.

Picking an answer is cheap and is measured on every item; open answers are generated for a drawn
share of them, and the rest is estimated from the cheap ones (`illusion_lib.anchors.illusion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from illusion_lib.anchors import Production, draw_items, production_estimate, stop_when_narrow
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.errors import SpecError
from illusion_lib.items import Item
from illusion_lib.records import PRODUCTION, RECOGNITION, Record, to_table
from illusion_lib.runs.atomic import new_file, write_json
from illusion_lib.specs import ProbeSpec

if TYPE_CHECKING:
    from illusion_lib.models import Model
    from illusion_lib.probes.session import Progress

MEASURED, ESTIMATE = "measured.parquet", "estimate.json"
_LOWEST = -200.0  # nats; a log-prob below says no more


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
    generated_tokens
        Measured: tokens of the answers that were generated.
    """

    records: tuple[Record, ...]
    recognition: float
    production: Production
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
                "generated_share_right": self.production.mean_only,
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
    answers = cheap_answers(picked)
    spoken: list[Record] = []

    def generate(places: IntArray) -> FloatArray:
        asked = [items[place] for place in places]
        found = _of_gold(run_ladder(model, asked, replace(base, probes=(PRODUCTION,)), progress))
        spoken.extend(found)
        return np.array([float(bool(record.correct)) for record in found])

    if width is None:
        drawn = draw_items(answers, n, base.seed)
        production = production_estimate(answers, drawn, generate(drawn), level)
    else:
        looks = stop_when_narrow(answers, generate, width, level, seed=base.seed, most=n)
        production = list(looks)[-1]
    recognition = float(np.mean([bool(record.correct) for record in picked]))
    tokens = sum(record.output_tokens or 0 for record in spoken)
    return Budgeted((*picked, *spoken), recognition, production, tokens)


def _of_gold(records: Sequence[Record]) -> list[Record]:
    """Return the records without those of the control: nothing is estimated for a wrong answer."""
    return [record for record in records if record.target == "gold"]


def cheap_answers(picked: Sequence[Record]) -> FloatArray:
    """Return what multiple choice tells of every item: float (items, 5).

    Whether it was picked right; the gold's log-prob, in all, per token and against a neutral
    prompt; and how far the gold is ahead of the best other option. In nats, none below -200.
    """
    rows = []
    for record in picked:
        gold = record.gold_index
        if gold is None or record.log_prob_sum is None:
            raise SpecError(f"item {record.item_id!r} has no options to pick from")
        others = [value for place, value in enumerate(record.log_prob_sum) if place != gold]
        scores = (record.log_prob_sum, record.log_prob_token, record.log_prob_pmi)
        known = [np.nan if score is None else score[gold] for score in scores]
        ahead = record.log_prob_sum[gold] - max(others, default=_LOWEST)
        rows.append([float(bool(record.correct)), *known, ahead])
    return np.asarray(np.clip(pd.DataFrame(rows).to_numpy(dtype=float), _LOWEST, -_LOWEST))
