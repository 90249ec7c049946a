"""Which way of finding the k lowest scores is fastest? `pruning.patterns` takes the answer.

python benchmarks/selection.py
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

RESULTS = Path(__file__).with_name("results") / "selection.csv"
# Wanda's rows, and a slab of SparseGPT.
SHAPES = {"rows of an MLP": (1536, 576), "rows of its output": (576, 1536), "a slab": (1, 196608)}

WAYS: dict[str, Callable[[torch.Tensor, int], object]] = {
    "numpy partition": lambda scores, k: np.partition(scores.numpy(), k - 1, axis=1)[:, k - 1],
    "kthvalue": lambda scores, k: scores.kthvalue(k, dim=1),
    "topk": lambda scores, k: scores.topk(k, dim=1, largest=False, sorted=False),
    "sort": lambda scores, k: scores.sort(dim=1),
}


def milliseconds(way: Callable[[torch.Tensor, int], object], scores: torch.Tensor) -> float:
    """Return the best of five runs, half of the scores to be found."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        way(scores, scores.shape[1] // 2)
        times.append(time.process_time() - begin)
    return 1000 * min(times)


if __name__ == "__main__":
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    rows = []
    for name, shape in SHAPES.items():
        scores = torch.rand(shape, generator=generator)
        rows.append(
            {"scores": name} | {way: milliseconds(find, scores) for way, find in WAYS.items()}
        )
        print(
            ", ".join(f"{k} {v if k == 'scores' else f'{v:.2f} ms'}" for k, v in rows[-1].items())
        )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
