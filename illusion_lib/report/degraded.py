"""Which steps of a run fell back to something less, and whether its answers hang on the batch."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from illusion_lib.report.numerals import percent
from illusion_lib.runs import CellResult

_SLOWER = {
    "expanded": "each option with a copy of its prompt's cache, for the network takes no mask "
    "that lets options share one pass, or its window is too narrow for the longest prompts",
    "recompute": "each option with its whole prompt computed anew, for the network's cache cannot "
    "be continued",
}


def degraded(cells: Sequence[CellResult], records: pd.DataFrame) -> str:
    """Return in words what did not go as planned, so that no fallback is silent.

    Parameters
    ----------
    cells
        Which cells.
    records
        Their records.
    """
    halved, slower = 0, dict.fromkeys(_SLOWER, 0)
    for cell in cells:
        manifest = cell.manifest
        halved += manifest.memory_halvings
        if manifest.scoring_path in slower:
            slower[manifest.scoring_path] += 1
    found = [
        f"{_of(count, len(cells), 'cell')} scored {_SLOWER[path]}"
        for path, count in slower.items()
        if count
    ]
    if halved:
        times = "once" if halved == 1 else f"{halved} times"
        found.append(f"memory ran out {times}, and batches were halved")
    cut = records[records["truncated_prompt"].fillna(False).astype(bool)]
    if len(cut):
        asked = records["item_id"].nunique()
        many = _of(cut["item_id"].nunique(), asked, "question")
        found.append(f"{many} had a prompt that was too long for the model and lost its beginning")
    return "; ".join(found) or "nothing: memory sufficed and no prompt was cut"


def batch_dependence(cells: Sequence[CellResult]) -> str:
    """Return in words how often an answer hangs on what shares its batch.

    Parameters
    ----------
    cells
        Which cells.
    """
    asked, nats, flips = 0, 0.0, {"choice": 0, "open": 0}
    dtypes: dict[str, None] = {}
    for cell in cells:
        manifest = cell.manifest
        if manifest.dtype != "float32":
            dtypes[manifest.dtype] = None
            found = manifest.batch_flips
            asked += int(found.get("items", 0))
            nats = max(nats, found.get("nats", 0.0))
            flips = {name: flips[name] + int(found.get(name, 0)) for name in flips}
    if not dtypes:
        return "in float32 no record depends on the batch or on the order of the questions"
    if not asked:
        return f"in {' and '.join(dtypes)} answers may depend on the batch; it was not measured"
    shares = {name: percent(count / asked) for name, count in flips.items()}
    return (
        f"in {' and '.join(dtypes)} sums depend on what shares a batch: of {asked} questions asked "
        f"together and one by one, {shares['choice']} had another option picked and "
        f"{shares['open']} another answer, and an option's log-probability moved by up to "
        f"{nats:.2f} nats. Log-probabilities are held against other tools' in float32 only: in "
        "bfloat16 every tool, lm-evaluation-harness included, is tenths of a nat from float32"
    )


def _of(count: int, total: int, noun: str) -> str:
    if total == 1:
        return f"the {noun}"
    return f"{count} of {total} {noun}s"
