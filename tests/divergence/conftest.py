"""Synthetic records with a planted effect, so that the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

OPTIONS = ("a", "b", "c", "d")


def planted_records(
    n: int = 60,
    languages: tuple[str, ...] = ("en",),
    cells: Mapping[str, tuple[str, float, float, float]] | None = None,
    know: float = 0.9,
    say: float = 0.8,
    demoted: float = 0.8,
    control: float = 0.05,
    recovery: bool = True,
    seed: int = 0,
    model: str = "tiny",
) -> pd.DataFrame:
    """Records of one model, dense and pruned.

    ``cells`` maps a slug to (method, sparsity, kept recognition, kept production): the shares of
    the dense model's abilities that survive. Recovery probes find a lost answer with probability
    ``demoted`` and any other failed one with ``control``. Languages share the facts' difficulty.
    """
    rng = np.random.default_rng(seed)
    grid = {"wanda-s050": ("wanda", 0.5, 0.95, 0.5)} if cells is None else cells
    grid = {"dense": ("dense", 0.0, 1.0, 1.0), **grid}
    fact = rng.random(n)
    rows: list[dict[str, Any]] = []
    for language in languages:
        ability = np.clip(fact + rng.normal(0, 0.1, n), 0, 1)
        knows, says = ability < know, ability < say
        for cell, (method, sparsity, keep_m, keep_g) in grid.items():
            known = knows & (rng.random(n) < keep_m)
            m = known | (rng.random(n) < 1 / len(OPTIONS))
            g = says & (rng.random(n) < keep_g)
            front = {
                "model": model,
                "cell": cell,
                "method": method,
                "sparsity": sparsity,
                "pattern": None,
                "label": cell,
                "calibration_seed": 0,
            }
            for i in range(n):
                key = {
                    **front,
                    "item_id": f"capital/{i}/{language}",
                    "parallel_id": f"capital/{i}",
                    "language": language,
                    "target": "gold",
                }
                lost = known[i] and says[i] and not g[i]
                rows.append({**key, "probe": "open", "correct": g[i], "output_class": "ok"})
                rows.append(
                    {**key, "probe": "choice", "correct": m[i], "options": OPTIONS, "gold_index": 0}
                )
                if recovery:
                    rows += _recovery(key, bool(g[i]), demoted if lost else control, rng)
    return pd.DataFrame(rows)


def _recovery(
    key: dict[str, Any], produced: bool, chance: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    rank = 1 if produced else int(rng.integers(2, 8) if rng.random() < chance else 500)
    rows = [
        {**key, "probe": "rank", "target_rank": rank},
        {**key, "probe": "rank", "target": "distractor", "target_rank": 300},
    ]
    if produced:
        return rows
    for probe, tries in (("beam", 8), ("sample", 16), ("one_shot", 3)):
        hits = int(rng.integers(1, 4)) if rng.random() < chance else 0
        rows.append({**key, "probe": probe, "correct": hits > 0, "successes": hits, "tries": tries})
        rows.append(
            {**key, "probe": probe, "target": "distractor"}
            | {"correct": False, "successes": 0, "tries": tries}
        )
    return rows


@pytest.fixture(scope="session")
def planted() -> Any:
    """The generator itself: ``planted(n=40, cells={...})``."""
    return planted_records


@pytest.fixture(scope="session")
def study() -> pd.DataFrame:
    """Two methods at three sparsities in two languages; Wanda hurts production most."""
    cells = {
        "wanda-s030": ("wanda", 0.3, 1.0, 1.0),
        "wanda-s050": ("wanda", 0.5, 0.98, 0.95),
        "wanda-s060": ("wanda", 0.6, 0.95, 0.3),
        "wanda-s080": ("wanda", 0.8, 0.0, 0.0),
        "sparsegpt-s060": ("sparsegpt", 0.6, 0.95, 0.8),
    }
    return planted_records(n=120, languages=("en", "es"), cells=cells, seed=3)
