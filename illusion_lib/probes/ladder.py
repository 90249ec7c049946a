"""Put the whole ladder of questions to a model: recognition, production, rank and recovery.

Option scoring, greedy decoding, rank, beams and samples all continue the open prompt, which is
encoded once. Recovery probes run on the items that open generation got wrong.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import pandas as pd

from illusion_lib.errors import ItemError
from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes import rows
from illusion_lib.probes.beam import beam_search
from illusion_lib.probes.choice import score_options
from illusion_lib.probes.decode import Output, greedy, sample
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.prompts import Prompts, demonstrations, seeded, shuffled_options
from illusion_lib.probes.rank import Slot, find_slot, first_line
from illusion_lib.probes.rows import Asked, Told
from illusion_lib.probes.tokens import Encoder, stop_tokens
from illusion_lib.records import RECOVERY, Probe, Record, to_frame, to_table
from illusion_lib.specs import ProbeSpec

Progress = Callable[[int, int, str], None]


def run_ladder(
    model: Model, items: Sequence[Item], spec: ProbeSpec, progress: Progress | None = None
) -> list[Record]:
    """Ask a model everything that `spec` lists.

    Parameters
    ----------
    model
        The model, dense or pruned.
    items
        The questions; their order does not matter to what is found.
    spec
        Which probes, and their budgets.
    progress
        Called with (items done, items in all, probe) as items finish.

    Returns
    -------
    list of Record
        By item in the order given, then by probe; recovery and rank rows once per target.

    Raises
    ------
    ItemError
        No items, or two with one id.
    ModelError
        The network cannot be driven, or its logits are not numbers.
    """
    if not items:
        raise ItemError("no items to probe; check languages, relations and limit")
    if len({item.id for item in items}) < len(items):
        raise ItemError("two items have the same id; ids must be unique in a set")
    found = _Ladder(model, items, spec, progress or (lambda done, total, what: None)).run()
    return [record for item in items for record in found[item.id]]


def probe(model: Model, items: Sequence[Item], spec: ProbeSpec | None = None) -> pd.DataFrame:
    """Ask a model everything that `spec` lists, and return the records as a data frame.

    Parameters
    ----------
    model
        The model, dense or pruned.
    items
        The questions.
    spec
        Which probes, and their budgets; the defaults if None.

    Returns
    -------
    DataFrame
        One row per item and probe, with the columns of `illusion_lib.records.Record`.

    Examples
    --------
    >>> model = il.load_model("smollm2-135m-instruct")  # doctest: +SKIP
    >>> il.probe(model, il.load_items(limit=5), il.ProbeSpec(beams=4))  # doctest: +SKIP
    """
    return to_frame(to_table(run_ladder(model, items, spec or ProbeSpec())))


class _Ladder:
    """One run: what is fixed for it, and what was found so far."""

    def __init__(
        self, model: Model, items: Sequence[Item], spec: ProbeSpec, progress: Progress
    ) -> None:
        self.items, self.spec, self.progress = items, spec, progress
        self.engine = Engine.of(model.net)
        self.prompts = Prompts.of(model, spec)
        longest = getattr(model.net.config.get_text_config(), "max_position_embeddings", 1 << 20)
        self.encoder = Encoder(
            model.tokenizer, not self.prompts.chat, max(1, longest - 2 * spec.max_new_tokens)
        )
        self.stops = stop_tokens(model.net, self.encoder, self.prompts.chat)
        self.records: dict[str, dict[Probe, list[Record]]] = defaultdict(dict)
        self.wrong: set[str] = set()
        self.done: dict[Probe, int] = defaultdict(int)
        self.neutral: dict[tuple[str, str], float] = {}

    def run(self) -> dict[str, list[Record]]:
        """Return each item's records, in the order of the spec's probes."""
        asked = set(self.spec.probes)
        if "choice" in asked:
            self._score_neutral()
        if asked - {"candidates"}:
            self._open_prompts()
        if "candidates" in asked:
            self._candidate_prompts()
        if "one_shot" in asked:
            self._one_shot_prompts()
        return {
            item: [row for name in self.spec.probes for row in found.get(name, [])]
            for item, found in self.records.items()
        }

    # -- the open prompt: one prefill for choice, open, rank, beam and sample ------------------

    def _open_prompts(self) -> None:
        asked = [self._ask(self.prompts.open(item)) for item in self.items]
        branches = max(4, *(self._branches(name) for name in self.spec.probes))
        grown = branches * min(self.spec.max_new_tokens, 12)
        self.engine.budget.run(
            [len(prompt.ids) + grown for prompt in asked],
            lambda jobs: self._open_batch([self.items[j] for j in jobs], [asked[j] for j in jobs]),
        )

    def _branches(self, name: Probe) -> int:
        return {"beam": self.spec.beams, "sample": self.spec.samples}.get(name, 1)

    def _open_batch(self, items: list[Item], asked: list[Asked]) -> list[None]:
        started = time.perf_counter()
        prefix = self.engine.prefill([prompt.ids for prompt in asked])
        encoding = (time.perf_counter() - started) / len(items)
        if "choice" in self.spec.probes:
            self._choose(items, asked, prefix, encoding)
        if {"open", "rank", *RECOVERY} & set(self.spec.probes):
            self._answer(items, asked, prefix, encoding)
        wrong = [i for i, item in enumerate(items) if item.id in self.wrong]
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
        tails = self._score_after(
            [prompt.text for prompt in asked],
            [
                [self._spaced(item, text) for text in shown]
                for item, shown in zip(items, options, strict=True)
            ],
            prefix,
        )
        seconds = encoding + (time.perf_counter() - started) / len(items)
        for item, prompt, shown, scored in zip(items, asked, options, tails, strict=True):
            neutral = [self.neutral[item.language, text] for text in shown]
            scores = score_options(shown, scored, neutral)
            tokens = sum(map(len, scored))
            record = rows.recognition(item, prompt, shown, scores, tokens, seconds)
            self._keep(item, "choice", [record])
        self._tell("choice", len(items), len(self.items))

    def _answer(
        self, items: list[Item], asked: list[Asked], prefix: Prefix, encoding: float
    ) -> None:
        started = time.perf_counter()
        forms = [
            [self._forms(item, t, p.text) for t in rows.TARGETS]
            for item, p in zip(items, asked, strict=True)
        ]
        firsts = [[form[0] for target in both for form in target] for both in forms]
        limit = self.spec.max_new_tokens
        outputs = greedy(self.engine, prefix, self.stops, limit, firsts)
        seconds = encoding + (time.perf_counter() - started) / len(items)
        for item, prompt, told in zip(items, asked, self._tell_texts(outputs), strict=True):
            record = rows.generation(item, "open", prompt, told, seconds)
            self._keep(item, "open", [record])
            if not record.correct:
                self.wrong.add(item.id)
        self._tell("open", len(items), len(self.items))
        if "rank" in self.spec.probes:
            self._rank(items, asked, prefix, outputs, forms)

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
            line = first_line(output.tokens, self.encoder.newlines)
            first = 0
            for target in both:
                watched = range(first, first + len(target))
                slot = find_slot(output.ranks, watched, min(line + 1, len(output.ranks)))
                slots.append(slot)
                sequences.append([*output.tokens[: slot.place], *target[slot.form]])
                first += len(target)
        owners = [i for i in range(len(items)) for _ in rows.TARGETS]
        scored = self.engine.score(prefix, owners, sequences)
        seconds = (time.perf_counter() - started) / len(sequences)
        for i, (item, prompt) in enumerate(zip(items, asked, strict=True)):
            records = []
            for k, target in enumerate(rows.TARGETS):
                slot = slots[len(rows.TARGETS) * i + k].place
                log_probs, ranks = scored[len(rows.TARGETS) * i + k]
                records.append(
                    rows.ranking(
                        item, target, prompt, slot, log_probs[slot:], ranks[slot:], seconds
                    )
                )
            self._keep(item, "rank", records)
        self._tell("rank", len(items), len(self.items))

    def _recover(self, items: list[Item], asked: list[Asked], prefix: Prefix) -> None:
        spec, limit = self.spec, self.spec.max_new_tokens
        for name in (n for n in ("beam", "sample") if n in spec.probes):
            started = time.perf_counter()
            if name == "beam":
                outputs = beam_search(self.engine, prefix, self.stops, limit, spec.beams)
            else:
                draws = [
                    seeded(spec.seed, "sample", item.id).random((spec.samples, limit))
                    for item in items
                ]
                outputs = sample(self.engine, prefix, self.stops, draws, spec.temperature)
            seconds = (time.perf_counter() - started) / len(items)
            for item, prompt, found in zip(items, asked, outputs, strict=True):
                told = self._tell_texts(found)
                self._keep(item, name, rows.recovery(item, name, [prompt], told, seconds))
            self._tell(name, len(items), len(self.wrong))

    # -- prompts of their own ---------------------------------------------------------------

    def _candidate_prompts(self) -> None:
        shown = [shuffled_options(item, self.spec.seed) for item in self.items]
        asked = [
            self._ask(self.prompts.candidates(item, options))
            for item, options in zip(self.items, shown, strict=True)
        ]
        timed = self._answers(asked, "candidates")
        for item, prompt, (told, seconds) in zip(self.items, asked, timed, strict=True):
            record = rows.generation(item, "candidates", prompt, told, seconds)
            self._keep(item, "candidates", [record])

    def _one_shot_prompts(self) -> None:
        wrong = [item for item in self.items if item.id in self.wrong]
        shown = {
            item.id: demonstrations(item, self.items, self.spec.demonstrations, self.spec.seed)
            for item in wrong
        }
        asked: dict[tuple[str, str], Asked] = {}
        together: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for item in wrong:
            for demo in shown[item.id]:
                asked[item.id, demo.id] = self._ask(self.prompts.one_shot(item, demo))
                together[demo.id].append((item.id, demo.id))
        answers: dict[tuple[str, str], tuple[Told, float]] = {}
        # Prompts with one demonstration share all of it, so they go together.
        for pairs in together.values():
            timed = self._answers([asked[pair] for pair in pairs], "one_shot")
            answers.update(zip(pairs, timed, strict=True))
        for item in wrong:
            pairs = [(item.id, demo.id) for demo in shown[item.id]]
            told = [answers[pair][0] for pair in pairs]
            seconds = sum(answers[pair][1] for pair in pairs)
            prompts = [asked[pair] for pair in pairs]
            self._keep(item, "one_shot", rows.recovery(item, "one_shot", prompts, told, seconds))

    def _answers(self, asked: list[Asked], name: Probe) -> list[tuple[Told, float]]:
        """Return the greedy answer to each prompt, with its seconds."""
        limit = self.spec.max_new_tokens
        total = len(asked) if name != "one_shot" else len(self.wrong) * self.spec.demonstrations

        def work(jobs: list[int]) -> list[tuple[Told, float]]:
            started = time.perf_counter()
            prefix = self.engine.prefill([asked[job].ids for job in jobs])
            outputs = greedy(self.engine, prefix, self.stops, limit)
            seconds = (time.perf_counter() - started) / len(jobs)
            return [(told, seconds) for told in self._tell_texts(outputs)]

        costs = [len(prompt.ids) + limit for prompt in asked]
        return self.engine.budget.run(costs, work, lambda n: self._tell(name, n, total))

    def _score_neutral(self) -> None:
        texts: dict[str, dict[str, None]] = defaultdict(dict)
        for item in self.items:
            texts[item.language].update(dict.fromkeys((item.answer, *item.distractors)))
        for language, options in texts.items():
            text = self.prompts.neutral(language)
            lead = self.prompts.lead(language)
            prefix = self.engine.prefill([self._ask(text).ids])
            (scored,) = self._score_after([text], [[lead + option for option in options]], prefix)
            for option, log_probs in zip(options, scored, strict=True):
                self.neutral[language, option] = sum(log_probs)

    # -- small things -------------------------------------------------------------------------

    def _score_after(
        self, texts: list[str], continuations: list[list[str]], prefix: Prefix
    ) -> list[list[list[float]]]:
        """Return per prompt and continuation the log-prob of each token, joined token-safely."""
        joined = [
            self.encoder.join(text, tails) for text, tails in zip(texts, continuations, strict=True)
        ]
        results: list[list[list[float]]] = [[] for _ in texts]
        whole = [i for i, (seam, _) in enumerate(joined) if seam == prefix.tokens[i]]
        shorter = [i for i, (seam, _) in enumerate(joined) if seam != prefix.tokens[i]]
        for group in (whole, shorter):
            if not group:
                continue
            # A token that spans the seam shortens the part that all options share.
            shared = (
                prefix.select(group)
                if group is whole
                else self.engine.prefill([joined[i][0] for i in group])
            )
            owners = [k for k, i in enumerate(group) for _ in joined[i][1]]
            tails = [tail for i in group for tail in joined[i][1]]
            for owner, (log_probs, _) in zip(
                owners, self.engine.score(shared, owners, tails), strict=True
            ):
                results[group[owner]].append(log_probs)
        return results

    def _forms(self, item: Item, target: rows.Target, prompt: str) -> list[list[int]]:
        """Return the token ids of the target's surface forms, with and without a leading space."""
        whole = self.encoder.encode(prompt)
        forms: dict[tuple[int, ...], None] = {}
        for form in rows.target_forms(item, target):
            for text in (self._spaced(item, form), form):
                seam, (tail,) = self.encoder.join(prompt, [text])
                if len(seam) == min(len(whole), self.encoder.limit):
                    forms[tuple(tail)] = None
        if not forms:  # every form melts into the prompt's last token: read it as after a space
            spaced = self._spaced(item, rows.target_forms(item, target)[0])
            alone = self.encoder.tokenizer(spaced, add_special_tokens=False).input_ids
            forms[tuple(alone)] = None
        return [list(form) for form in forms]

    def _spaced(self, item: Item, text: str) -> str:
        return self.prompts.lead(item.language) + text

    def _ask(self, text: str) -> Asked:
        return Asked(text, *self.encoder.prompt(text))

    def _tell_texts(self, outputs: Sequence[Output]) -> list[Told]:
        return [Told(self.encoder.decode(output.tokens), output) for output in outputs]

    def _keep(self, item: Item, name: Probe, records: list[Record]) -> None:
        self.records[item.id][name] = records

    def _tell(self, name: Probe, count: int, total: int) -> None:
        self.done[name] += count
        self.progress(self.done[name], total, name)
