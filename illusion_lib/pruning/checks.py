"""Refuse, before anything is changed, what cannot be done: request, layers, calibration tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from illusion_lib.errors import PruneError, SpecError
from illusion_lib.models import Model
from illusion_lib.pruning.blocks import Block
from illusion_lib.pruning.registry import METHODS, Method
from illusion_lib.pruning.statistics import Statistics
from illusion_lib.specs import PruneSpec, parse_pattern


def check_request(
    spec: PruneSpec, method: Method, calibration: torch.Tensor | Statistics | None
) -> None:
    """Refuse a spec that contradicts its method, or calibration that the method cannot use."""
    if not method.sparsifies and (spec.sparsity > 0 or spec.pattern):
        raise SpecError(f"{method.label} makes no zeros; leave sparsity and pattern out")
    if method.allocation == "owl" and spec.pattern:
        raise SpecError(
            f"{method.label} moves sparsity between blocks, which a pattern fixes; "
            "ask for a sparsity, or for the method without OWL"
        )
    if not method.calibrated:
        return
    if calibration is None:
        raise SpecError(
            f"{method.label} needs calibration text; pass calibrate(model, ...) to prune"
        )
    if isinstance(calibration, Statistics):
        if spec.statistics != "one_pass":
            raise SpecError("collected statistics are one-pass; ask for statistics='one_pass'")
        if calibration.need not in (method.needs, "both"):
            what = "Gram matrices" if method.needs == "gram" else "squared norms"
            raise SpecError(f"{method.label} needs {what}; collect with need='both'")


def check_layers(blocks: Sequence[Block], spec: PruneSpec) -> None:
    """Refuse before anything is changed."""
    group = parse_pattern(spec.pattern)[1] if spec.pattern else 1
    for matrix in (matrix for block in blocks for matrix in block.matrices):
        if matrix.columns % group:
            raise PruneError(
                f"pattern {spec.pattern} does not divide the {matrix.columns} inputs of layer "
                f"{matrix.name}; choose another pattern or a sparsity"
            )
        if not torch.stack(matrix.read().aminmax()).isfinite().all():
            raise PruneError(f"layer {matrix.name} holds NaN or infinite weights")
    if group > 1 and "block_size" in METHODS[spec.method].settings and spec.block_size % group:
        raise PruneError(
            f"pattern {spec.pattern} does not divide block_size {spec.block_size}; "
            f"choose a multiple of {group}"
        )


def checked_tokens(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Return calibration tokens on the model's device, or refuse them."""
    if tokens.ndim != 2 or tokens.numel() == 0 or tokens.is_floating_point():
        raise SpecError(
            f"calibration must be token ids (samples, length), got {tokens.dtype} "
            f"{tuple(tokens.shape)}"
        )
    vocabulary = model.net.get_input_embeddings().weight.shape[0]
    if int(tokens.min()) < 0 or int(tokens.max()) >= vocabulary:
        raise SpecError(
            f"calibration token ids must lie in 0 ... {vocabulary - 1}; "
            "were they made with another model's tokenizer?"
        )
    longest = getattr(model.net.config, "max_position_embeddings", None)
    if longest is not None and tokens.shape[1] > longest:
        raise SpecError(
            f"calibration windows of {tokens.shape[1]} tokens exceed the model's {longest}"
        )
    return tokens.long().to(model.device)
