"""Prompts: what is shown, in which order, and to whom."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import pytest

from illusion_lib.items import load_items
from illusion_lib.items.facts import facts_languages
from illusion_lib.probes.phrases import PHRASES, phrases_for
from illusion_lib.probes.prompts import (
    Prompts,
    demonstrations,
    describe_prompts,
    shuffled_options,
)
from illusion_lib.specs import ProbeSpec


def test_style_follows_template_and_spec(model):
    assert Prompts.of(model, ProbeSpec()).chat
    assert not Prompts.of(model, ProbeSpec(style="plain")).chat


@pytest.mark.parametrize("style", ["auto", "plain"])
def test_every_prompt_ends_with_the_answers_label(model, items, style):
    prompts = Prompts.of(model, ProbeSpec(style=style))
    item, shown = items[0], items[5]
    texts = [
        prompts.open(item),
        prompts.candidates(item, shuffled_options(item, 0)),
        prompts.one_shot(item, shown),
        prompts.neutral("en"),
    ]
    assert all(text.endswith("Answer:") for text in texts)
    assert item.answer not in texts[0]
    assert all(text in texts[1] for text in (item.answer, *item.distractors))
    assert f"Answer: {shown.answer}" in texts[2]
    assert item.question not in texts[3]


def test_spanish_is_framed_in_spanish(model, items):
    item = dataclasses.replace(items[0], language="es")
    assert Prompts.of(model, ProbeSpec(style="plain")).open(item).endswith("\nRespuesta:")


def test_option_order_is_seeded_and_moves_the_gold(items):
    orders = [shuffled_options(item, 0) for item in items]
    assert orders == [shuffled_options(item, 0) for item in items]
    assert orders != [shuffled_options(item, 1) for item in items]
    places = {order.index(item.answer) for order, item in zip(orders, items, strict=True)}
    assert len(places) > 1


def test_no_demonstration_gives_an_option_away(items):
    for item in items:
        shown = demonstrations(item, items, 3, seed=0)
        assert len(shown) == 3
        for other in shown:
            assert other.parallel_id != item.parallel_id
            assert other.answer not in (item.answer, *item.distractors)
    assert demonstrations(items[0], items[::-1], 3, 0) == demonstrations(items[0], items, 3, 0)


def test_demonstrations_are_of_the_same_language(items):
    spanish = dataclasses.replace(items[0], id="x", language="es")
    assert demonstrations(spanish, [*items, spanish], 3, 0) == []


def test_the_description_names_style_templates_and_hash(model):
    chat = describe_prompts(model, ProbeSpec())
    plain = describe_prompts(model, ProbeSpec(style="plain"))
    assert chat["style"] == "chat"
    assert plain["style"] == "plain"
    assert chat["sha256"] != plain["sha256"]
    kinds = {"open", "candidates", "one_shot", "neutral", "letter", "choices_only"}
    assert set(chat["template"]) == kinds
    assert describe_prompts(model, ProbeSpec(beams=3)) == chat


def test_the_prompts_of_the_quick_study_never_change(model):
    """Results are compared across versions: not one character of these prompts may move."""
    capital = {
        item.language: item for item in load_items("facts", ["en", "es"], ["capital"], 1, None)
    }
    plain = Prompts.of(model, ProbeSpec(style="plain"))
    assert plain.open(capital["en"]) == (
        "Answer with the name only.\n\nQuestion: What is the capital of China?\nAnswer:"
    )
    assert plain.candidates(capital["es"], ("Pekín", "Tiflis")) == (
        "Responde solo con el nombre.\n\nPregunta: ¿Cuál es la capital de China?\nOpciones:\n"
        "- Pekín\n- Tiflis\nRespuesta:"
    )
    assert plain.neutral("en") == "Answer with the name only.\n\nQuestion: …\nAnswer:"
    assert plain.lead("es") == " "


@pytest.mark.parametrize("kind", ["name", "words", "sentence", "number"])
def test_the_instruction_asks_for_the_kind_of_answer(model, items, kind):
    item = dataclasses.replace(items[0], kind=kind)
    for prompts in (Prompts.of(model, ProbeSpec()), Prompts.of(model, ProbeSpec(style="plain"))):
        asked = PHRASES["en"].instructions[kind]
        for text in (prompts.open(item), prompts.one_shot(item, items[5])):
            assert asked in text
        assert asked in prompts.neutral("en", kind)


def test_no_demonstration_is_of_another_kind(items):
    number = dataclasses.replace(items[0], id="n", kind="number")
    assert demonstrations(number, [*items, number], 3, 0) == []


def test_every_language_of_every_set_has_its_own_phrases():
    modules = ("xquad", "tydiqa", "truthfulqa", "mkqa", "exams")
    languages = {
        code for name in modules for code in import_module(f"illusion_lib.items.{name}").LANGUAGES
    }
    assert languages | set(facts_languages()) <= set(PHRASES)


@pytest.mark.parametrize("language", PHRASES)
def test_phrases_are_complete_and_differ_by_kind(language):
    words = PHRASES[language]
    assert len(set(words.instructions.values())) == 4
    assert all(
        label.strip() == label and label[-1] in ":：៖"
        for label in (words.question, words.options, words.answer)
    )
    assert words.space == ("" if language.startswith(("zh", "ja")) else " ")


def test_a_variant_of_a_language_falls_back_on_it_and_the_unknown_on_english():
    assert phrases_for("zh-TW").question == "問題："
    assert phrases_for("pt-BR") == PHRASES["pt"]
    assert phrases_for("xx") == PHRASES["en"]
