"""How long do large studies take to plan, to look at and to summarise, and in how much memory?

Writes ``benchmarks/results/load.csv``. The store is simulated: every cell holds as many rows as one
of four questions does, under its own key and manifest, and the event log tells of each of them.
Every step runs in a process of its own, whose time and memory are its own::

    python benchmarks/load.py --folder /tmp/large --fill   # takes minutes; the steps find it there
    python benchmarks/load.py --folder /tmp/large
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from illusion_lib import divergence
from illusion_lib.records import LADDER, Record, to_table
from illusion_lib.runs.cost import plan_costs
from illusion_lib.runs.events import EVENTS
from illusion_lib.runs.gathered import GATHERED
from illusion_lib.runs.manifest import MANIFEST, Manifest
from illusion_lib.runs.plan import Planner
from illusion_lib.runs.status import study_status
from illusion_lib.runs.store import RECORDS, Store
from illusion_lib.runs.studies import study_content
from illusion_lib.runs.sweep import STUDY_FILE, load_study, stored_study
from illusion_lib.specs import CalibrationSpec, CellSpec, ModelSpec, PruneSpec, StudySpec, TaskSpec

RESULTS = Path(__file__).parent / "results" / "load.csv"
CELLS = 10_000
ROWS = 5_000_000
LIMITS = {"plan": 10, "status": 10, "load": 10, "summary": 30}  # seconds
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
    """Write a finished cell for each of a study's, and what the log says of it; return how many."""
    planner, template = Planner(), None
    cells, lines = study.cells(), []
    for cell in cells:
        plan = planner.plan(cell)
        name = {"cell": f"{cell.model.slug} {cell.slug}", "key": plan.key}
        lines += [json.dumps({"kind": kind} | name | rest) for kind, rest in STORY]
        if template is None:
            rows = [record(item.id, item.language, n) for item in plan.items for n in range(10)]
            template = store.put(plan.spec, to_table(rows), manifest(plan.key, plan.spec))
            content = asdict(template.manifest)
            continue
        folder = store.cell_folder(plan.spec, plan.key)
        folder.mkdir(parents=True)
        shutil.copyfile(template.folder / RECORDS, folder / RECORDS)
        own = content | {"key": plan.key, "spec": plan.spec.canonical()}
        (folder / MANIFEST).write_text(json.dumps(own), encoding="utf-8")
    store.write_json(STUDY_FILE, study_content(study))
    (store.root / EVENTS).mkdir()
    (store.root / EVENTS / "node.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(cells)


_DONE = {"seconds": 12.5, "items": 4, "memory_bytes": 10**9}
STORY = [
    ("started", {}),
    *[("step", {"what": "choice", "done": n, "total": 35, "host": "node"}) for n in range(35)],
    ("done", _DONE),
]


def record(item: str, language: str, n: int) -> Record:
    """Return one of an item's simulated rows, as full as a real one."""
    scores = (-1.5, -2.5, -3.5, -4.5)
    picked = LADDER[n] == "choice" if n < len(LADDER) else False
    return Record(
        item_id=item,
        parallel_id=item,
        language=language,
        relation="capital",
        question="What is the capital of this land?",
        gold="That town",
        probe=LADDER[n % len(LADDER)],
        target="gold" if n < len(LADDER) else "distractor",
        prompt_hash="0" * 16,
        correct=True,
        output="That town",
        outputs=("That town", "another town") if n > 3 else None,
        successes=1,
        tries=2,
        output_class="ok",
        options=("That town", "b", "c", "d") if picked else None,
        gold_index=0 if picked else None,
        log_prob_sum=scores if picked else None,
        log_prob_token=scores if picked else None,
        log_prob_byte=scores if picked else None,
        target_rank=1,
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


def large_records(rows: int, items: int = 2400, probes: int = 14) -> pd.DataFrame:
    """Return simulated records of one dense and many pruned cells.

    Each has 200 questions in 12 languages, asked in 14 ways: about 34 thousand rows.
    """
    rng = np.random.default_rng(0)
    cells = max(2, round(rows / items / probes))
    cell = np.repeat(np.arange(cells), items * probes)
    item = np.tile(np.repeat(np.arange(items), probes), cells)
    names = np.array(["dense", *(f"wanda-s{n:05d}" for n in range(1, cells))])
    labels = np.array([f"q{n}" for n in range(items)])
    asked = np.array(["open", "choice", "candidates", *(f"other{n}" for n in range(3, probes))])
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
            "parallel_id": labels[item // 12],
            "language": np.array([f"l{n:02d}" for n in range(12)])[item % 12],
            "relation": "capital",
            "question": "?",
            "gold": "x",
            "probe": np.tile(asked, cells * items),
            "target": "gold",
            "correct": pd.array(rng.random(len(cell)) < 0.7, dtype="boolean"),
            "output_class": "ok",
            "n_options": 4,
        }
    )


def plan(folder: Path) -> int:
    """Plan a finished study and cost it, as ``illusion sweep --dry-run`` does."""
    store = Store(folder)
    costs = plan_costs(stored_study(store).cells(), store)
    return sum(cost.finished for cost in costs)


def status(folder: Path) -> int:
    """Tell how far a study is, as ``illusion status`` does."""
    store = Store(folder)
    found = study_status(stored_study(store), store)
    assert len(found.seconds_of_done) == found.counts()["done"]
    return found.counts()["done"]


def load(folder: Path) -> int:
    """Load a study as every page of a report does: cells checked, records in one frame."""
    return len(load_study(folder).records)


def summary(records: pd.DataFrame) -> int:
    """Return the tables that a report begins with."""
    items = divergence.outcomes(records)
    return len(divergence.outcome_counts(items)) + len(divergence.accuracy(records))


def timed(step: Callable[..., int], *arguments: object) -> tuple[int, float]:
    """Return a step's answer and the seconds it took."""
    start = time.perf_counter()
    return step(*arguments), time.perf_counter() - start


def measure(step: str, place: Path | int) -> dict[str, float | str]:
    """Return one line of results."""
    if step == "summary":
        records = large_records(int(str(place)))
        _, seconds = timed(summary, records)
        size = len(records)
    else:
        size, seconds = timed({"plan": plan, "status": status}.get(step, load), place)
    return {
        "step": step,
        "size": size,
        "of": "rows" if step in ("summary", "first load", "load") else "cells",
        "seconds": round(seconds, 2),
        "limit_seconds": LIMITS.get(step, ""),
        "peak_gb": round(peak_bytes() / GIGABYTE, 2),
        "machine": f"{os.cpu_count()} cores",
    }


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def alone(step: str, place: Path | int) -> dict[str, float | str]:
    """Return `measure` of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (step, place))


def main() -> None:
    """Measure each step and write one table."""
    parser = argparse.ArgumentParser(description="Load of a large store.")
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="of the simulated store; a temporary one")
    parser.add_argument("--fill", action="store_true", help="make the store and stop")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="large-"))
    if not (folder / STUDY_FILE).is_file():
        fill(Store(folder), study_of(options.cells))
    if options.fill:
        return
    # Without the file that gathers all records: as after a sweep whose driver was killed.
    shutil.rmtree(folder / GATHERED, ignore_errors=True)
    lines = [alone(step, folder) for step in ("first load", "plan", "status", "load")]
    lines.append(alone("summary", options.rows))
    for line in lines:
        print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(lines[0]))
        table.writeheader()
        table.writerows(lines)


if __name__ == "__main__":
    main()
