"""Prune a model: block by block, in place, and say what was done to every layer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import torch

from illusion_lib.errors import PruneError, SpecError
from illusion_lib.models import Model
from illusion_lib.pruning import replay
from illusion_lib.pruning.blocks import Block, Matrix, find_blocks
from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.registry import DENSE, METHODS, Method
from illusion_lib.pruning.statistics import Collected, Collector, InputStatistics, Statistics
from illusion_lib.specs import PruneSpec, parse_pattern

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
_BATCH_TOKENS = 4096  # below about a thousand tokens a pass, the machine is badly used


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What pruning did to one weight matrix.

    Attributes
    ----------
    name
        Path of the layer in the model.
    rows, columns
        Number of outputs and inputs.
    zeros, sparsity
        Weights that are zero now, counted in the stored type, and their share.
    damping
        SparseGPT: the damping that its factorisation needed.
    note
        What a reader must know; empty when all went as asked.
    """

    name: str
    rows: int
    columns: int
    zeros: int
    sparsity: float
    damping: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What pruning did to a model.

    Attributes
    ----------
    method, target, pattern, statistics
        What was asked for; `statistics` is None for a method that reads no inputs.
    calibration_tokens
        Length of the calibration text.
    layers
        Every pruned matrix, in the order of the model.
    sparsity
        Share of zeros over those matrices.
    model_sparsity
        Share of zeros over all parameters of the model, embeddings and norms included.
    notes
        What a reader must know of the whole; empty when all went as asked.
    """

    method: str
    target: float
    pattern: str | None
    statistics: str | None
    calibration_tokens: int
    layers: tuple[LayerReport, ...]
    sparsity: float
    model_sparsity: float
    notes: tuple[str, ...] = ()


@torch.no_grad()
def prune(
    model: Model,
    spec: PruneSpec,
    calibration: torch.Tensor | Statistics | None = None,
    *,
    progress: Progress | None = None,
) -> PruneReport:
    """Prune the Linear layers of a model's decoder blocks in place.

    Embeddings, norms, the output head and the routers of mixtures of experts are never touched.

    Parameters
    ----------
    model
        Changed in place.
    spec
        Method and sparsity.
    calibration
        Token ids (samples, length) from `calibrate`, or one-pass statistics from `collect`.
    progress
        Called with (blocks done, blocks in all).

    Returns
    -------
    PruneReport

    Raises
    ------
    SpecError
        The method needs calibration and got none, or statistics of another kind.
    PruneError
        The model's layers cannot be pruned as asked. When it is raised during the work, blocks
        before the named layer are pruned already: load the model again.
    """
    method = METHODS[spec.method]
    blocks = () if spec.method == DENSE else find_blocks(model.net)
    _check_request(spec, method, calibration)
    _check_layers(blocks, spec)
    tokens = _checked_tokens(model, calibration) if isinstance(calibration, torch.Tensor) else None
    report = progress or (lambda done, total: None)
    layers: list[LayerReport] = []
    if spec.method == DENSE or spec.sparsity == 0:
        layers = [_report(matrix) for block in blocks for matrix in block.matrices]
    elif not method.calibrated:
        layers = _from_inputs(blocks, spec, {}, report)
    elif isinstance(calibration, Statistics):
        layers = _from_inputs(blocks, spec, calibration.inputs, report)
    elif spec.statistics == "one_pass":
        assert tokens is not None
        need: Collected = "gram" if method.needs == "gram" else "norms"
        layers = _from_inputs(blocks, spec, _collect(model, blocks, tokens, need), report)
    else:
        assert tokens is not None
        layers = _sequentially(model, blocks, spec, tokens, report)
    return _summary(model, blocks, spec, layers, calibration)


@torch.no_grad()
def collect(model: Model, tokens: torch.Tensor, need: Collected = "gram") -> Statistics:
    """Return the one-pass statistics of a dense model, good for every method and sparsity.

    Parameters
    ----------
    model
        Not changed.
    tokens
        Token ids (samples, length).
    need
        ``norms`` is enough for Wanda; ``gram`` serves every method and takes more time and memory.
    """
    tokens = _checked_tokens(model, tokens)
    inputs = _collect(model, find_blocks(model.net), tokens, need)
    return Statistics(inputs, need, tokens.numel())


def _collect(
    model: Model, blocks: Sequence[Block], tokens: torch.Tensor, need: Collected
) -> dict[str, InputStatistics]:
    matrices = [matrix for block in blocks for matrix in block.matrices]
    with replay.plain_experts(blocks), Collector(matrices, need) as collector:
        for batch in _batches(tokens):
            replay.run_through(model.net, blocks[-1], batch)
    return collector.inputs


def _from_inputs(
    blocks: Sequence[Block],
    spec: PruneSpec,
    inputs: Mapping[str, InputStatistics],
    progress: Progress,
) -> list[LayerReport]:
    """Prune every block from statistics that are all known beforehand (or not needed)."""
    layers = []
    for done, block in enumerate(blocks, start=1):
        layers += [_prune_matrix(m, inputs.get(m.name), spec) for m in block.matrices]
        progress(done, len(blocks))
    return layers


def _sequentially(
    model: Model, blocks: Sequence[Block], spec: PruneSpec, tokens: torch.Tensor, progress: Progress
) -> list[LayerReport]:
    """Prune each block on inputs that passed the pruned blocks before it."""
    need: Collected = "gram" if METHODS[spec.method].needs == "gram" else "norms"
    layers: list[LayerReport] = []
    with replay.plain_experts(blocks):
        streams = [replay.open_stream(model.net, blocks, batch) for batch in _batches(tokens)]
        for index, block in enumerate(blocks):
            with Collector(block.matrices, need) as collector:
                for stream in streams:
                    stream.run(index, block.module)
            inputs = collector.inputs
            layers += [_prune_matrix(m, inputs[m.name], spec) for m in block.matrices]
            if index + 1 < len(blocks):
                for stream in streams:
                    stream.hidden = stream.run(index, block.module)
            progress(index + 1, len(blocks))
    return layers


def _prune_matrix(matrix: Matrix, inputs: InputStatistics | None, spec: PruneSpec) -> LayerReport:
    name, note = spec.method, ""
    if inputs is not None and inputs.tokens == 0:
        name, note = "magnitude", "no calibration token reached it: pruned by magnitude"
        log.warning("layer %s: %s", matrix.name, note)
    try:
        pruned = _prune_layer(METHODS[name], matrix.read().float(), inputs, spec)
    except PruneError as error:
        raise PruneError(f"layer {matrix.name}: {error}") from error
    if pruned.damping is not None and pruned.damping != spec.damping:
        note = f"damping raised from {spec.damping:g} to {pruned.damping:g}"
        log.warning("layer %s: %s", matrix.name, note)
    matrix.write(pruned.weight)
    return _report(matrix, pruned.damping, pruned.note or note)


def _prune_layer(
    method: Method, weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec
) -> Pruned:
    if inputs is not None and not inputs.squared_norms.isfinite().all():
        raise PruneError("its inputs are not finite on the calibration text; load it in float32")
    module = import_module(f"illusion_lib.pruning.{method.module}")
    pruned: Pruned = module.prune_layer(weight, inputs, spec)
    return pruned


def _report(matrix: Matrix, damping: float | None = None, note: str = "") -> LayerReport:
    weight = matrix.read()
    rows, columns = weight.shape
    zeros = weight.numel() - int(weight.count_nonzero())
    return LayerReport(matrix.name, rows, columns, zeros, zeros / (rows * columns), damping, note)


def _summary(
    model: Model,
    blocks: Sequence[Block],
    spec: PruneSpec,
    layers: Sequence[LayerReport],
    calibration: torch.Tensor | Statistics | None,
) -> PruneReport:
    zeros = sum(layer.zeros for layer in layers)
    size = sum(layer.rows * layer.columns for layer in layers)
    others = _others(model, blocks)
    other_zeros = sum(p.numel() - int(p.count_nonzero()) for p in others)
    noted = sum(bool(layer.note) for layer in layers)
    calibrated = METHODS[spec.method].calibrated
    tokens = calibration.tokens if isinstance(calibration, Statistics) else _size(calibration)
    return PruneReport(
        method=spec.method,
        target=spec.sparsity,
        pattern=spec.pattern,
        statistics=spec.statistics if calibrated else None,
        calibration_tokens=tokens if calibrated else 0,
        layers=tuple(layers),
        sparsity=zeros / size if size else 0.0,
        model_sparsity=(zeros + other_zeros) / (size + sum(p.numel() for p in others)),
        notes=(f"{noted} of {len(layers)} layers carry a note",) if noted else (),
    )


def _others(model: Model, blocks: Sequence[Block]) -> list[torch.Tensor]:
    """Return the parameters that hold none of the blocks' matrices."""
    pruned = {id(getattr(m.module, m.parameter)) for block in blocks for m in block.matrices}
    return [p for p in model.net.parameters() if id(p) not in pruned]


def _size(tokens: torch.Tensor | None) -> int:
    return 0 if tokens is None else tokens.numel()


def _batches(tokens: torch.Tensor) -> Sequence[torch.Tensor]:
    return torch.split(tokens, max(1, _BATCH_TOKENS // tokens.shape[1]))


def _check_request(
    spec: PruneSpec, method: Method, calibration: torch.Tensor | Statistics | None
) -> None:
    if not method.calibrated:
        return
    if calibration is None:
        raise SpecError(
            f"{method.label} needs calibration text; pass calibrate(model, ...) to prune"
        )
    if isinstance(calibration, Statistics):
        if spec.statistics != "one_pass":
            raise SpecError("collected statistics are one-pass; ask for statistics='one_pass'")
        if method.needs == "gram" and calibration.need != "gram":
            raise SpecError(f"{method.label} needs Gram matrices; collect with need='gram'")


def _check_layers(blocks: Sequence[Block], spec: PruneSpec) -> None:
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


def _checked_tokens(model: Model, tokens: torch.Tensor) -> torch.Tensor:
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
