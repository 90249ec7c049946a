"""Anchors on real response matrices: every estimator on the same splits, one table.

    python benchmarks/anchors.py --minutes 4
    python benchmarks/anchors.py --size 5000 14000 --anchors 100   # our best's seconds and memory

Each (matrix, split, seed, K, estimator) is one row of the results file and is never run twice, so
the script can be stopped and started again. The table shows, per split and K, the median over
matrices of the mean absolute error (in points of 100) and of Kendall's tau-b, and each error as a
multiple of SparseEval's on the same cells. 80 % of the models teach (SparseEval holds a quarter of
them out for early stopping: 60/20/20), 20 % are judged.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from illusion_lib import anchors
from illusion_lib.anchors.study import study

HERE = Path(__file__).parent
MATRICES = HERE.parents[1] / "shared" / "data" / "matrices"
WIDE = ("arc_challenge", "ifeval", "musr", "openllm_math")  # those with at least 200 models
KEY = ["matrix", "split", "seed", "K", "estimator"]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4, help="start nothing after so long")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "anchors.csv")
    parser.add_argument("--matrices", nargs="+", default=WIDE)
    parser.add_argument("--splits", nargs="+", default=["random", "clone_free", "extrapolation"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--anchors", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--estimators", nargs="+", default=list(anchors.ESTIMATORS))
    parser.add_argument("--level", type=float, help="also judge intervals; refits each estimator")
    parser.add_argument("--size", type=int, nargs=2, metavar=("MODELS", "ITEMS"))
    return parser.parse_args()


def cells(wanted: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for seed in range(wanted.seeds):
        for matrix in wanted.matrices:
            for split in wanted.splits:
                for k in wanted.anchors:
                    for estimator in wanted.estimators:
                        yield dict(zip(KEY, (matrix, split, seed, k, estimator), strict=True))


@cache
def read(name: str) -> anchors.ResponseMatrix:
    return anchors.load(MATRICES / f"benchpred_{name}.npz")


def run(cell: dict[str, Any], level: float | None) -> pd.DataFrame:
    matrix = read(cell["matrix"])
    estimators = {cell["estimator"]: anchors.ESTIMATORS[cell["estimator"]]}
    found = study(matrix, estimators, [cell["K"]], [cell["split"]], [cell["seed"]], level)
    return found.table.assign(matrix=cell["matrix"])


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Medians over matrices of the means over seeds."""
    means = results.groupby(["split", "K", "estimator", "matrix"])[
        ["mae", "tau_b", "coverage", "width", "select_seconds", "fit_seconds"]
    ].mean()
    table = means.groupby(level=["split", "K", "estimator"]).median()
    count = results.groupby(["split", "K", "estimator"]).agg(
        matrices=("matrix", "nunique"), runs=("seed", "size")
    )
    table[["mae", "width"]] *= 100
    paired = results.set_index(KEY)["mae"].unstack("estimator")
    if "sparseeval" in paired:
        ratio = paired.div(paired["sparseeval"], axis=0).groupby(level=["split", "K"]).median()
        table["to_sparseeval"] = ratio.rename_axis(columns="estimator").stack()
    return table.join(count).sort_values(["split", "K", "mae"]).round(4)


def simulate(n_models: int, n_items: int) -> NDArray[np.float64]:
    """0/1 answers of a two-parameter item response world, made column by column."""
    rng = np.random.default_rng(0)
    ability = rng.normal(size=n_models)
    scores = np.empty((n_models, n_items))
    for item in range(n_items):
        chance = 1 / (1 + np.exp(-rng.uniform(0.5, 2) * (ability - rng.normal())))
        scores[:, item] = rng.random(n_models) < chance
    return scores


def cost(n_models: int, n_items: int, k: int) -> str:
    """Seconds of selection and fit of our best, and its memory in units of the matrix."""
    scores = simulate(n_models, n_items)
    anchors.best(n_anchors=10).fit(scores[:50, :100])  # imports whatever is imported late
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor = time.perf_counter(), time.process_time()
    anchors.best(n_anchors=k).fit(scores)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / scores.nbytes
    return (
        f"{n_models} models x {n_items} items, {k} anchors: {wall:.1f} s ({processor:.1f} s of "
        f"processor), {extra:.1f} times the matrix beside it"
    )


def main() -> None:
    wanted = options()
    if wanted.size:
        print(cost(*wanted.size, wanted.anchors[0]))
        return
    if not MATRICES.is_dir():
        print(f"skipped: no response matrices at {MATRICES}")
        return
    wanted.results.parent.mkdir(exist_ok=True)
    done = pd.read_csv(wanted.results) if wanted.results.exists() else pd.DataFrame(columns=KEY)
    known = set(map(tuple, done[KEY].to_numpy().tolist()))
    end = time.monotonic() + 60 * wanted.minutes
    for cell in cells(wanted):
        if time.monotonic() > end:
            break
        if tuple(cell.values()) not in known:
            rows = run(cell, wanted.level)
            rows.to_csv(wanted.results, mode="a", header=not wanted.results.exists(), index=False)
    if wanted.results.exists():
        print(summary(pd.read_csv(wanted.results)).to_string())


if __name__ == "__main__":
    main()
