"""What holds the responses: a file, or a folder of some evaluator's logs? Found out by looking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from illusion_lib.anchors.load import load
from illusion_lib.anchors.logs import load_inspect, load_lighteval, load_lm_eval
from illusion_lib.anchors.matrix import ResponseMatrix, refuse

READERS: dict[str, tuple[str, Callable[..., ResponseMatrix]]] = {
    "lm-evaluation-harness": ("samples_*.jsonl", load_lm_eval),
    "lighteval": ("details_*.parquet", load_lighteval),
    "inspect_ai": ("*.eval", load_inspect),
}
"""By evaluator: the files that give its folder away, and the function that reads it."""


def read_matrix(path: str | Path, metric: str | None = None) -> ResponseMatrix:
    """Read a response matrix from a file or from a folder of logs.

    Parameters
    ----------
    path
        A file that `load` reads, or a folder of logs of lm-evaluation-harness, lighteval or
        inspect_ai.
    metric
        Which of the logs' metrics (inspect_ai: which scorer); a usual one if None.

    Raises
    ------
    AnchorError
        Nothing is there, nothing in the folder is known, or it holds logs of several kinds.
    """
    place = Path(path)
    if not place.is_dir():
        return load(place)
    found = [name for name, (pattern, _) in READERS.items() if next(place.rglob(pattern), None)]
    if not found and next(place.rglob("*.json"), None):
        found = ["inspect_ai"]  # its older logs
    known = "; ".join(f"{pattern} of {name}" for name, (pattern, _) in READERS.items())
    refuse(not found, f"{place} holds no logs that can be read; looked for {known}")
    refuse(
        len(found) > 1,
        f"{place} holds logs of {' and '.join(found)}; name the folder of one of them",
    )
    return READERS[found[0]][1](place, metric)
