"""How long do large studies take to plan, to look at and to summarise, and in how much memory?

Run ``python benchmarks/load.py``. The store is simulated: every cell holds the same few rows, under
its own key and manifest; the large record set repeats one cell's rows under many names.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from illusion_lib import divergence
from illusion_lib.records import Record, to_table
from illusion_lib.runs.manifest import MANIFEST, Manifest
from illusion_lib.runs.plan import Planner
from illusion_lib.runs.status import study_status
from illusion_lib.runs.store import RECORDS, Store
from illusion_lib.runs.studies import study_content
from illusion_lib.runs.sweep import STUDY_FILE, load_study
from illusion_lib.specs import CalibrationSpec, CellSpec, ModelSpec, PruneSpec, StudySpec, TaskSpec

CELLS = 10_000
ROWS = 5_000_000
LIMITS = {"plan": 10, "status": 10, "load": 10, "summary": 30}
GIGABYTE = 10**9


def study_of(cells: int) -> StudySpec:
    """Return a study of about so many cells: 100 calibration draws of each pruning."""
    return StudySpec(
        "load",
        "A simulated study",
        (ModelSpec("tiny-random", dtype="float32"),),
        tuple(PruneSpec("wanda", (n + 1) / 1000) for n in range(max(1, cells // 100))),
        tuple(CalibrationSpec(samples=2, length=16, seed=n) for n in range(min(100, cells))),
        (TaskSpec(languages=("en",), limit=4),),
    )


def fill(store: Store, study: StudySpec) -> int:
    """Write a finished cell for each of a study's; return how many."""
    planner, template = Planner(), None
    cells = study.cells()
    for cell in cells:
        plan = planner.plan(cell)
        if template is None:
            rows = [record(item.id, item.language) for item in plan.items]
            template = store.put(plan.spec, to_table(rows), manifest(plan.key, plan.spec))
            content = asdict(template.manifest)
            continue
        folder = store.cell_folder(plan.spec, plan.key)
        folder.mkdir(parents=True)
        shutil.copyfile(template.folder / RECORDS, folder / RECORDS)
        own = content | {"key": plan.key, "spec": plan.spec.canonical()}
        (folder / MANIFEST).write_text(json.dumps(own), encoding="utf-8")
    store.write_json(STUDY_FILE, study_content(study))
    return len(cells)


def record(item: str, language: str) -> Record:
    """Return one simulated row."""
    return Record(
        item_id=item,
        parallel_id=item,
        language=language,
        relation="capital",
        question="What is the capital of this land?",
        gold="That town",
        probe="open",
        prompt_hash="0" * 16,
        correct=True,
        output="That town",
        prompt_tokens=20,
        output_tokens=4,
        seconds=0.1,
    )


def manifest(key: str, cell: CellSpec) -> Manifest:
    """Return a manifest as large as a real one of 30 blocks."""
    layers = [{"name": f"model.layers.{n}.self_attn.q_proj", "sparsity": 0.5} for n in range(210)]
    return Manifest(
        key=key,
        spec=cell.canonical(),
        created="2026-01-01T00:00:00+00:00",
        versions={},
        device="cpu",
        dtype="float32",
        threads=1,
        checkpoint="c",
        checkpoint_note="",
        weights_before="a",
        weights_after="b",
        pruning={"sparsity": 0.5, "layers": layers},
        calibration_sha256=None,
        items={"count": 4, "sha256": "s", "sources": ["simulated"]},
        prompts={},
        scoring_path="packed",
        seconds={"probe": 1.0},
    )


def large_records(rows: int) -> pd.DataFrame:
    """Return simulated records of one dense and many pruned cells, two formats a question."""
    rng = np.random.default_rng(0)
    items, cells = 1000, max(2, rows // 2000)
    cell = np.repeat(np.arange(cells), 2 * items)
    item = np.tile(np.repeat(np.arange(items), 2), cells)
    names = np.array(["dense", *(f"wanda-s{n:05d}" for n in range(1, cells))])
    labels = np.array([f"q{n}" for n in range(items)])
    return pd.DataFrame(
        {
            "model": "m",
            "cell": names[cell],
            "method": np.where(cell == 0, "dense", "wanda"),
            "sparsity": cell / cells,
            "pattern": None,
            "label": names[cell],
            "calibration_seed": 0,
            "item_id": labels[item],
            "parallel_id": labels[item],
            "language": np.where(item % 2, "en", "es"),
            "relation": "capital",
            "question": "?",
            "gold": "x",
            "probe": np.tile(["open", "choice"], cells * items),
            "target": "gold",
            "correct": pd.array(rng.random(len(cell)) < 0.7, dtype="boolean"),
            "output_class": "ok",
            "options": None,
        }
    )


@contextmanager
def timed(results: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a block took."""
    start = time.perf_counter()
    yield
    results[name] = time.perf_counter() - start


def measure_store(cells: int, folder: Path) -> tuple[dict[str, float], int]:
    """Return seconds to plan, look at and load a store of so many cells, and its rows."""
    store, study = Store(folder), study_of(cells)
    count = fill(store, study)
    seconds: dict[str, float] = {}
    with timed(seconds, "plan"):
        planner = Planner()
        plans = [planner.plan(cell) for cell in study.cells()]
        assert sum(store.has(plan.spec, plan.key) for plan in plans) == count
    with timed(seconds, "status"):
        assert study_status(study, store).counts()["done"] == count
    with timed(seconds, "load"):
        rows = len(load_study(folder).records)
    return seconds, rows


def measure_summary(rows: int) -> dict[str, float]:
    """Return seconds to summarise so many records."""
    seconds: dict[str, float] = {}
    records = large_records(rows)
    with timed(seconds, "summary"):
        divergence.outcomes(records)
    return seconds


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description="Load of a large store.")
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="where the store is simulated; a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        seconds, rows = measure_store(options.cells, Path(scratch))
    store_peak = peak_bytes()
    print(f"{options.cells} finished cells, {rows} rows; {store_peak / GIGABYTE:.2f} GB at most")
    seconds |= measure_summary(options.rows)
    print(f"{options.rows} rows to summarise; {peak_bytes() / GIGABYTE:.2f} GB at most")
    for name, took in seconds.items():
        print(f"{name:10s} {took:6.1f} s   limit {LIMITS[name]} s")


if __name__ == "__main__":
    main()
