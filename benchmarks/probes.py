"""Is the probe engine as exact as lm-evaluation-harness and transformers, and how much faster?

Run ``python benchmarks/probes.py`` (needs ``pip install lm-eval==0.4.13``). Same process, same
items, same dtype, one tool after the other; the better of a few repeats counts.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table

import illusion_lib as il
from illusion_lib.items import Item
from illusion_lib.models import Model
from illusion_lib.probes import run_ladder
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.prompts import Prompts, shuffled_options
from illusion_lib.probes.tokens import Encoder, stop_tokens

Request = tuple[str, tuple[str, ...]]  # a prompt and its options


@dataclass(frozen=True)
class Measured:
    """Seconds and peak memory of one tool on one piece of work, and what it found."""

    seconds: float
    bytes: int
    found: list[float]


def measure(work: Callable[[], list[float]], repeats: int) -> Measured:
    """Run `work` a few times; the fastest run and the highest memory count."""
    best, peak = float("inf"), 0
    for _ in range(repeats):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts again from here
        before, started = status("VmRSS"), time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - started)
        peak = max(peak, status("VmHWM") - before)
    return Measured(best, peak, found)


def status(field: str) -> int:
    """Return a memory figure of this process in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024


def matmul_peak(dtype: torch.dtype) -> float:
    """Return this machine's floating point operations per second in a 1024-cube product."""
    a, b = torch.randn(2, 1024, 1024, dtype=dtype).unbind()
    times = []
    for _ in range(8):
        started = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - started)
    return 2 * 1024**3 / min(times)


def prompts_of(model: Model, items: tuple[Item, ...]) -> dict[str, list[Request]]:
    """Return the works: distinct short prompts, prompts with a shared head, long prompts."""
    chat = Prompts.of(model, il.ProbeSpec())
    options = [tuple(f" {o}" for o in shuffled_options(item, 0)) for item in items]
    facts = [f"{item.question} {item.answer}." for item in items]
    short, long = [], []
    for k, item in enumerate(items):
        # Each prompt begins with another fact, so that no head is shared.
        before = [facts[(k + j) % len(facts)] for j in range(1, 30)]
        short.append(" ".join([*before[:1], item.question, "Answer:"]))
        long.append(" ".join([*before[:22], item.question, "Answer:"]))
    return {
        "distinct, short": list(zip(short, options, strict=True)),
        "shared head": [(chat.open(i), o) for i, o in zip(items, options, strict=True)],
        "distinct, long": list(zip(long, options, strict=True)),
    }


def ours(model: Model, engine: Engine, requests: list[Request]) -> list[float]:
    """Score with the probe engine."""
    encoder = Encoder(model.tokenizer, special=False, limit=4096)
    joined = [encoder.join(*request) for request in requests]

    def work(jobs: list[int]) -> list[list[float]]:
        prefix = engine.prefill([joined[j][0] for j in jobs])
        owners = [k for k, j in enumerate(jobs) for _ in joined[j][1]]
        scored = engine.score(prefix, owners, [tail for j in jobs for tail in joined[j][1]])
        rows: list[list[float]] = [[] for _ in jobs]
        for owner, (log_probs, _) in zip(owners, scored, strict=True):
            rows[owner].append(sum(log_probs))
        return rows

    costs = [len(prompt) + sum(map(len, tails)) for prompt, tails in joined]
    return [value for row in engine.budget.run(costs, work) for value in row]


def harness(lm: object, requests: list[Request]) -> list[float]:
    """Score with lm-evaluation-harness."""
    from lm_eval.api.instance import Instance

    instances = [
        Instance(request_type="loglikelihood", doc={}, arguments=(prompt, option), idx=0)
        for prompt, options in requests
        for option in options
    ]
    return [score for score, _ in lm.loglikelihood(instances, disable_tqdm=True)]


def peer_ladder(model: Model, lm: object, items: tuple[Item, ...], spec: il.ProbeSpec) -> int:
    """Ask what the ladder asks (but one-shot) with the harness and ``generate``."""
    chat = Prompts.of(model, spec)
    encoder = Encoder(model.tokenizer, special=False, limit=4096)
    ends = sorted(stop_tokens(model.net, encoder, chat=True).later)
    harness(lm, [(chat.open(i), tuple(f" {o}" for o in shuffled_options(i, 0))) for i in items])
    harness(lm, [(chat.open(i), (f" {i.answer}", f" {i.distractors[0]}")) for i in items])

    def generate(texts: list[str], **settings: object) -> list[str]:
        answers = []
        for start in range(0, len(texts), 16):
            batch = model.tokenizer(
                texts[start : start + 16],
                return_tensors="pt",
                padding=True,
                add_special_tokens=False,
            )
            made = model.net.generate(
                **batch, max_new_tokens=spec.max_new_tokens, eos_token_id=ends, **settings
            )
            length = batch.input_ids.shape[1]
            answers += model.tokenizer.batch_decode(made[:, length:], skip_special_tokens=True)
        return answers

    answers = generate([chat.open(i) for i in items], do_sample=False)
    generate([chat.candidates(i, shuffled_options(i, 0)) for i in items], do_sample=False)
    pairs = zip(items, answers, strict=True)
    wrong = [
        chat.open(i)
        for i, a in pairs
        if not il.items.matches(a, i.accepted, i.distractors, i.language)
    ]
    n, k = spec.beams, spec.samples
    generate(wrong, do_sample=False, num_beams=n, num_return_sequences=n, early_stopping=True)
    generate(wrong, do_sample=True, num_return_sequences=k, top_k=0, top_p=1.0)
    return len(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--no-ladder", action="store_true", help="scoring only")
    given = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    model = il.load_model(il.ModelSpec(given.model, dtype=given.dtype), device="cpu")
    items = il.load_items("facts", languages=("en",), relations=("capital",), limit=given.items)
    engine = Engine.of(model.net)
    lm = HFLM(pretrained=model.net, tokenizer=model.tokenizer, batch_size=32)
    table = Table(
        title=f"{given.model}, {given.dtype}, {torch.get_num_threads()} threads, {engine.path}"
    )
    for column in (
        "work",
        "tokens",
        "tool",
        "items/s",
        "tokens/s",
        "MiB",
        "of peak",
        "faster",
        "max |Δ|",
    ):
        table.add_column(column, justify="left" if column in ("work", "tool") else "right")
    peak = matmul_peak(model.net.dtype)
    body = sum(p.numel() for p in model.net.base_model.layers.parameters())
    for name, requests in prompts_of(model, items).items():
        length = sum(len(model.tokenizer(p).input_ids) for p, _ in requests)
        naive = measure(lambda r=requests: harness(lm, r), given.repeats)
        fast = measure(lambda r=requests: ours(model, engine, r), given.repeats)
        gap = max(abs(a - b) for a, b in zip(fast.found, naive.found, strict=True))
        for tool, found in (("lm-eval", naive), ("illusion_lib", fast)):
            table.add_row(
                name,
                f"{length / len(requests):.0f}",
                tool,
                f"{len(requests) / found.seconds:.2f}",
                f"{length / found.seconds:.0f}",
                f"{found.bytes / 2**20:.0f}",
                f"{2 * body * length / found.seconds / peak:.0%}"
                if found is fast and "distinct" in name
                else "",
                f"{naive.seconds / found.seconds:.1f}x",
                f"{gap:.1e}" if found is fast else "",
            )
    if not given.no_ladder:
        spec = il.ProbeSpec(probes=("choice", "open", "candidates", "rank", "beam", "sample"))
        fast = measure(lambda: [len(run_ladder(model, items, spec))], 1)
        naive = measure(lambda: [peer_ladder(model, lm, items, spec)], 1)
        for tool, found in (("lm-eval + generate", naive), ("illusion_lib", fast)):
            rate = f"{len(items) / found.seconds:.2f}"
            ratio = f"{naive.seconds / found.seconds:.1f}x"
            table.add_row(
                "whole ladder", "", tool, rate, "", f"{found.bytes / 2**20:.0f}", "", ratio, ""
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
