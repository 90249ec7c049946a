"""Files in SQuAD form are read alike from JSON and Parquet, and malformed ones are refused."""

from __future__ import annotations

import copy

import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items.squad import read_questions


def test_json_and_parquet_hold_the_same_questions(make, tmp_path):
    content = make.squad("en")
    first = read_questions(make.json(tmp_path / "a.json", content))
    assert first == read_questions(make.parquet(tmp_path / "a.parquet", [content]))
    assert len(first) == 16
    assert first[0].passage.startswith("[en] Anna Koval built")
    assert first[0].answers == ("Anna Koval",)


def test_answers_are_squeezed_and_each_counts_once(make, tmp_path):
    content = make.squad("en")
    qa = content["data"][0]["paragraphs"][0]["qas"][0]
    qa["answers"] = [
        {"text": text, "answer_start": 0} for text in ("Anna  Koval", "anna koval", "K")
    ]
    assert read_questions(make.json(tmp_path / "a.json", content))[0].answers == ("Anna Koval", "K")


def broken(make, change):
    content = copy.deepcopy(make.squad("en"))
    change(content, content["data"][0]["paragraphs"][0]["qas"])
    return content


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content, qas: content.pop("data"), "not in SQuAD v1.1 format"),
        (lambda content, qas: content.update(data=7), "not in SQuAD v1.1 format"),
        (lambda content, qas: qas[0].pop("answers"), "not in SQuAD v1.1 format"),
        (lambda content, qas: qas[0].update(answers=[]), "has no answer"),
        (lambda content, qas: qas[0].update(question=""), "'question' must hold text"),
        (lambda content, qas: qas[0].update(id=5), "'id' must hold text"),
        (lambda content, qas: qas[1].update(id=qas[0]["id"]), "occurs twice"),
        (lambda content, qas: qas[0]["answers"][0].update(text="a\0"), "NUL"),
    ],
)
def test_malformed_content_is_refused(make, tmp_path, change, reason):
    path = make.json(tmp_path / "a.json", broken(make, change))
    with pytest.raises(ItemError, match=reason) as caught:
        read_questions(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", b"{"), ("a.json", b"\xff\xfe"), ("a.json", b"[" * 10**5), ("a.parquet", b"PAR1")],
)
def test_what_is_no_such_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=r"a\.(json|parquet): not in SQuAD"):
        read_questions(tmp_path / name)


def test_a_parquet_without_a_column_is_refused(make, tmp_path):
    import pyarrow.parquet as pq

    path = make.parquet(tmp_path / "a.parquet", [make.squad("en")])
    pq.write_table(pq.read_table(path).drop_columns(["answers"]), path)
    with pytest.raises(ItemError, match="column 'answers' is missing"):
        read_questions(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ItemError, match="cannot be read"):
        read_questions(tmp_path / "none.json")
