"""How much memory does a device need that holds one block of a 7B model at a time?

A block of the shape of Llama-2-7B (Touvron et al., arXiv 2307.09288) with random weights is pruned
for real, in float32, on one batch of the size that is used on a GPU. No GPU is needed: the figure
is the block and what the process grew by beyond it, the hidden states included.

    python benchmarks/memory.py
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

import torch

RESULTS = Path(__file__).with_name("results") / "memory.csv"


class Memory:
    """How much a process grows, from here on (Linux)."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is in use now
        self.before = self._read("VmRSS")

    def grown(self) -> float:
        """Return the peak since then, in MiB, beyond what was in use."""
        return (self._read("VmHWM") - self.before) / 1024

    @staticmethod
    def _read(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])  # KiB


def seven_billion(method: str) -> dict[str, float | str]:
    """Prune one block and return MiB and seconds."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    from illusion_lib.models import Model
    from illusion_lib.pruning import gathering, prune
    from illusion_lib.specs import ModelSpec, PruneSpec

    config = LlamaConfig(
        vocab_size=32000,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=1,
        num_attention_heads=32,
        max_position_embeddings=4096,
    )
    net = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    model = Model(ModelSpec("random-7b"), net, None, "")
    tokens = torch.randint(config.vocab_size, (4, 2048))
    gathering._BATCH_TOKENS["cpu"] = gathering._BATCH_TOKENS["cuda"]
    block = sum(p.numel() * p.element_size() for p in net.model.layers[0].parameters()) / 2**20
    memory, begin = Memory(), time.perf_counter()
    report = prune(model, PruneSpec(method, 0.5), tokens)
    grown = memory.grown()
    return {
        "method": method,
        "batch_tokens": tokens.numel(),
        "block_mib": block,
        "grown_mib": grown,
        "total_gib": (block + grown) / 1024,
        "seconds": time.perf_counter() - begin,
        "sparsity": report.sparsity,
    }


if __name__ == "__main__":
    row = seven_billion("sparsegpt")
    print(", ".join(f"{name} {value}" for name, value in row.items()))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(row))
        table.writeheader()
        table.writerow(row)
