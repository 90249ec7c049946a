"""Put a finished zoo into the package: one table, and a manifest of how it was made.

illusion sweep zoo
python tools/freeze_zoo.py runs/zoo
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pandas as pd

from illusion_lib.anchors.guess import CHEAP, cheap_answers
from illusion_lib.anchors.zoo import MANIFEST, TABLE
from illusion_lib.runs import StudyResult, load_study
from illusion_lib.runs.studies import study_content

DATA = Path(__file__).parents[1] / "illusion_lib" / "data"
EXACT = ("log_prob", "margin", "ahead")


def main(folder: str) -> None:
    """Write the table and its manifest."""
    result = load_study(folder)
    file = DATA / TABLE
    table(result).to_parquet(file, index=False, compression="zstd")
    content = manifest(result, hashlib.sha256(file.read_bytes()).hexdigest())
    (DATA / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def table(result: StudyResult) -> pd.DataFrame:
    """Return one row per variant and item."""
    parts = []
    for name, rows in result.records.groupby("cell", sort=False):
        said = rows[(rows["probe"] == "open") & (rows["target"] == "gold")].set_index("item_id")
        front = said[["method", "sparsity", "calibration_seed", "relation", "question", "gold"]]
        answers = pd.DataFrame(
            {
                "answer": said["output"],
                "said": said["correct"].astype(bool),
                "answer_tokens": said["output_tokens"].astype("int16"),
            }
        )
        cheap = cheap_answers(rows)
        counts = [column for column in CHEAP if column in ("tokens", "rank", "worst_rank")]
        cheap = cheap.astype(dict.fromkeys(EXACT, "float32") | dict.fromkeys(counts, "int32"))
        parts.append(front.join(answers).join(cheap).reset_index().assign(variant=str(name)))
    frame = pd.concat(parts, ignore_index=True)
    order = ["variant", *(column for column in frame.columns if column != "variant")]
    return frame[order]


def manifest(result: StudyResult, sha256: str) -> dict[str, object]:
    """Return what was run, on what and with what."""
    dense = result.cells[0].manifest
    return {
        "study": study_content(result.study),
        "licence": "Apache-2.0: answers of a model under that licence; questions as in data/facts",
        "table_sha256": sha256,
        "variants": len(result.cells),
        "created": [min(dates(result)), max(dates(result))],
        "versions": dense.versions,
        "device": dense.device,
        "dtype": dense.dtype,
        "checkpoint": dense.checkpoint,
        "checkpoint_note": dense.checkpoint_note,
        "items": dense.items,
        "prompts": dense.prompts["sha256"],
        "weights": {cell.spec.slug: cell.manifest.weights_after for cell in result.cells},
        "records_sha256": {cell.spec.slug: cell.manifest.records_sha256 for cell in result.cells},
    }


def dates(result: StudyResult) -> list[str]:
    """Return when each cell was finished."""
    return [cell.manifest.created for cell in result.cells]


if __name__ == "__main__":
    main(sys.argv[1])
