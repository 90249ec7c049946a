"""Is the probe engine as exact as lm-evaluation-harness and transformers, and how much faster?

Same process, same items, same dtype. The tools take turns, and each of our rounds is compared with
the peer's that follows it: so a machine that others use, too, treats both alike. The median of
these ratios counts; the note says how far they spread. The harness runs with the batch size that is
its fastest on these requests; trying them is not counted, nor is the third of a second (and the
memory of the weights once more) that our engine takes once to lay out the weights of its network.
Peers have the C library's own settings. Needs lm-eval 0.4.13 (``pip``) and says so where it is
missing.
Each part takes a few minutes on two cores and replaces its own line in
``benchmarks/results/probes.csv``::

    python benchmarks/probes.py --part short     # distinct prompts of about 30 tokens
    python benchmarks/probes.py --part system    # prompts that share the chat's system text
    python benchmarks/probes.py --part shared    # prompts that share it and a demonstration
    python benchmarks/probes.py --part long      # distinct prompts of about 300 tokens
    python benchmarks/probes.py --part passages  # XQuAD's passages, a question each, as a chat
    python benchmarks/probes.py --part texts     # greedy and beam texts against `generate`
    python benchmarks/probes.py --part ladder    # everything that is asked of an item
    python benchmarks/probes.py --part bfloat16  # how far each tool then is from float32

In bfloat16 every tool, lm-eval included, is tenths of a nat from float32, so log-probs are compared
in float32 only; ``--dtype bfloat16`` times a machine that has bfloat16 units.
"""

from __future__ import annotations

import argparse
import copy
import csv
import statistics
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from peers import (
    Request,
    chat_ends,
    generate,
    peer_ladder,
    score_harness,
    until,
    use_best_batch,
)
from turns import Measured, matmul_rates, measure, times_faster

import illusion_lib as il
from illusion_lib.items import Item
from illusion_lib.models import Model
from illusion_lib.probes import run_ladder
from illusion_lib.probes.beam import beam_search
from illusion_lib.probes.decode import greedy
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.prompts import Prompts, shuffled_options
from illusion_lib.probes.tokens import Encoder, Stops, common_prefix
from illusion_lib.probes.tree import Tree
from illusion_lib.products import packed_weights
from illusion_lib.records import LADDER

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "probes.csv"
XQUAD = HERE.parents[1] / "shared" / "data" / "qa" / "xquad"
ASKED = tuple(name for name in LADDER if name != "one_shot")


@dataclass(frozen=True)
class Line:
    """One line of the results: a comparison of a tool of ours with a peer."""

    part: str
    machine: str
    items: int
    tokens_per_item: float
    ours_items_per_second: float
    peer_items_per_second: float
    times_faster: float
    ours_tokens_per_second: float
    ours_mib: float
    peer_mib: float
    share_of_matmul_peak: float | None
    greatest_difference: float | None
    note: str


def requests_of(part: str, model: Model, items: tuple[Item, ...]) -> list[Request]:
    """Return the prompts and options of a scoring part; a demonstration is never an item."""
    *asked, shown = items
    options = [tuple(f" {text}" for text in shuffled_options(item, 0)) for item in asked]
    chat = Prompts.of(model, il.ProbeSpec())
    if part in ("system", "passages"):
        return [(chat.open(item), some) for item, some in zip(asked, options, strict=True)]
    if part == "shared":
        return [
            (chat.one_shot(item, shown), some) for item, some in zip(asked, options, strict=True)
        ]
    facts = [f"{item.question} {item.answer}." for item in asked]
    before = {"short": 2, "long": 26}[part]
    requests = []
    for k, (item, some) in enumerate(zip(asked, options, strict=True)):
        # Each prompt begins with another fact, so that no more than a phrase is shared.
        others = [facts[(k + j) % len(facts)] for j in range(1, 1 + before)]
        requests.append((" ".join([*others, item.question, "Answer:"]), some))
    return requests


def passages(count: int) -> tuple[Item, ...]:
    """Return XQuAD's questions in English, one on each passage."""
    if not XQUAD.is_dir():
        raise SystemExit(f"skipped: no XQuAD files at {XQUAD}")
    items = il.load_items("xquad", ("en",), relations=(), path=str(XQUAD))
    on = {item.question.rpartition("\n")[0]: item for item in items}
    return tuple(on.values())[:count]


def score_ours(model: Model, engine: Engine, requests: list[Request]) -> list[float]:
    """Score with the probe engine."""
    encoder = Encoder(model.tokenizer, special=False, limit=4096)
    joined = [encoder.join(*request) for request in requests]

    def work(jobs: list[int]) -> list[list[float]]:
        prefix = engine.prefill([joined[j][0] for j in jobs])
        owners = [k for k, j in enumerate(jobs) for _ in joined[j][1]]
        scored = engine.score(prefix, owners, [tail for j in jobs for tail in joined[j][1]])
        rows: list[list[float]] = [[] for _ in jobs]
        for owner, one in zip(owners, scored, strict=True):
            rows[owner].append(sum(one.log_probs))
        return rows

    costs = [len(prompt) + sum(map(len, tails)) for prompt, tails in joined]
    return [value for row in engine.budget.run(costs, work) for value in row]


def compare_scores(part: str, model: Model, lm: Any, items: tuple[Item, ...], rounds: int) -> Line:
    """Score the same requests with both tools."""
    requests = requests_of(part, model, items)
    engine = Engine.of(model.net)
    batch = use_best_batch(lm, requests)
    rates = matmul_rates(model.net.dtype)
    ours, peer = measure(
        lambda: score_ours(model, engine, requests),
        lambda: score_harness(lm, requests),
        rounds=rounds,
    )
    peak = statistics.median([*rates, *matmul_rates(model.net.dtype)])
    prompt, work = cost_of(model, requests)
    gaps = [abs(a - b) for a, b in zip(ours.found, peer.found, strict=True)]
    share = round(work / ours.usual / peak, 2)
    note = f"{len(gaps)} requests; lm-eval in batches of {batch}"
    note += f"; matrix products reach {peak / 1e9:.0f} GFLOP/s"
    return line(part, model, len(requests), prompt, ours, peer, share, max(gaps), note)


def compare_dtypes(model: Model, lm: Any, items: tuple[Item, ...], rounds: int) -> Line:
    """Score the same requests in bfloat16 with both tools: how far each then is from float32."""
    requests = requests_of("short", model, items)
    exact = score_ours(model, Engine.of(model.net), requests), score_harness(lm, requests)
    model.net.to(torch.bfloat16)  # the harness drives the same network
    coarse = replace(model, spec=replace(model.spec, dtype="bfloat16"))
    ours, peer = measure(
        lambda: score_ours(coarse, Engine.of(coarse.net), requests),
        lambda: score_harness(lm, requests),
        rounds=rounds,
    )
    moved = [
        max(abs(a - b) for a, b in zip(right, one.found, strict=True))
        for right, one in zip(exact, (ours, peer), strict=True)
    ]
    prompt, _ = cost_of(model, requests)
    note = f"{len(peer.found)} requests; greatest difference from float32, lm-eval's {moved[1]:.2f}"
    return line("bfloat16", coarse, len(requests), prompt, ours, peer, None, moved[0], note)


def cost_of(model: Model, requests: list[Request]) -> tuple[int, int]:
    """Return the prompts' tokens, and the operations of all products that cannot be avoided.

    What all prompts begin with is computed once, as is what options of a prompt begin with.
    """
    encoder = Encoder(model.tokenizer, special=False, limit=4096)
    joined = [encoder.join(*request) for request in requests]
    prompts = [ids for ids, _ in joined]
    branches = 0
    for _, tails in joined:
        tree = Tree()
        for tail in tails:
            tree.add(tail[:-1])
        branches += len(tree.tokens)
    tokens = sum(map(len, prompts))
    inputs = tokens - (len(prompts) - 1) * common_prefix(prompts) + branches
    body = sum(p.numel() for p in model.net.base_model.layers.parameters())
    head = model.net.get_output_embeddings().weight.numel()
    return tokens, 2 * (body * inputs + head * (len(prompts) + branches))


def compare_texts(model: Model, items: tuple[Item, ...], rounds: int) -> Line:
    """Let both tools answer greedily and by beam search; the note says how often they agree."""
    chat, ends = Prompts.of(model, il.ProbeSpec()), chat_ends(model).tolist()
    engine, stops = Engine.of(model.net), Stops(frozenset(ends), frozenset(ends))
    texts, limit = [chat.open(item) for item in items], 12
    ids = [model.tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    search = {"num_beams": 4, "num_return_sequences": 1, "early_stopping": True}

    def peer() -> list[Any]:
        plain = generate(model, texts, ends, limit, do_sample=False)
        beams = generate(model, texts, ends, limit, do_sample=False, **search)
        return [until(tokens, ends) for tokens in (*plain, *beams)]

    def ours() -> list[Any]:
        prefix = engine.prefill(ids)
        plain = greedy(engine, prefix, stops, limit)
        beams = beam_search(engine, prefix, stops, limit, 4)
        return [one.tokens for one in (*plain, *(found[0] for found in beams))]

    mine, theirs = measure(ours, peer, rounds=rounds)
    same = [a == b for a, b in zip(mine.found, theirs.found, strict=True)]
    count = len(items)
    note = f"equal texts: greedy {sum(same[:count])}/{count}, beam {sum(same[count:])}/{count}"
    return line("texts", model, count, sum(map(len, ids)), mine, theirs, None, None, note)


def compare_ladders(model: Model, lm: Any, items: tuple[Item, ...], rounds: int) -> Line:
    """Put the whole ladder with both tools."""
    spec = il.ProbeSpec(probes=ASKED)
    mine, theirs = measure(
        lambda: list(run_ladder(model, items, spec)),
        lambda: peer_ladder(model, lm, items, spec),
        rounds=rounds,
    )
    searched = sum(record.probe == "beam" for record in mine.found) // 2
    note = f"{searched} items searched by us, {theirs.found[0]} by the peer"
    opened = [r for r in mine.found if (r.probe, r.target) == ("open", "gold")]
    tokens = sum(record.prompt_tokens for record in opened)
    return line("ladder", model, len(items), tokens, mine, theirs, None, None, note)


def line(
    part: str,
    model: Model,
    items: int,
    tokens: int,
    ours: Measured,
    peer: Measured,
    share: float | None,
    gap: float | None,
    note: str,
) -> Line:
    times = times_faster(ours, peer)
    note += f"; {min(times):.1f} to {max(times):.1f} times in {len(times)} rounds"
    return Line(
        part,
        f"{model.spec.dtype}, {torch.get_num_threads()} threads, {model.device}",
        items,
        round(tokens / items, 1),
        round(items / ours.usual, 2),
        round(items / peer.usual, 2),
        round(statistics.median(times), 2),
        round(tokens / ours.usual, 1),
        round(ours.bytes / 2**20),
        round(peer.bytes / 2**20),
        share,
        gap,
        note,
    )


def keep(found: Line) -> None:
    """Replace the line of this part and machine in the results."""
    RESULTS.parent.mkdir(exist_ok=True)
    rows = []
    if RESULTS.is_file():
        with RESULTS.open(encoding="utf-8", newline="") as file:
            same = found.part, found.machine
            rows = [x for x in csv.DictReader(file) if (x["part"], x["machine"]) != same]
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Line)])
        writer.writeheader()
        writer.writerows([*rows, asdict(found)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = ("short", "system", "shared", "long", "passages", "texts", "ladder", "bfloat16")
    parser.add_argument("--part", choices=parts, default="short")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    given = parser.parse_args()
    model = il.load_model(il.ModelSpec(given.model, dtype=given.dtype), device="cpu")
    scoring = given.part not in ("texts", "ladder")
    count = given.items + scoring
    if given.part == "passages":
        items = passages(count)
    else:
        items = il.load_items("facts", languages=("en",), relations=("capital",), limit=count)
    if given.part == "texts":
        found = compare_texts(model, items, given.rounds)
    else:
        try:
            from lm_eval.models.huggingface import HFLM
        except ImportError as error:
            raise SystemExit(f"skipped: {error}; pip install lm-eval==0.4.13") from error
        net = model.net if given.part == "bfloat16" else copy.deepcopy(model.net)
        lm = HFLM(pretrained=net, tokenizer=model.tokenizer, batch_size=32)
        if given.part == "ladder":
            found = compare_ladders(model, lm, items, given.rounds)
        elif given.part == "bfloat16":
            found = compare_dtypes(model, lm, items, given.rounds)
        else:
            with packed_weights(model.net):
                found = compare_scores(given.part, model, lm, items, given.rounds)
    keep(found)
    for name, value in asdict(found).items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
