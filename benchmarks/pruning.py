"""How much faster and leaner is the pruning engine than the published algorithms, written plainly?

Plain means as published: one window at a time, one Hessian for every Linear, a full sort, a loop
over single columns. Both prune the first blocks of the embedded model, one after the other; each
contender runs in a process of its own, on one thread. The rounds alternate between the contenders,
and of each block the fastest round counts: what else a machine does only ever adds. Masks from the
same dense inputs and the cost of a further sparsity are compared on the first four blocks.

    python benchmarks/pruning.py --blocks 4 --samples 16 --length 256
    python benchmarks/pruning.py --blocks 30 --rounds 1
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from memory import Memory
from torch import nn

from illusion_lib.models import Model, load_model, resolve_dtype
from illusion_lib.pruning import calibrate, collect, prune
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.replay import open_streams
from illusion_lib.specs import ModelSpec, PruneSpec

MODEL = "smollm2-135m-instruct"
SPARSITY = 0.5
COMPARED = 4  # blocks
RESULTS = Path(__file__).with_name("results") / "pruning.csv"


class PlainWanda:
    """Wanda as published: running mean of squared norms, full sort of every row."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer, self.samples = layer, 0
        self.norms = torch.zeros(layer.in_features)

    def add(self, x: torch.Tensor) -> None:
        x = x.reshape(-1, x.shape[-1]).T.float()
        self.norms *= self.samples / (self.samples + 1)
        self.samples += 1
        self.norms += torch.norm(x, p=2, dim=1) ** 2 / self.samples

    def prune(self) -> None:
        weight = self.layer.weight.data
        scores = weight.abs() * self.norms.sqrt()
        order = torch.sort(scores, dim=-1, stable=True)[1][:, : int(scores.shape[1] * SPARSITY)]
        mask = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)
        weight[mask] = 0


class PlainSparseGPT:
    """SparseGPT as published: own Hessian, two factorisations, columns one by one."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer, self.samples = layer, 0
        self.hessian = torch.zeros(layer.in_features, layer.in_features)

    def add(self, x: torch.Tensor) -> None:
        x = x.reshape(-1, x.shape[-1]).T.float()
        self.hessian *= self.samples / (self.samples + 1)
        self.samples += 1
        x = (2 / self.samples) ** 0.5 * x
        self.hessian += x @ x.T

    def prune(self, block: int = 128, damping: float = 0.01) -> None:
        weight, hessian = self.layer.weight.data.clone().float(), self.hessian
        dead = torch.diag(hessian) == 0
        hessian[dead, dead] = 1
        weight[:, dead] = 0
        hessian.diagonal().add_(damping * torch.mean(torch.diag(hessian)))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        inverse = torch.linalg.cholesky(inverse, upper=True)
        for start in range(0, weight.shape[1], block):
            end = min(start + block, weight.shape[1])
            part, here = weight[:, start:end].clone(), inverse[start:end, start:end]
            pruned, errors = torch.zeros_like(part), torch.zeros_like(part)
            scores = part**2 / torch.diag(here).reshape(1, -1) ** 2
            threshold = torch.sort(scores.flatten())[0][int(scores.numel() * SPARSITY)]
            # Published with <=, which loses a weight too many, and then its row makes up for that.
            mask = scores < threshold
            for i in range(end - start):
                kept = part[:, i].clone()
                kept[mask[:, i]] = 0
                pruned[:, i] = kept
                error = (part[:, i] - kept) / here[i, i]
                part[:, i:] -= error.unsqueeze(1).matmul(here[i, i:].unsqueeze(0))
                errors[:, i] = error
            weight[:, start:end] = pruned
            weight[:, end:] -= errors.matmul(inverse[start:end, end:])
        self.layer.weight.data = weight


PLAIN = {"wanda": PlainWanda, "sparsegpt": PlainSparseGPT}


@torch.no_grad()
def prune_plainly(
    model: Model, method: str, tokens: torch.Tensor, sequential: bool, clock: Clock | None = None
) -> None:
    """Prune block by block; otherwise every block sees the dense inputs."""
    blocks = find_blocks(model.net)
    streams = open_streams(model.net, blocks, [window[None] for window in tokens])
    for index, block in enumerate(blocks):
        states = {m.name: PLAIN[method](m.module) for m in block.matrices}
        hooks = [
            m.module.register_forward_hook(lambda mod, args, out, s=states[m.name]: s.add(args[0]))
            for m in block.matrices
        ]
        dense = [stream.run(index, block.module) for stream in streams]
        for hook in hooks:
            hook.remove()
        for state in states.values():
            state.prune()
        for stream, output in zip(streams, dense, strict=True):
            stream.hidden = stream.run(index, block.module) if sequential else output
        if clock:
            clock(index + 1, len(blocks))


class Clock:
    """Seconds of processor time that each block took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = time.process_time()

    def __call__(self, done: int, total: int) -> None:
        now = time.process_time()
        self.seconds.append(now - self._last)
        self._last = now


def first_blocks(count: int, dtype: str = "float32") -> Model:
    model = load_model(ModelSpec(MODEL, dtype=dtype), device="cpu")
    shorten(model, count)
    return model


def shorten(model: Model, count: int) -> None:
    """Keep at most the first `count` blocks of a model."""
    model.net.model.layers = model.net.model.layers[:count]
    model.net.config.num_hidden_layers = len(model.net.model.layers)


def contend(who: str, method: str, blocks: int, folder: Path) -> dict[str, Any]:
    """Run one contender in this process; leave its masks in `folder` and return its figures."""
    torch.set_num_threads(1)
    tokens = torch.load(folder / "tokens.pt")
    model = first_blocks(blocks, "bfloat16" if who == "bf16" else "float32")
    dense = {name: p.clone() for name, p in model.net.state_dict().items()}
    memory, clock = Memory(), Clock()
    if who == "plain":
        prune_plainly(model, method, tokens, sequential=True, clock=clock)
    else:
        prune(model, PruneSpec(method, SPARSITY), tokens, progress=clock)
    figures: dict[str, Any] = {"seconds": clock.seconds, "mib": memory.grown()}
    masks = folder / f"{who}-{method}.pt"
    if who == "ours" or (who == "plain" and not masks.exists()):
        model.net.load_state_dict(dense)
        shorten(model, COMPARED)
        if who == "ours":
            figures |= one_pass(model, method, tokens, dense)
        else:
            prune_plainly(model, method, tokens, sequential=False)
        zeros = {m.name: m.read() == 0 for b in find_blocks(model.net) for m in b.matrices}
        torch.save(zeros, masks)
    return figures


def one_pass(model: Model, method: str, tokens: torch.Tensor, dense: dict) -> dict[str, float]:
    """Return what the first and a further sparsity cost when they share statistics."""
    blocks = len(find_blocks(model.net))
    begin = time.process_time()
    statistics = collect(model, tokens, "gram" if method == "sparsegpt" else "norms")
    prune(model, PruneSpec(method, 0.6, statistics="one_pass"), statistics)
    first = time.process_time()
    model.net.load_state_dict(dense, strict=False)  # `dense` may hold more blocks
    again = time.process_time()
    prune(model, PruneSpec(method, SPARSITY, statistics="one_pass"), statistics)
    further = time.process_time() - again
    return {"first": (first - begin) / blocks, "further": further / blocks}


def equal_masks(method: str, folder: Path) -> float:
    """Return the smallest share of equal mask entries over the Linear layers."""
    ours, plain = (torch.load(folder / f"{who}-{method}.pt") for who in ("ours", "plain"))
    return min(float((ours[name] == plain[name]).double().mean()) for name in ours)


def compare(
    methods: list[str], blocks: int, rounds: int, source: str, samples: int, length: int
) -> list[dict[str, float | str]]:
    """Run all contenders and print one line for each method."""
    rows = []
    bfloat16 = resolve_dtype(ModelSpec(MODEL)).dtype == "bfloat16"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = load_model(ModelSpec(MODEL, dtype="float32"), device="cpu")
        torch.save(calibrate(model, source, samples, length), folder / "tokens.pt")
        del model
        print(f"{MODEL}, first {blocks} blocks, {samples} x {length} tokens, fp32, one thread")
        print(
            "| method | blocks | plain s/block | ours s/block | ratio | plain MiB | ours MiB |",
            end=" ",
        )
        print("a further sparsity s/block | cheaper than the first | equal masks |")
        print("|" + "---|" * 10)
        for method in methods:
            runs = [
                {who: run(who, method, blocks, folder) for who in ("plain", "ours")}
                for _ in range(rounds)
            ]
            plain, ours = (best([one[who] for one in runs]) for who in ("plain", "ours"))
            row: dict[str, float | str] = {
                "method": method,
                "blocks": blocks,
                "plain_seconds_per_block": plain["seconds"],
                "ours_seconds_per_block": ours["seconds"],
                "ratio": plain["seconds"] / ours["seconds"],
                "plain_mib": plain["mib"],
                "ours_mib": ours["mib"],
                "further_seconds_per_block": ours["further"],
                "first_over_further": ours["first"] / ours["further"],
                "equal_masks": equal_masks(method, folder),
            }
            print("|", " | ".join(_shown(value) for value in row.values()), "|", flush=True)
            if bfloat16:
                half = best([run("bf16", method, blocks, folder)])["seconds"]
                row["ours_bf16_seconds_per_block"] = half
                print(f"{method} with a bf16 forward: {plain['seconds'] / half:.2f}x", flush=True)
            rows.append(row)
    if not bfloat16:
        print("bf16 forward: not measured, this CPU has no fast bfloat16 products")
    return rows


def best(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Return the smallest of each figure: other work on the machine only ever adds."""
    least = {n: min(one[n] for one in rounds) for n in rounds[0] if n != "seconds"}
    fastest = [min(block) for block in zip(*(one["seconds"] for one in rounds), strict=True)]
    return least | {"seconds": sum(fastest) / len(fastest)}


def _shown(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if value > 1 else f"{value:.5f}"
    return str(value)


def write(path: Path, rows: list[dict[str, float | str]]) -> None:
    """Put the rows into the table; those of other methods and numbers of blocks stay."""
    path.parent.mkdir(exist_ok=True)
    table = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            table = {(row["method"], row["blocks"]): row for row in csv.DictReader(file)}
    table |= {(str(row["method"]), str(row["blocks"])): row for row in rows}
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(table.values())


def run(who: str, method: str, blocks: int, folder: Path) -> dict[str, Any]:
    """Run one contender in a fresh process, whose peak memory is its own."""
    command = [sys.executable, __file__, "--blocks", str(blocks), "--only", who, method]
    done = subprocess.run(
        [*command, "--folder", str(folder)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=PLAIN, default=list(PLAIN))
    parser.add_argument("--source", default="self", help="of the calibration text")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--only", nargs=2, metavar=("WHO", "METHOD"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(contend(*options.only, options.blocks, options.folder)))
    else:
        size = options.samples, options.length
        found = compare(options.methods, options.blocks, options.rounds, options.source, *size)
        write(RESULTS, found)
