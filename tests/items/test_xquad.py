"""XQuAD gives parallel items with four options, from a folder or from the hub."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items import items_hash, items_removed, load_items, matches, xquad
from illusion_lib.items.squad import read_questions
from illusion_lib.items.words import words

LANGUAGES = xquad.LANGUAGES


@pytest.fixture
def folder(make, tmp_path):
    for code in ("de", "en", "th"):
        make.json(tmp_path / f"xquad.{code}.json", make.squad(code))
    return tmp_path


def load(folder, languages=(), relations=(), **rest):
    return load_items("xquad", languages, relations, path=str(folder), **rest)


def test_items_are_parallel_and_have_four_options(folder):
    items = load(folder)
    by_language = {
        code: {item.parallel_id: item for item in items if item.language == code}
        for code in ("de", "en", "th")
    }
    assert len(items) == 3 * 16
    assert by_language["en"].keys() == by_language["de"].keys() == by_language["th"].keys()
    for key, item in by_language["en"].items():
        assert item.id == f"xquad/{key}/en"
        assert (item.relation, len(item.distractors)) == ("xquad", 3)
        assert item.distractors == by_language["th"][key].distractors  # answers are alike here
        passage, question = item.question.split("\n")
        assert item.answer in passage
        assert "[en]" in question
    assert "CC BY-SA 4.0" in items[0].source


def test_closed_book_asks_the_question_alone_with_the_same_options(folder):
    shown, closed = load(folder), load(folder, passage=False)
    assert {item.relation for item in closed} == {"xquad-closed"}
    assert not {item.id for item in shown} & {item.id for item in closed}
    for one, other in zip(shown, closed, strict=True):
        assert one.question.endswith("\n" + other.question)
        assert (one.distractors, one.parallel_id) == (other.distractors, other.parallel_id)


def test_limit_and_languages_select_as_they_do_for_facts(folder):
    everything = load(folder, ["en"])
    assert load(folder, ["en"], limit=5) == everything[:5]
    assert load(folder, ["de", "en"], limit=5)[5:] == everything[:5]
    assert load(folder, ["en"], limit=5, seed=1) != everything[:5]
    with pytest.raises(ItemError, match="limit 17 asks for more than the 16 xquad items"):
        load(folder, ["en"], limit=17)
    with pytest.raises(ItemError, match="no language 'fr'"):
        load(folder, ["fr"])


def test_a_leak_in_one_language_removes_the_question_in_all(make, folder):
    content = make.squad("th")
    content["data"][0]["paragraphs"][0]["qas"][0]["question"] = "Anna Koval?"
    make.json(folder / "xquad.th.json", content)
    assert "q0-0" not in {item.parallel_id for item in load(folder)}
    (gone,) = items_removed("xquad", path=str(folder))
    assert (gone.parallel_id, gone.kind) == ("q0-0", "leak")
    assert gone.reason == "the question names the answer in th"
    assert gone.name == "Who built tower 0? [en]"


def test_a_question_that_a_language_lacks_is_removed(make, folder):
    content = make.squad("th")
    del content["data"][0]["paragraphs"][0]["qas"][0]
    make.json(folder / "xquad.th.json", content)
    assert Counter(fact.kind for fact in items_removed("xquad", path=str(folder))) == {
        "untranslated": 1
    }
    assert len(load(folder, ["en"])) == 15


def test_removals_are_logged(make, folder, caplog):
    content = make.squad("th")
    content["data"][0]["paragraphs"][0]["qas"][0]["question"] = "Anna Koval?"
    make.json(folder / "xquad.th.json", content)
    with caplog.at_level("INFO", "illusion_lib.items"):
        load(folder)
    assert "xquad: 1 questions left out (1 leak)" in caplog.text


def serve(make, hub):
    for code in LANGUAGES:
        path = hub.folder / f"xquad.{code}" / "validation-00000-of-00001.parquet"
        make.parquet(path, [make.squad(code)])


def test_the_hub_and_a_folder_give_the_same_items(make, hub, tmp_path):
    serve(make, hub)
    for code in LANGUAGES:
        make.json(tmp_path / "local" / f"xquad.{code}.json", make.squad(code))
    fetched = load_items("xquad", ["en", "hi"], [], limit=10)
    local = load(tmp_path / "local", ["en", "hi"], limit=10)
    assert [(item.id, item.distractors) for item in fetched] == [
        (item.id, item.distractors) for item in local
    ]
    assert fetched[0].source == "XQuAD (google/xquad@c0ffee, CC BY-SA 4.0)"
    assert {asked[0] for asked in hub.asked} == {"google/xquad"}
    assert all(len(revision) == 40 for _, _, revision in hub.asked)
    assert load(hub.folder, ["en"])  # a clone of the hub's repository is a folder like any


def test_no_network_is_one_clear_line(hub):
    with pytest.raises(ItemError, match=r"cannot get XQuAD .* give the path of a folder") as caught:
        load_items("xquad", ["en"], [])
    assert "\n" not in str(caught.value)


def test_a_wrong_folder_is_refused(tmp_path):
    with pytest.raises(ItemError, match="holds none of its files, such as xquad"):
        load(tmp_path)
    with pytest.raises(ItemError, match="is no folder"):
        load(tmp_path / "none")


def test_a_changed_file_is_read_again(make, folder):
    before = items_hash(load(folder))
    content = make.squad("en")
    content["data"][0]["paragraphs"][0]["qas"][0]["question"] += " Tell me, please."
    make.json(folder / "xquad.en.json", content)
    assert items_hash(load(folder)) != before


@pytest.mark.slow
def test_the_real_set(real_xquad):
    items = load(real_xquad)
    removed = items_removed("xquad", path=real_xquad)
    counts = Counter(item.language for item in items)
    assert set(counts) == set(LANGUAGES)
    assert set(counts.values()) == {1190 - len(removed)}
    assert len(removed) < 0.2 * 1190
    assert {fact.kind for fact in removed} == {"leak", "few_options"}
    for item in items:
        assert matches(item.answer, [item.answer], item.distractors, item.language)
        for wrong in item.distractors:
            assert not matches(wrong, item.accepted, (), item.language)
            assert not matches(item.answer, [wrong], (), item.language)


@pytest.mark.slow
def test_real_distractors_are_the_same_facts_in_every_language(real_xquad):
    facts_of: dict[tuple[str, str], set[str]] = {}
    for code in LANGUAGES:
        for question in read_questions(Path(real_xquad) / f"xquad.{code}.json"):
            facts_of.setdefault((code, question.answers[0]), set()).add(question.id)
    options: dict[str, list[list[set[str]]]] = {}
    for item in load(real_xquad, limit=200):
        found = [facts_of[item.language, text] for text in item.distractors]
        options.setdefault(item.parallel_id, []).append(found)
    for found in options.values():
        assert len(found) == len(LANGUAGES)
        assert all(set.intersection(*place) for place in zip(*found, strict=True))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_real_answer_matches_itself(real_xquad, code):
    for question in read_questions(Path(real_xquad) / f"xquad.{code}.json"):
        for answer in question.answers:
            assert words(answer)
            for output in (answer, f"{answer}.", f"**{answer}**", f"({answer})\n\n{answer}"):
                assert matches(output, [answer], (), code), (question.id, output)
