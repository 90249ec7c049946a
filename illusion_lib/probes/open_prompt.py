"""Everything that continues the open prompt: choice, greedy answer, rank, beams and samples.

The prompt is encoded once; each probe goes on from there. Beams and samples run on the items that
the greedy answer got wrong.
"""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial

from illusion_lib.items.item import AnswerKind, Item
from illusion_lib.probes import rows
from illusion_lib.probes.beam import beam_search
from illusion_lib.probes.choice import score_options
from illusion_lib.probes.decode import Output, greedy, sample
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.prompts import seeded, shuffled_options
from illusion_lib.probes.rank import Slot, find_slot, first_line
from illusion_lib.probes.rows import Asked
from illusion_lib.probes.session import Session
from illusion_lib.records import RECOVERY, Probe

_TYPICAL_ANSWER = 12  # tokens; what a batch's branches are expected to grow by at most


class OpenPrompt:
    """The probes of the open prompt, in one run."""

    def __init__(self, session: Session) -> None:
        self.session, self.spec = session, session.spec
        self.neutral: dict[tuple[str, AnswerKind, str], float] = {}

    def run(self) -> None:
        """Encode every item's open prompt, batch by batch, and ask all that continues it."""
        if "choice" in self.spec.probes:
            self.score_neutral()
        branches = max(4, *(self._branches(name) for name in self.spec.probes))
        grown = branches * min(self.spec.max_new_tokens, _TYPICAL_ANSWER)
        for items in self.session.by_language():
            asked = [self.session.ask(self.session.prompts.open(item)) for item in items]
            work = partial(self._open_jobs, items, asked)
            self.session.engine.budget.run([len(prompt.ids) + grown for prompt in asked], work)

    def _branches(self, name: Probe) -> int:
        return {"beam": self.spec.beams, "sample": self.spec.samples}.get(name, 1)

    def _open_jobs(self, items: list[Item], asked: list[Asked], jobs: list[int]) -> list[None]:
        return self._open_batch([items[job] for job in jobs], [asked[job] for job in jobs])

    def _open_batch(self, items: list[Item], asked: list[Asked]) -> list[None]:
        started = time.perf_counter()
        prefix = self.session.engine.prefill([prompt.ids for prompt in asked])
        encoding = (time.perf_counter() - started) / len(items)
        if "choice" in self.spec.probes:
            self._choose(items, asked, prefix, encoding)
        if {"open", "rank", *RECOVERY} & set(self.spec.probes):
            self._answer(items, asked, prefix, encoding)
        wrong = [i for i, item in enumerate(items) if item.id in self.session.searched]
        if wrong:
            self._recover(
                [items[i] for i in wrong], [asked[i] for i in wrong], prefix.select(wrong)
            )
        return [None] * len(items)

    def _choose(
        self, items: list[Item], asked: list[Asked], prefix: Prefix, encoding: float
    ) -> None:
        started = time.perf_counter()
        options = [shuffled_options(item, self.spec.seed) for item in items]
        tails = self.session.score_after(
            [prompt.text for prompt in asked],
            [
                [self.session.spaced(item, text) for text in shown]
                for item, shown in zip(items, options, strict=True)
            ],
            prefix,
        )
        seconds = encoding + (time.perf_counter() - started) / len(items)
        for item, prompt, shown, scored in zip(items, asked, options, tails, strict=True):
            neutral = [self.neutral[item.language, item.kind, text] for text in shown]
            scores = score_options(shown, scored, neutral)
            tokens = sum(map(len, scored))
            record = rows.recognition(item, prompt, shown, scores, tokens, seconds)
            self.session.keep(item, "choice", [record])
        self.session.tell("choice", len(items), len(self.session.items))

    def _answer(
        self, items: list[Item], asked: list[Asked], prefix: Prefix, encoding: float
    ) -> None:
        started = time.perf_counter()
        forms = [
            [self.session.forms(item, t, p.text) for t in rows.TARGETS]
            for item, p in zip(items, asked, strict=True)
        ]
        firsts = [[form[0] for target in both for form in target] for both in forms]
        limit = self.spec.max_new_tokens
        outputs = greedy(self.session.engine, prefix, self.session.stops, limit, firsts)
        seconds = encoding + (time.perf_counter() - started) / len(items)
        for item, prompt, told in zip(items, asked, self.session.texts(outputs), strict=True):
            record = rows.generation(item, "open", prompt, told, seconds)
            self.session.keep(item, "open", [record])
            if not record.correct and self._is_searched(item):
                self.session.searched.add(item.id)
        self.session.tell("open", len(items), len(self.session.items))
        if "rank" in self.spec.probes:
            self._rank(items, asked, prefix, outputs, forms)

    def _is_searched(self, item: Item) -> bool:
        """Whether recovery runs on a failed item: always if it was picked, else as a control."""
        picked = self.session.records[item.id].get("choice")
        if picked is None or picked[0].correct:
            return True
        return bool(seeded(self.spec.seed, "control", item.id).random() < self.spec.controls)

    def _rank(
        self,
        items: list[Item],
        asked: list[Asked],
        prefix: Prefix,
        outputs: list[Output],
        forms: list[list[list[list[int]]]],
    ) -> None:
        started = time.perf_counter()
        slots: list[Slot] = []
        sequences: list[list[int]] = []
        for output, both in zip(outputs, forms, strict=True):
            line = first_line(output.tokens, self.session.encoder.newlines)
            first = 0
            for target in both:
                watched = range(first, first + len(target))
                slot = find_slot(output.ranks, watched, min(line + 1, len(output.ranks)))
                slots.append(slot)
                sequences.append([*output.tokens[: slot.place], *target[slot.form]])
                first += len(target)
        owners = [i for i in range(len(items)) for _ in rows.TARGETS]
        scored = self.session.engine.score(prefix, owners, sequences)
        seconds = (time.perf_counter() - started) / len(sequences)
        for i, (item, prompt) in enumerate(zip(items, asked, strict=True)):
            records = []
            for k, name in enumerate(rows.TARGETS):
                at = slots[len(rows.TARGETS) * i + k].place
                log_probs, ranks = scored[len(rows.TARGETS) * i + k]
                records.append(
                    rows.ranking(item, name, prompt, at, log_probs[at:], ranks[at:], seconds)
                )
            self.session.keep(item, "rank", records)
        self.session.tell("rank", len(items), len(self.session.items))

    def _recover(self, items: list[Item], asked: list[Asked], prefix: Prefix) -> None:
        spec, limit = self.spec, self.spec.max_new_tokens
        for name in (n for n in ("beam", "sample") if n in spec.probes):
            started = time.perf_counter()
            if name == "beam":
                outputs = beam_search(
                    self.session.engine, prefix, self.session.stops, limit, spec.beams
                )
            else:
                draws = [
                    seeded(spec.seed, "sample", item.id).random((spec.samples, limit))
                    for item in items
                ]
                outputs = sample(
                    self.session.engine, prefix, self.session.stops, draws, spec.temperature
                )
            seconds = (time.perf_counter() - started) / len(items)
            for item, prompt, found in zip(items, asked, outputs, strict=True):
                told = self.session.texts(found)
                self.session.keep(item, name, rows.recovery(item, name, [prompt], told, seconds))
            self.session.tell(name, len(items), len(self.session.searched))

    def score_neutral(self) -> None:
        """Score every option after the prompt without a question, once per instruction."""
        texts: dict[tuple[str, AnswerKind], dict[str, None]] = defaultdict(dict)
        for item in self.session.items:
            options = dict.fromkeys((item.answer, *item.distractors))
            texts[item.language, item.kind].update(options)
        for (language, kind), options in texts.items():
            text = self.session.prompts.neutral(language, kind)
            lead = self.session.prompts.lead(language)
            prefix = self.session.engine.prefill([self.session.ask(text).ids])
            (scored,) = self.session.score_after(
                [text], [[lead + option for option in options]], prefix
            )
            for option, log_probs in zip(options, scored, strict=True):
                self.neutral[language, kind, option] = sum(log_probs)
