"""How the score depends on the way of asking: letters, options alone, other sets of candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.bootstrap import cluster_codes
from illusion_lib.divergence.frames import FRONT, FRONT_TYPES, cells, languages, table, tidy
from illusion_lib.divergence.intervals import share_interval
from illusion_lib.divergence.outcomes import chance_level
from illusion_lib.records import Target

# In reading order; the first two are the formats that the others are held against.
ASKED = (
    "open",
    "choice",
    "letter",
    "choices_only",
    "candidates",
    "shuffled",
    "gold_only",
    "gold_absent",
)
_ANSWERED = (
    "language",
    "parallel_id",
    "probe",
    "correct",
    "successes",
    "tries",
    "n_options",
    "agreement",
)
_PICKED = ("choice", "letter", "choices_only")


def asking(records: Records, target: Target = "gold") -> pd.DataFrame:
    """Return the share right for each way of asking, with its interval.

    Parameters
    ----------
    records
        Any table that `tidy` accepts; ways that were not asked have no row.
    target
        What the answers are held against: the right one, or as a control a wrong one.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each), ``probe``, ``items``, ``share``
        (of answers that are the target; of ``shuffled``, over all orders), ``low``, ``high`` (95 %,
        on the effective number of items), ``chance`` (of picks; a guesser's share), ``agreement``
        (mean over items of the share of orders in which the option named most often was named;
        missing elsewhere).
    """
    frame = tidy(records)
    # Only what is needed: to cut a frame costs time for each of its columns.
    shown = [name for name in _ANSWERED if name in frame]
    asked = (frame["target"] == target) & frame["probe"].isin(ASKED) & frame["correct"].notna()
    frame = frame.loc[asked, [*FRONT, *shown]]
    # To cut a frame costs time for each column, and numbers are compared faster than names.
    frame["parallel_id"] = cluster_codes(frame["parallel_id"])
    rows = []
    for front, cell in cells(frame):
        for language, part in languages(cell[shown]):
            for probe in ASKED:
                own = part[part["probe"] == probe]
                if len(own):
                    rows.append({**front, "language": language, "probe": probe, **_row(own, probe)})
    types = {"language": "str", "probe": "str", "items": "Int64"}
    types |= dict.fromkeys(("share", "low", "high", "chance", "agreement"), "Float64")
    return table(rows, {**FRONT_TYPES, **types})


def _row(own: pd.DataFrame, probe: str) -> dict[str, Any]:
    hits = own["correct"].to_numpy(dtype=np.float64)
    if probe == "shuffled":
        hits = (own["successes"] / own["tries"]).to_numpy(dtype=np.float64)
    low, high = share_interval(hits, own["parallel_id"]) or (None, None)
    row = {"items": len(own), "share": float(hits.mean()), "low": low, "high": high}
    if probe in _PICKED:
        row["chance"] = chance_level(own["n_options"])
    if "agreement" in own and own["agreement"].notna().any():
        row["agreement"] = float(own["agreement"].astype(float).mean())
    return row


def shift(records: Records) -> pd.DataFrame:
    """Return how far the next token's distribution moved from the dense model's.

    Parameters
    ----------
    records
        Records with the probe ``kl``; without, the table is empty.

    Returns
    -------
    DataFrame
        One row per pruned cell and language ("all" and each). Columns: the front columns,
        ``language``, ``items``, ``median``, ``first_quartile``, ``third_quartile`` and ``mean`` of
        the KL divergence, in nats (lower bounds: rare tokens are lumped).
    """
    frame = tidy(records)
    if "kl_dense" not in frame:
        return table([], _SHIFT_TYPES)
    frame = frame[(frame["probe"] == "kl") & frame["kl_dense"].notna()]
    rows = []
    for front, cell in cells(frame[frame["method"] != "dense"]):
        for language, part in languages(cell):
            values = part["kl_dense"].to_numpy(dtype=np.float64)
            quarters = np.quantile(values, [0.25, 0.5, 0.75])
            names = ("first_quartile", "median", "third_quartile")
            row = {"language": language, "items": values.size, "mean": float(values.mean())}
            rows.append({**front, **row, **dict(zip(names, map(float, quarters), strict=True))})
    return table(rows, _SHIFT_TYPES)


_SHIFT_TYPES = {
    **FRONT_TYPES,
    "language": "str",
    "items": "Int64",
    **dict.fromkeys(("median", "first_quartile", "third_quartile", "mean"), "Float64"),
}
