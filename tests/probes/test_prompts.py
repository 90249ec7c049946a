"""Prompts: what is shown, in which order, and to whom."""

from __future__ import annotations

import dataclasses

import pytest

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
    assert set(chat["template"]) == {"open", "candidates", "one_shot", "neutral"}
    assert describe_prompts(model, ProbeSpec(beams=3)) == chat
