"""What pruning did, for people and for the record: per layer and over the model."""

from __future__ import annotations

from dataclasses import dataclass


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
