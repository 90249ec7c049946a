"""How are lm-evaluation-harness and ``transformers.generate`` asked what our probes ask?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from turns import measure

import illusion_lib as il
from illusion_lib.allocator import keep_freed_memory, keep_up_to
from illusion_lib.items import Item
from illusion_lib.models import Model
from illusion_lib.probes.prompts import Prompts, shuffled_options
from illusion_lib.probes.tokens import Encoder, stop_tokens

Request = tuple[str, tuple[str, ...]]  # a prompt and its options
_HARNESS_BATCHES = (8, 16, 32)
_GENERATE_BATCH = 20  # prompts; in beam search, eight rows each


@contextmanager
def usual_memory() -> Iterator[None]:
    """Run a peer with the memory of a process of its own; see `illusion_lib.allocator`.

    Our engine has the C library keep what is freed. Left to itself, glibc keeps blocks up to 32 MiB
    and hands back what is free at the end of the heap beyond twice as much.
    """
    keep_up_to(free=64 << 20, block=32 << 20)
    try:
        yield
    finally:
        keep_freed_memory.cache_clear()
        keep_freed_memory()


@usual_memory()
def score_harness(lm: Any, requests: list[Request]) -> list[float]:
    """Score with lm-evaluation-harness."""
    from lm_eval.api.instance import Instance

    instances = [
        Instance(request_type="loglikelihood", doc={}, arguments=(prompt, option), idx=0)
        for prompt, options in requests
        for option in options
    ]
    return [score for score, _ in lm.loglikelihood(instances, disable_tqdm=True)]


def use_best_batch(lm: Any, requests: list[Request]) -> int:
    """Let the harness take the batch size that is its fastest on some of the requests."""
    some = requests[: max(8, len(requests) // 4)]
    seconds = {}
    for size in _HARNESS_BATCHES:
        lm.batch_size_per_gpu = size
        (found,) = measure(lambda: score_harness(lm, some), rounds=1)
        seconds[size] = found.usual
    lm.batch_size_per_gpu = min(seconds, key=lambda size: seconds[size])
    return int(lm.batch_size_per_gpu)


@usual_memory()
def generate(
    model: Model, texts: list[str], ends: list[int], limit: int, **settings: Any
) -> list[list[int]]:
    """Return what ``transformers.generate`` writes after each prompt, in tokens."""
    made: list[list[int]] = []
    for start in range(0, len(texts), _GENERATE_BATCH):
        some = texts[start : start + _GENERATE_BATCH]
        batch = model.tokenizer(some, return_tensors="pt", padding=True, add_special_tokens=False)
        out = model.net.generate(**batch, max_new_tokens=limit, eos_token_id=ends, **settings)
        made += out[:, batch.input_ids.shape[1] :].tolist()
    return made


def until(tokens: list[int], ends: list[int]) -> list[int]:
    """Return the tokens before the first that ends an answer."""
    return tokens[: next((i for i, token in enumerate(tokens) if token in ends), len(tokens))]


def peer_ladder(model: Model, lm: Any, items: tuple[Item, ...], spec: il.ProbeSpec) -> list[int]:
    """Ask what the ladder asks (but one-shot) with the harness and ``generate``."""
    chat = Prompts.of(model, spec)
    ends = chat_ends(model).tolist()
    limit, opened = spec.max_new_tokens, [chat.open(item) for item in items]
    options = [tuple(f" {o}" for o in shuffled_options(item, 0)) for item in items]
    score_harness(lm, list(zip(opened, options, strict=True)))
    targets = [(f" {item.answer}", f" {item.distractors[0]}") for item in items]
    score_harness(lm, list(zip(opened, targets, strict=True)))
    shown = [chat.candidates(item, shuffled_options(item, 0)) for item in items]
    generate(model, shown, ends, limit, do_sample=False)
    answers = generate(model, opened, ends, limit, do_sample=False)
    wrong = [
        text
        for item, text, tokens in zip(items, opened, answers, strict=True)
        if not il.items.matches(
            model.tokenizer.decode(until(tokens, ends)),
            item.accepted,
            item.distractors,
            item.language,
        )
    ]
    n, k = spec.beams, spec.samples
    search = {"num_beams": n, "num_return_sequences": n, "early_stopping": True}
    generate(model, wrong, ends, limit, do_sample=False, **search)
    generate(model, wrong, ends, limit, do_sample=True, num_return_sequences=k, top_k=0)
    return [len(wrong)]


def chat_ends(model: Model) -> torch.Tensor:
    """Return the tokens that end an answer."""
    encoder = Encoder(model.tokenizer, special=False, limit=4096)
    return torch.tensor(sorted(stop_tokens(model.net, encoder, chat=True).later))
