"""Prune a model: block by block, in place, and say what was done to every layer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import import_module

import torch

from illusion_lib.allocator import keep_freed_memory
from illusion_lib.errors import PruneError
from illusion_lib.models import Model
from illusion_lib.products import live_weights
from illusion_lib.pruning import allocation, replay
from illusion_lib.pruning.blocks import Block, Matrix, find_blocks
from illusion_lib.pruning.checks import check_layers, check_request, checked_tokens
from illusion_lib.pruning.elementwise import count_nonzero
from illusion_lib.pruning.gathering import batches, gather, inputs_of
from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.registry import DENSE, METHODS, Method
from illusion_lib.pruning.report import LayerReport, PruneReport
from illusion_lib.pruning.statistics import Collected, InputStatistics, Statistics, on_device
from illusion_lib.pruning.streaming import Journal, NoJournal, moved
from illusion_lib.specs import PruneSpec

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@torch.no_grad()
def prune(
    model: Model,
    spec: PruneSpec,
    calibration: torch.Tensor | Statistics | None = None,
    *,
    device: str | None = None,
    journal: Journal | None = None,
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
    device
        Where to work, one block at a time: the model stays where it is, each block goes there, is
        run and pruned, and comes back. None works where the model lies.
    journal
        Keeps finished blocks, and brings them back in a later run of the same request.
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
    keep_freed_memory()
    method = METHODS[spec.method]
    check_request(spec, method, calibration)
    blocks = () if spec.method == DENSE else find_blocks(model.net)
    check_layers(blocks, spec)
    if isinstance(calibration, torch.Tensor):
        calibration = checked_tokens(model, calibration)
    if spec.method != DENSE and (spec.sparsity > 0 or not method.sparsifies):
        work = _Work(
            "gram" if method.needs == "gram" else "norms",
            None if device is None else torch.device(device),
            journal or NoJournal(),
            progress or (lambda done, total: None),
        )
        with live_weights(model.net) if device is None else nullcontext():
            layers = _compress(model, blocks, spec, calibration, work)
    else:
        layers = [_report(matrix) for block in blocks for matrix in block.matrices]
    return _summary(model, blocks, spec, layers, calibration)


@dataclass(frozen=True, slots=True)
class _Work:
    """How a run goes about its work: which statistics, where, and whom it tells."""

    need: Collected
    device: torch.device | None
    journal: Journal
    progress: Progress


def _compress(
    model: Model,
    blocks: Sequence[Block],
    spec: PruneSpec,
    calibration: torch.Tensor | Statistics | None,
    work: _Work,
) -> list[LayerReport]:
    """Gather the statistics that the method reads, share out the sparsity, and prune."""
    method = METHODS[spec.method]
    inputs: Mapping[str, InputStatistics] = {}
    sequential = spec.statistics == "sequential" and method.calibrated
    if isinstance(calibration, Statistics):
        inputs = calibration.inputs
    elif isinstance(calibration, torch.Tensor) and method.calibrated:
        if not sequential:
            # OWL reads the norms, whatever the method reads.
            both = method.allocation == "owl" and work.need == "gram"
            inputs = gather(model, blocks, calibration, "both" if both else work.need, work.device)
        elif method.allocation == "owl":
            inputs = gather(model, blocks, calibration, "norms", work.device)
    specs = _allocated(blocks, spec, method, inputs)
    if sequential:
        assert isinstance(calibration, torch.Tensor)
        return _sequentially(model, blocks, specs, calibration, work)
    return _from_inputs(blocks, specs, inputs, work)


def _allocated(
    blocks: Sequence[Block],
    spec: PruneSpec,
    method: Method,
    inputs: Mapping[str, InputStatistics],
) -> dict[str, PruneSpec]:
    """Return each matrix's own spec: they differ in sparsity where the method says so."""
    shares: dict[str, float] = {}
    if method.allocation == "global" and not spec.pattern:
        shares = allocation.by_global_magnitude(blocks, spec.sparsity)
    elif method.allocation == "owl":
        shares = allocation.by_outliers(blocks, inputs, spec.sparsity)
    # A spec's sparsity is below 1; the count of zeros is rounded, so this is still all of them.
    most = 1 - 1e-13
    return {
        m.name: replace(spec, sparsity=min(shares[m.name], most)) if shares else spec
        for block in blocks
        for m in block.matrices
    }


def _from_inputs(
    blocks: Sequence[Block],
    specs: Mapping[str, PruneSpec],
    inputs: Mapping[str, InputStatistics],
    work: _Work,
) -> list[LayerReport]:
    """Prune every block from statistics that are all known beforehand (or not needed)."""
    layers = []
    for done, block in enumerate(blocks, start=1):
        known = work.journal.recall(block)
        if known is None:
            with moved(block.module, work.device):
                own = {m.name: inputs[m.name] for m in block.matrices if m.name in inputs}
                known = _prune_block(block, specs, on_device(own, work.device))
            work.journal.keep(block, known)
        layers += known
        work.progress(done, len(blocks))
    return layers


def _sequentially(
    model: Model,
    blocks: Sequence[Block],
    specs: Mapping[str, PruneSpec],
    tokens: torch.Tensor,
    work: _Work,
) -> list[LayerReport]:
    """Prune each block on inputs that passed the pruned blocks before it."""
    layers: list[LayerReport] = []
    with replay.plain_experts(blocks):
        streams = replay.open_streams(model.net, blocks, batches(tokens))
        for index, block in enumerate(blocks):
            known = work.journal.recall(block)
            with moved(block.module, work.device):
                fresh = known is None
                if known is None:
                    inputs = inputs_of(block, index, streams, work.need)
                    known = _prune_block(block, specs, inputs)
                if index + 1 < len(blocks):  # nothing follows the last
                    for stream in streams:
                        stream.hidden = stream.run(index, block.module)
            if fresh:
                work.journal.keep(block, known)
            layers += known
            work.progress(index + 1, len(blocks))
    return layers


def _prune_block(
    block: Block, specs: Mapping[str, PruneSpec], inputs: dict[str, InputStatistics]
) -> list[LayerReport]:
    """Prune a block's matrices, letting go of the statistics that none of the rest reads."""
    return [_prune_matrix(m, inputs.pop(m.name, None), specs[m.name]) for m in block.matrices]


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
    zeros = weight.numel() - count_nonzero(weight)
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
    other_zeros = sum(p.numel() - count_nonzero(p) for p in others)
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
