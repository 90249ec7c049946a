"""Small public sets, written in the files' real formats."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FIRST = ("Anna", "Boris", "Clara", "David", "Elena", "Frida", "Georg", "Helen")
LAST = ("Koval", "Lindt", "Moran", "Nowak", "Ortiz", "Perez", "Quint", "Rossi")
SHARED = Path(__file__).parents[3] / "shared" / "data" / "qa"


def _paragraphs(language: str, prefix: str) -> list[dict]:
    """Return 8 passages of 2 questions: a person (a name) and a year (a date)."""
    paragraphs = []
    for i, (first, last) in enumerate(zip(FIRST, LAST, strict=True)):
        name, year = f"{first} {last}", str(1801 + 13 * i)
        context = f"[{language}] {name} built tower {i} in {year}."
        asked = ((f"Who built tower {i}?", name), (f"When was tower {i} built?", year))
        paragraphs.append(
            {
                "context": context,
                "qas": [
                    {
                        "id": f"{prefix}{i}-{k}",
                        "question": f"{question} [{language}]",
                        "answers": [{"text": text, "answer_start": context.index(text)}],
                    }
                    for k, (question, text) in enumerate(asked)
                ],
            }
        )
    return paragraphs


def squad(language: str, prefix: str = "q") -> dict:
    """Return a set of 16 questions in SQuAD v1.1 form."""
    return {
        "version": "1.1",
        "data": [{"title": "Towers", "paragraphs": _paragraphs(language, prefix)}],
    }


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def write_parquet(path: Path, contents: list[dict], titled: bool = False) -> Path:
    """Write SQuAD contents with the columns of the hub's data sets."""
    rows = [
        {"id": qa["id"]}
        | ({"title": article["title"]} if titled else {})
        | {
            "context": paragraph["context"],
            "question": qa["question"],
            "answers": {
                "text": [answer["text"] for answer in qa["answers"]],
                "answer_start": [answer["answer_start"] for answer in qa["answers"]],
            },
        }
        for content in contents
        for article in content["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    answers = pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int32()))])
    names = ["id", *(["title"] if titled else []), "context", "question"]
    schema = pa.schema([*((name, pa.string()) for name in names), ("answers", answers)])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


class Hub:
    """Stands in for the hub: serves the files of a folder, and notes what was asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[tuple[str, str, str]] = []

    def download(self, repo_id: str, filename: str, *, repo_type: str, revision: str) -> str:
        assert repo_type == "dataset"
        self.asked.append((repo_id, filename, revision))
        path = self.root / "snapshots" / "c0ffee" / filename
        if not path.is_file():
            raise OSError("no such file on the hub")
        return str(path)

    @property
    def folder(self) -> Path:
        return self.root / "snapshots" / "c0ffee"


@pytest.fixture(scope="session")
def make():
    """Writers of small sets: `make.squad`, `make.json`, `make.parquet`."""
    return SimpleNamespace(squad=squad, json=write_json, parquet=write_parquet)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub.download)
    return hub


@pytest.fixture(scope="session")
def real_xquad():
    return _real("xquad")


@pytest.fixture(scope="session")
def real_truthfulqa():
    return _real("truthfulqa_multi")


def _real(name: str) -> str:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the {name} files are not here; they are no part of the project")
    return str(folder)
