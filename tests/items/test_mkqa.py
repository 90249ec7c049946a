"""MKQA is read from its own file: short answers kept, the rest left out with a reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items import items_removed, load_items, matches

NAMES = ("Ada Moran", "Ben Kovac", "Cleo Lindt", "Dora Nowak", "Egon Perez", "Fay Rossi")


def answer(kind, text, aliases=()):
    return {"type": kind, "text": text, "entity": "Q1", "aliases": list(aliases)}


def row(number, query, *answers):
    """A line of dataset/mkqa.jsonl.gz, with two of its 26 languages."""
    return {
        "query": query,
        "example_id": number,
        "queries": {"en": query, "zh_cn": f"{query} 中文", "ru": f"{query} по-русски"},
        "answers": {code: list(answers) for code in ("en", "zh_cn", "ru")},
    }


ROWS = [
    *(
        row(-7449157003522518870 + i, f"who sang song {i}", answer("entity", name, [name.upper()]))
        for i, name in enumerate(NAMES)
    ),
    *(
        row(
            100 + i,
            f"when did film {i} open",
            answer("date", f"200{i}-05-18", [f"200{i} May 18", f"18 May 200{i}"]),
        )
        for i in range(5)
    ),
    *(row(200 + i, f"how many towers {i}", answer("number", f"{11 + i}.0")) for i in range(5)),
    row(300, "is it open", answer("binary", "yes")),
    row(301, "where can i go", {"type": "long_answer", "text": None}),
    row(302, "next episode", {"type": "unanswerable", "text": None}),
    row(303, "who is ada moran", answer("entity", "Ada Moran")),
]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "dataset" / "mkqa.jsonl.gz"
    path.parent.mkdir()
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in ROWS)
    return str(tmp_path)


def load(folder, languages=("en",), **rest):
    return load_items("mkqa", languages, [], path=folder, seed=None, **rest)


def test_each_type_has_its_kind_and_options_of_its_type(folder):
    items = load(folder)
    assert Counter(item.kind for item in items) == {"name": 6, "words": 5, "number": 5}
    by_kind = {item.answer: item.kind for item in items}
    for item in items:
        assert item.relation == "mkqa"
        assert len(item.distractors) == 3
        assert {by_kind[wrong] for wrong in item.distractors} == {item.kind}
        assert not any(matches(wrong, item.accepted, (), "en") for wrong in item.distractors)
        assert "CC BY-SA 3.0" in item.source


def test_a_date_is_asked_for_in_words_and_a_number_without_decimals(folder):
    items = {item.id: item for item in load(folder)}
    date = items["mkqa/100/en"]
    assert date.answer == "2000 May 18"
    assert "2000-05-18" in date.aliases
    assert items["mkqa/200/en"].answer == "11"


def test_languages_are_named_as_cldr_does_and_keep_their_facts(folder):
    items = load(folder, ("en", "zh", "ru"))
    ids = [[i.parallel_id for i in items if i.language == code] for code in ("en", "zh", "ru")]
    assert ids[0] == ids[1] == ids[2]
    assert items[-1].question.endswith("по-русски")
    assert load(folder) == load(folder)
    assert load(folder, ("en",)) == tuple(item for item in items if item.language == "en")


def test_what_cannot_be_asked_is_left_out_with_its_reason(folder):
    removed = {fact.parallel_id: fact for fact in items_removed("mkqa", ["en"], path=folder)}
    assert {key: fact.kind for key, fact in removed.items()} == {
        "mkqa/300": "no_short_answer",
        "mkqa/301": "no_short_answer",
        "mkqa/302": "no_short_answer",
        "mkqa/303": "leak",
    }


def test_it_needs_a_local_copy():
    with pytest.raises(ItemError, match=r"read from a local copy; fetch dataset/mkqa.jsonl.gz"):
        load_items("mkqa", ["en"], [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no question"),
        (b"{}\n", "line 1: not MKQA"),
        (b"no json\n", "line 1: not MKQA"),
        (b'{"example_id": 1, "queries": {"en": "x"}, "answers": {}}\n', "question 1 in en"),
    ],
)
def test_another_file_is_refused(tmp_path, content, says):
    (tmp_path / "mkqa.jsonl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ItemError, match=says):
        load(str(tmp_path))


def test_a_broken_archive_is_refused(tmp_path):
    (tmp_path / "mkqa.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-6])
    with pytest.raises(ItemError, match=r"cannot be read|not MKQA"):
        load(str(tmp_path))
