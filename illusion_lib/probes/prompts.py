"""The one set of prompts that every model, pruned or not, is asked with.

Every prompt ends with the answer's label ("Answer:"), in a chat as the beginning of the model's own
turn. So options are natural continuations of the very prompt that open generation answers, and the
place where the model's answer begins is the place where the gold's rank is read. The wording was
chosen on the dense embedded model alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from illusion_lib.items.item import AnswerKind, Item, surface
from illusion_lib.models import Model
from illusion_lib.probes.phrases import PHRASES, Phrases, phrases_for
from illusion_lib.specs import ProbeSpec


def seeded(seed: int, purpose: str, name: str) -> np.random.Generator:
    """Return the generator of one item and purpose: independent of every other item's."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def shuffled_options(item: Item, seed: int) -> tuple[str, ...]:
    """Return gold and distractors in the item's own seeded order."""
    options = (item.answer, *item.distractors)
    order = seeded(seed, "options", item.id).permutation(len(options))
    return tuple(options[i] for i in order)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def option_orders(item: Item, count: int, seed: int) -> list[tuple[str, ...]]:
    """Return the options in up to `count` orders, each option at another place in each of them.

    The first is that of `shuffled_options`; the others are its rotations.
    """
    first = shuffled_options(item, seed)
    return [first[k:] + first[:k] for k in range(min(count, len(first)))]


def demonstrations(item: Item, items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """Return up to `count` other items of the same language, relation and kind, each shown alone.

    Their order is seeded per language and relation, so that most items see the same few. An item
    is no demonstration of its own fact, nor where its answer is one of the item's options.
    """
    options = {surface(text) for text in (*item.accepted, *item.distractors)}
    kind = (item.language, item.relation)
    pool = [o for o in items if (o.language, o.relation) == kind and o.kind == item.kind]
    # Sorted before the shuffle: the order in which the items were given must not matter.
    pool.sort(key=lambda other: other.id)
    order = seeded(seed, "demonstrations", "/".join(kind)).permutation(len(pool))
    shown = (pool[i] for i in order)
    return [
        other
        for other in shown
        if other.parallel_id != item.parallel_id
        and not options & {surface(text) for text in other.accepted}
    ][:count]


@dataclass(frozen=True)
class Prompts:
    """Renders prompts for one tokenizer.

    Attributes
    ----------
    tokenizer
        Its chat template is used in chat style.
    chat
        Whether prompts are chats; otherwise plain text in question and answer form.
    """

    tokenizer: Any
    chat: bool

    @classmethod
    def of(cls, model: Model, spec: ProbeSpec) -> Prompts:
        """Return the prompts for a model: chats where it has a template and the spec allows it."""
        templated = bool(getattr(model.tokenizer, "chat_template", None))
        return cls(model.tokenizer, chat=templated and spec.style != "plain")

    def open(self, item: Item) -> str:
        """Return the prompt that asks for the answer and shows no candidate."""
        return self._render(item.language, item.kind, [], item.question)

    def candidates(self, item: Item, options: Sequence[str]) -> str:
        """Return the prompt that lists the options and asks for the answer."""
        label = phrases_for(item.language).options
        listed = "\n".join(f"- {text}" for text in options)
        question = f"{item.question}\n{label}\n{listed}"
        return self._render(item.language, item.kind, [], question)

    def lettered(self, item: Item, options: Sequence[str]) -> str:
        """Return the prompt that letters the options and asks for no more than a letter."""
        label = phrases_for(item.language).options
        listed = "\n".join(
            f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)
        )
        return self._render(item.language, None, [], f"{item.question}\n{label}\n{listed}")

    def choices_only(self, item: Item, options: Sequence[str]) -> str:
        """Return the prompt that lists the options without a question."""
        listed = "\n".join(f"- {text}" for text in options)
        question = f"{phrases_for(item.language).options}\n{listed}"
        return self._render(item.language, item.kind, [], question)

    def one_shot(self, item: Item, shown: Item) -> str:
        """Return the open prompt after one answered question of the same kind."""
        answered = [(shown.question, shown.answer)]
        return self._render(item.language, item.kind, answered, item.question)

    def neutral(self, language: str, kind: AnswerKind = "name") -> str:
        """Return the prompt without a question, for the options' unconditional log-probs."""
        return self._render(language, kind, [], phrases_for(language).neutral)

    def lead(self, language: str) -> str:
        """Return what separates the prompt from an answer written after it."""
        return phrases_for(language).space

    def _render(
        self, language: str, kind: AnswerKind | None, shown: list[tuple[str, str]], question: str
    ) -> str:
        """Return a prompt; without a kind of answer it has no instruction."""
        words = phrases_for(language)
        style = self._chat if self.chat else self._plain
        return style(words, words.instructions[kind] if kind else "", shown, question)

    def _plain(
        self, words: Phrases, instruction: str, shown: list[tuple[str, str]], question: str
    ) -> str:
        blocks = [
            f"{words.question}{words.space}{asked}\n{words.answer}{words.space}{answer}"
            for asked, answer in shown
        ]
        last = f"{words.question}{words.space}{question}\n{words.answer}"
        return "\n\n".join([*filter(None, [instruction]), *blocks, last])

    def _chat(
        self, words: Phrases, instruction: str, shown: list[tuple[str, str]], question: str
    ) -> str:
        turns = []
        for asked, answer in shown:
            turns += [
                {"role": "user", "content": f"{asked} {instruction}"},
                {"role": "assistant", "content": f"{words.answer}{words.space}{answer}"},
            ]
        separator = "\n" if "\n" in question else " "
        turns.append({"role": "user", "content": f"{question}{separator}{instruction}".strip()})
        text: str = self.tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # read by the templates of reasoning models, ignored by others
        )
        return text + words.answer


def describe_prompts(model: Model, spec: ProbeSpec) -> dict[str, Any]:
    """Return the style, the English prompts with names in braces, and the hash of all languages'.

    Returns
    -------
    dict
        ``style`` (``chat`` or ``plain``), ``template`` (prompt kind to text), ``sha256`` of the
        templates of all languages that have phrases.
    """
    prompts = Prompts.of(model, spec)
    templates = {language: _templates(prompts, language) for language in PHRASES}
    text = json.dumps([templates, {k: asdict(v) for k, v in PHRASES.items()}], sort_keys=True)
    return {
        "style": "chat" if prompts.chat else "plain",
        "template": templates["en"],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _templates(prompts: Prompts, language: str) -> dict[str, str]:
    def stand_in(name: str) -> Item:
        return Item(
            id=name,
            parallel_id=name,
            language=language,
            relation="any",
            question=f"{{{name} question}}",
            answer=f"{{{name} answer}}",
            aliases=(),
            distractors=("{distractor}",),
            source="none",
        )

    item = stand_in("the")
    return {
        "open": prompts.open(item),
        "candidates": prompts.candidates(item, ("{option 1}", "{option 2}", "…")),
        "one_shot": prompts.one_shot(item, stand_in("shown")),
        "letter": prompts.lettered(item, ("{option 1}", "{option 2}", "…")),
        "choices_only": prompts.choices_only(item, ("{option 1}", "{option 2}", "…")),
        "neutral": prompts.neutral(language),
    }
