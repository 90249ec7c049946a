"""The worked example of the book's page on questions is read, shown to a model and judged."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from illusion_lib.items import load_items
from illusion_lib.items.read import read_items

PAGE = Path(__file__).parents[2] / "book" / "items_sets.md"
TEXT = PAGE.read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_is_a_set_of_questions(tmp_path):
    path = tmp_path / "rivers.jsonl"
    path.write_text(EXAMPLE, encoding="utf-8")
    items = load_items(str(path), [], [], seed=None)
    assert [item.relation for item in items] == ["river", "river", "year"]
    assert {item.kind for item in items} == {"name", "number"}
    assert items[0].parallel_id == items[1].parallel_id
    assert items[2].source == "rivers.jsonl"


def test_the_example_reads_the_same_as_csv(tmp_path):
    rows = [json.loads(line) for line in EXAMPLE.splitlines()]
    path = tmp_path / "rivers.csv"
    names = sorted({name for row in rows for name in row})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: "|".join(v) if isinstance(v, list) else v for k, v in row.items()})
    jsonl = tmp_path / "rivers.jsonl"
    jsonl.write_text(EXAMPLE, encoding="utf-8")
    found, expected = read_items(path), read_items(jsonl)
    assert [(i.id, i.answer, i.aliases, i.distractors, i.kind) for i in found] == [
        (i.id, i.answer, i.aliases, i.distractors, i.kind) for i in expected
    ]


def test_the_page_lists_every_field_and_every_set():
    from illusion_lib.items.read import FIELDS
    from illusion_lib.items.sources import FACTS, SOURCES

    for name in (*FIELDS, *(set(SOURCES) - {FACTS})):
        assert f"| `{name}` |" in TEXT
