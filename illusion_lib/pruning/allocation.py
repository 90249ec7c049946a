"""How much of each layer goes, when it is not the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from illusion_lib.pruning.blocks import Block, Matrix
from illusion_lib.pruning.patterns import zeros_in
from illusion_lib.pruning.statistics import InputStatistics

_OUTLIER = 5.0  # times the mean score of a matrix
_SPREAD = 0.08  # furthest that a block's sparsity may lie from the target


def by_global_magnitude(blocks: Sequence[Block], sparsity: float) -> dict[str, float]:
    """Return each matrix's sparsity when all weights are ranked together by absolute value.

    Exact in the whole: of weights that tie at the threshold, those of earlier matrices go.

    Returns
    -------
    dict
        Sparsity by the name of the matrix; its product with the size is a whole number.
    """
    matrices = [matrix for block in blocks for matrix in block.matrices]
    sizes = [m.rows * m.columns for m in matrices]
    wanted = zeros_in(sum(sizes), sparsity)
    threshold = _threshold(matrices, wanted)
    below = [int((_magnitudes(m) < threshold).sum()) for m in matrices]
    room = wanted - sum(below)
    shares = {}
    for matrix, size, count in zip(matrices, sizes, below, strict=True):
        tied = min(room, int((_magnitudes(matrix) == threshold).sum()))
        room -= tied
        shares[matrix.name] = (count + tied) / size
    return shares


def _threshold(matrices: Sequence[Matrix], wanted: int) -> float:
    """Return the `wanted`-th lowest magnitude, found by halving without gathering the weights.

    The bits of a non-negative float32 are ordered like the number, so 31 halvings are exact.
    """
    low, high = 0, 0x7F7FFFFF  # bits of 0 and of the greatest float32
    while low < high:
        middle = (low + high) // 2
        value = _float(middle)
        if sum(int((_magnitudes(m) <= value).sum()) for m in matrices) >= wanted:
            high = middle
        else:
            low = middle + 1
    return _float(low)


def _float(bits: int) -> float:
    return float(torch.tensor(bits, dtype=torch.int32).view(torch.float32))


def _magnitudes(matrix: Matrix) -> torch.Tensor:
    return matrix.read().float().abs()


def by_outliers(
    blocks: Sequence[Block], inputs: Mapping[str, InputStatistics], sparsity: float
) -> dict[str, float]:
    """Return each matrix's sparsity by OWL: blocks with more outliers lose fewer weights.

    Yin et al., "Outlier Weighed Layerwise Sparsity" (arXiv 2310.05175), with their M = 5 and
    lambda = 0.08: a block's outliers are the weights whose Wanda score is above M times the mean
    of their matrix; its sparsity is the target minus the centred outlier share, stretched to a
    range of 2 lambda. The centre is weighted by size, so that the whole keeps the target.

    Parameters
    ----------
    blocks
        Of the dense model.
    inputs
        One-pass statistics by matrix name.
    sparsity
        Of the whole.
    """
    shares = torch.tensor([_outliers(block, inputs) for block in blocks], dtype=torch.float64)
    sizes = torch.tensor([_size(block) for block in blocks], dtype=torch.float64)
    spread = shares.max() - shares.min()
    if spread > 0:
        shares = (shares - shares.min()) / spread * 2 * _SPREAD
    centred = shares - (shares * sizes).sum() / sizes.sum()
    # At the ends of the scale the range shrinks, so that no block is left empty or untouched.
    room = min(sparsity, 1 - sparsity) / max(float(centred.abs().max()), 1e-12)
    ratios = sparsity - centred * min(1.0, room)
    return {
        matrix.name: float(ratio)
        for block, ratio in zip(blocks, ratios, strict=True)
        for matrix in block.matrices
    }


def _outliers(block: Block, inputs: Mapping[str, InputStatistics]) -> float:
    """Return the share of a block's weights that are outliers."""
    count = 0
    for matrix in block.matrices:
        norms = inputs[matrix.name].squared_norms.sqrt().float()
        scores = matrix.read().float().abs() * norms
        count += int((scores > _OUTLIER * scores.mean()).sum())
    return count / _size(block)


def _size(block: Block) -> int:
    return sum(matrix.rows * matrix.columns for matrix in block.matrices)
