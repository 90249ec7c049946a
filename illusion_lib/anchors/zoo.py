"""What does the shipped zoo hold? Many compressed variants of one model, every item both ways.

Made by ``illusion sweep zoo`` and ``tools/freeze_zoo.py``; the manifest beside it says when, with
what versions and on which weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pandas as pd

from illusion_lib.anchors.load import from_long
from illusion_lib.anchors.matrix import ResponseMatrix

TABLE, MANIFEST = "zoo.parquet", "zoo.json"
DENSE = "dense"


@dataclass(frozen=True)
class Zoo:
    """Compressed variants of one model and what each did with every item.

    Attributes
    ----------
    rows
        One row per variant and item: ``variant``, ``method``, ``sparsity``, ``calibration_seed``;
        ``item_id``, ``relation``, ``question``, ``gold``; the open ``answer``, whether it is right
        (``said``) and its ``answer_tokens``; and of the same item as multiple choice the columns
        `illusion_lib.anchors.guess.CHEAP`. The answers are a language model's: escape them.
    manifest
        Study, versions, weights and dates of the run.
    """

    rows: pd.DataFrame
    manifest: dict[str, Any]

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants, dense first."""
        return tuple(self.rows["variant"].drop_duplicates())

    def of(self, variant: str) -> pd.DataFrame:
        """Return the rows of one variant, by item_id."""
        return self.rows[self.rows["variant"] == variant].set_index("item_id")

    def matrix(self, asked: Literal["open", "choice"] = "open") -> ResponseMatrix:
        """Return variants x items: said in the open, or picked; the methods are the families."""
        score = {"open": "said", "choice": "picked"}[asked]
        matrix = from_long(self.rows, "variant", "item_id", score, "relation")
        methods = self.rows.drop_duplicates("variant")["method"]
        return replace(matrix, families=tuple(methods.astype(str)))


@cache
def load_zoo() -> Zoo:
    """Return the zoo that comes with the package."""
    folder = files("illusion_lib") / "data"
    with (folder / TABLE).open("rb") as file:
        rows = pd.read_parquet(file)
    return Zoo(rows, json.loads((folder / MANIFEST).read_text("utf-8")))
