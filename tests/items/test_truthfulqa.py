"""TruthfulQA-multi gives the same questions, with the same options, in five languages."""

from __future__ import annotations

import copy
from collections import Counter

import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items import items_removed, load_items, matches

CODES = ("ca", "en", "es", "eu", "gl")


def row(key, code, wrong=4):
    best = f"Nothing {key} {code}"
    incorrect = [f"Wrong {key} {i} {code}" for i in range(wrong)]
    return {
        "id": key,
        "question": f"What is it, number {key * 100}?",
        "mc1_targets": {"choices": [best, *incorrect], "labels": [1] + [0] * wrong},
        "best_answer": best,
        "correct_answers": [f"Something {key} {code}", best],
        "incorrect_answers": incorrect,
    }


def content(code):
    return [row(key, code, wrong=2 if key == 3 else 4) for key in range(1, 11)]


def write(make, folder, change=None):
    for code in CODES:
        rows = copy.deepcopy(content(code))
        if change and code == "gl":
            change(rows)
        make.json(folder / "data" / code / "validation.json", rows)
    return folder


def load(folder, languages=(), **rest):
    path = None if folder is None else str(folder)
    return load_items("truthfulqa", languages, [], path=path, **rest)


def test_items_are_parallel_with_options_at_the_same_places(make, tmp_path):
    items = load(write(make, tmp_path))
    assert Counter(item.language for item in items) == dict.fromkeys(CODES, 9)
    for item in items:
        key = item.parallel_id.removeprefix("truthfulqa/")
        assert item.answer == f"Nothing {key} {item.language}"
        assert item.aliases == (f"Something {key} {item.language}",)
        english = load(tmp_path, ["en"])
        twin = next(other for other in english if other.parallel_id == item.parallel_id)
        assert [w.rsplit(" ", 1)[0] for w in item.distractors] == [
            w.rsplit(" ", 1)[0] for w in twin.distractors
        ]
    (gone,) = items_removed("truthfulqa", path=str(tmp_path))
    assert (gone.parallel_id, gone.kind) == ("truthfulqa/3", "few_options")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda rows: rows.pop(0), "untranslated"),
        (lambda rows: rows.__setitem__(0, row(1, "gl", wrong=5)), "untranslated"),
        (lambda rows: rows[0].update(question="Nothing 1 gl?"), "leak"),
        (lambda rows: rows[0].update(best_answer="?"), "unmatchable"),
        (lambda rows: rows[0]["mc1_targets"]["choices"].__setitem__(2, "nothing 1 gl."), None),
    ],
)
def test_one_flawed_translation_removes_the_question_in_all(make, tmp_path, change, kind):
    def twice(rows):
        change(rows)
        if kind is None:  # two of four options equal the gold: two are left
            rows[0]["mc1_targets"]["choices"][3] = "Something 1, gl"

    folder = write(make, tmp_path, twice)
    removed = {r.parallel_id: r.kind for r in items_removed("truthfulqa", path=str(folder))}
    assert removed["truthfulqa/1"] == (kind or "few_options")
    assert len(load(folder, ["en"])) == 8


def test_the_hub_serves_json_and_its_commit_is_named(make, hub):
    for code in CODES:
        make.json(hub.folder / code / "validation.json", content(code))
    items = load(None, ["en", "eu"], limit=5)
    assert items[0].source == "TruthfulQA-multi (HiTZ/truthfulqa-multi@c0ffee, Apache-2.0)"
    assert [item.parallel_id for item in items[:5]] == [item.parallel_id for item in items[5:]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[0].pop("mc1_targets"), "not TruthfulQA-multi"),
        (lambda rows: rows[0]["mc1_targets"]["labels"].pop(), "not TruthfulQA-multi"),
        (lambda rows: rows[0].update(question=None), "must hold text"),
        (lambda rows: rows.clear(), "holds no question"),
    ],
)
def test_malformed_files_are_refused(make, tmp_path, change, reason):
    with pytest.raises(ItemError, match=reason):
        load(write(make, tmp_path, change))


@pytest.mark.slow
def test_the_real_set(real_truthfulqa):
    items = load(real_truthfulqa)
    removed = items_removed("truthfulqa", path=real_truthfulqa)
    counts = Counter(item.language for item in items)
    assert set(counts) == set(CODES)
    assert set(counts.values()) == {817 - len(removed)}
    assert len(removed) < 0.2 * 817
    for item in items:
        assert len(item.distractors) == 3
        assert matches(item.answer, item.accepted, item.distractors, item.language)
