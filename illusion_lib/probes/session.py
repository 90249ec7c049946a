"""One run of the ladder: the model made ready, and what was found so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes.decode import Output
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.head import Scored
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.prompts import Prompts
from illusion_lib.probes.rows import Asked, Told, target_forms
from illusion_lib.probes.tokens import Encoder, stop_tokens
from illusion_lib.records import Probe, Record, Target
from illusion_lib.specs import ProbeSpec

Progress = Callable[[int, int, str], None]


class Session:
    """What all probes of one run share.

    Attributes
    ----------
    items, spec
        The questions and the probes asked for.
    engine, prompts, encoder, stops
        The model made ready.
    records
        By item id and probe.
    searched
        Ids of the items that recovery probes run on.
    """

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
        self.searched: set[str] = set()
        self.done: dict[Probe, int] = defaultdict(int)

    def score_after(
        self, texts: list[str], continuations: list[list[str]], prefix: Prefix
    ) -> list[list[Scored]]:
        """Return per prompt and continuation what is said of its tokens, joined token-safely."""
        joined = [
            self.encoder.join(text, tails) for text, tails in zip(texts, continuations, strict=True)
        ]
        results: list[list[Scored]] = [[] for _ in texts]
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
            scored = self.engine.score(shared, owners, tails)
            for owner, one in zip(owners, scored, strict=True):
                results[group[owner]].append(one)
        return results

    def forms(self, item: Item, target: Target, prompt: str) -> list[list[int]]:
        """Return the token ids of the target's surface forms, with and without a leading space."""
        whole = self.encoder.encode(prompt)
        forms: dict[tuple[int, ...], None] = {}
        for form in target_forms(item, target):
            for text in (self.spaced(item, form), form):
                seam, (tail,) = self.encoder.join(prompt, [text])
                if len(seam) == min(len(whole), self.encoder.limit):
                    forms[tuple(tail)] = None
        if not forms:  # every form melts into the prompt's last token: read it as after a space
            spaced = self.spaced(item, target_forms(item, target)[0])
            alone = self.encoder.tokenizer(spaced, add_special_tokens=False).input_ids
            forms[tuple(alone)] = None
        return [list(form) for form in forms]

    def spaced(self, item: Item, text: str) -> str:
        """Return an answer as it is written after the prompt."""
        return self.prompts.lead(item.language) + text

    def ask(self, text: str) -> Asked:
        """Return the prompt as token ids, cut where it is too long."""
        return Asked(text, *self.encoder.prompt(text))

    def texts(self, outputs: Sequence[Output]) -> list[Told]:
        """Return generated answers with their texts."""
        return [Told(self.encoder.decode(output.tokens), output) for output in outputs]

    def keep(self, item: Item, name: Probe, records: list[Record]) -> None:
        """Note an item's records of a probe."""
        self.records[item.id][name] = records

    def tell(self, name: Probe, count: int, total: int) -> None:
        """Report that `count` more of `total` prompts of a probe are done."""
        self.done[name] = min(total, self.done[name] + count)  # a batch may have been run twice
        self.progress(self.done[name], total, name)
