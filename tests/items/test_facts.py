"""The frozen facts are complete, parallel, free of leaks, and made by the committed script."""

from __future__ import annotations

import importlib.util
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from illusion_lib.items import facts_removed, load_items, matches
from illusion_lib.items.facts import facts_file, facts_relations
from illusion_lib.items.words import words

LANGUAGES = ("en", "es", "fr", "de", "it", "pt")
SCRIPT = Path(__file__).parents[2] / "tools" / "freeze_facts.py"


@pytest.fixture(scope="module")
def facts():
    return load_items("facts", languages=LANGUAGES)


def test_every_language_holds_the_same_facts(facts):
    per_language = {
        language: [item.parallel_id for item in facts if item.language == language]
        for language in LANGUAGES
    }
    assert len(per_language["en"]) >= 100
    assert len(set(per_language["en"])) == len(per_language["en"])
    assert all(ids == per_language["en"] for ids in per_language.values())


def test_kept_and_removed_are_the_members_of_the_united_nations(facts):
    kept = {item.parallel_id for item in facts}
    removed = {fact.parallel_id for fact in facts_removed()}
    assert not kept & removed
    assert len(kept | removed) == 193
    assert {fact.kind for fact in facts_removed()} == {"leak", "disputed"}
    assert {"capital/LU", "capital/DJ", "capital/SG", "capital/KW", "capital/GT"} <= removed
    assert {"capital/MX", "capital/TN", "capital/DZ", "capital/BR", "capital/SV"} <= removed
    assert {"capital/IN", "capital/FR", "capital/CD", "capital/CL"} <= kept


def test_no_question_gives_its_answer_away(facts):
    for item in facts:
        asked = {word.folded[:4] for word in words(item.question) if len(word.folded) >= 4}
        said = {word.folded[:4] for word in words(item.answer) if len(word.folded) >= 4}
        assert not asked & said, item


def test_each_item_has_three_distractors_that_are_parallel_and_wrong(facts):
    by_answer = {(item.language, item.answer): item.parallel_id for item in facts}
    assert len(by_answer) == len(facts)
    shown = {}
    for item in facts:
        assert len(item.distractors) == 3
        places = tuple(by_answer[item.language, wrong] for wrong in item.distractors)
        assert shown.setdefault(item.parallel_id, places) == places
        for wrong in item.distractors:
            assert not matches(wrong, item.accepted, item.distractors, item.language)
            assert not matches(wrong, item.accepted, (), item.language)
        for form in item.accepted:
            assert matches(form, item.accepted, item.distractors, item.language)


def test_no_capital_serves_as_distractor_everywhere(facts):
    uses = Counter(wrong for item in facts if item.language == "en" for wrong in item.distractors)
    assert max(uses.values()) <= 9


def test_well_known_facts(facts):
    answer = {item.id: item for item in facts}
    assert answer["capital/FR/es"].question == "¿Cuál es la capital de Francia?"
    assert answer["capital/FR/es"].answer == "París"
    assert "Paris" in answer["capital/FR/es"].aliases
    assert answer["capital/CH/de"].question == "Wie heißt die Hauptstadt der Schweiz?"
    assert answer["capital/JP/fr"].question == "Quelle est la capitale du Japon ?"
    assert answer["capital/US/it"].question == "Qual è la capitale degli Stati Uniti?"
    assert answer["capital/NL/pt"].question == "Qual é a capital dos Países Baixos?"
    assert answer["capital/AR/it"].answer == "Buenos Aires"
    assert "Moscovo" in answer["capital/RU/pt"].aliases  # Portugal's form of Brazil's Moscou
    assert {"Kiev", "Kyiv"} <= set(answer["capital/UA/en"].accepted)


def test_texts_are_plain(facts):
    for item in facts:
        for text in (item.question, *item.accepted, *item.distractors):
            assert text == unicodedata.normalize("NFC", text).strip()
            assert not any(unicodedata.category(char) in {"Cf", "Cc"} for char in text)
            assert not set(text) & set("~’_()&")


def test_source_names_the_licence(facts):
    assert all("Unicode-3.0" in item.source for item in facts)
    folder = facts_file("capital").parent
    assert "UNICODE LICENSE V3" in (folder / "LICENSE.unicode").read_text(encoding="utf-8")
    assert "capital" in facts_relations()


def test_the_script_makes_the_same_bytes_again(tmp_path, monkeypatch):
    babel = pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("freeze_facts", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)
    spec.loader.exec_module(script)
    if babel.__version__ != script.BABEL:
        pytest.skip(f"frozen with Babel {script.BABEL}")
    script.freeze(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    folder = facts_file("capital").parent
    assert made == {path.name: path.read_bytes() for path in folder.iterdir()}
