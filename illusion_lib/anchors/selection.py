"""Which items together say most about the score? Greedy choice and exchanges under a penalty.

Everything here minimises one loss over sets A of items,

    L(A) = min_w |t - X_A w|^2 + penalty |w|^2,

with centred columns X and centred target t. Adding penalty to the diagonal of the Gram matrix
X^T X turns it into plain least squares, in which both the gain of adding an item and the price of
dropping one are closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illusion_lib.anchors.matrix import FloatArray, IntArray

_DIGITS = 9  # gains are compared to this many digits, so that ties fall to the first item


@dataclass(frozen=True)
class Centred:
    """What selection needs of the training models.

    Attributes
    ----------
    columns
        float (models, items), every column centred.
    target
        float (models,), centred.
    products
        float (items,): columns^T target.
    norms
        float (items,): squared norm of every column.
    """

    columns: FloatArray
    target: FloatArray
    products: FloatArray
    norms: FloatArray

    @classmethod
    def of(cls, scores: FloatArray, target: FloatArray) -> Centred:
        """Centre scores (models, items) and target (models,)."""
        columns = scores - scores.mean(axis=0)
        centred = target - target.mean()
        norms = np.einsum("mi,mi->i", columns, columns)
        return cls(columns, centred, columns.T @ centred, norms)

    @property
    def unit(self) -> float:
        """Mean squared norm of a column that varies: the natural unit of the penalty."""
        varying = self.norms[self.norms > 0]
        return float(varying.mean()) if varying.size else 1.0

    def gram_rows(self, items: IntArray) -> FloatArray:
        """Return float (n, items): the Gram matrix's rows of `items`."""
        rows: FloatArray = self.columns[:, items].T @ self.columns
        return rows


def first_best(values: FloatArray) -> int:
    """Return the place of the greatest value, the first of equals up to rounding."""
    top = float(values.max())
    if not np.isfinite(top) or top <= 0:
        return int(np.argmax(values))
    return int(np.argmax(values >= top * (1 - 10.0**-_DIGITS)))


def forward(data: Centred, n_anchors: int, penalty: float) -> IntArray:
    """Choose items one by one, each time the one that lowers L most.

    Parameters
    ----------
    data
        The centred training models.
    n_anchors
        How many to choose.
    penalty
        Positive; in the units of `Centred.norms`.

    Returns
    -------
    int (n_anchors,) in the order chosen; a prefix of a longer choice.

    Notes
    -----
    Orthogonal matching pursuit by a pivoted Cholesky factorisation of the penalised Gram matrix,
    one of whose rows is computed per step: O(n_anchors * models * items), no Gram matrix held.
    """
    n_items = len(data.norms)
    factor = np.zeros((n_anchors, n_items))
    left = data.norms + penalty  # squared length of each column beside the chosen ones
    shared = data.products.copy()  # inner product of that rest with the target's rest
    chosen: list[int] = []
    for step in range(n_anchors):
        gain = shared**2 / left
        gain[chosen] = -np.inf
        pick = first_best(gain)
        row = data.columns.T @ data.columns[:, pick]
        row[pick] += penalty
        row -= factor[:step, pick] @ factor[:step]
        row /= np.sqrt(left[pick])
        factor[step] = row
        shared -= row * (shared[pick] / np.sqrt(left[pick]))
        left = np.maximum(left - row**2, penalty * 1e-9)
        chosen.append(pick)
    return np.array(chosen, dtype=np.int64)


def exchange(
    data: Centred, anchors: IntArray, penalty: float, max_swaps: int | None = None
) -> tuple[IntArray, int]:
    """Swap one anchor for one other item as long as L falls.

    Parameters
    ----------
    data
        The centred training models.
    anchors
        int (k,): where to start.
    penalty
        As in `forward`.
    max_swaps
        Stop after so many; 10 k if None.

    Returns
    -------
    anchors
        int (k,), a new array: no single swap lowers its L.
    swaps
        How many were made.

    Notes
    -----
    With H = (G_AA + penalty)^-1, w = H X_A^T t and U = H G_A, dropping slot a raises L by
    w_a^2 / H_aa, and adding item i then lowers it by
    (c_i + U_ai w_a / H_aa)^2 / (d_i + U_ai^2 / H_aa), where c and d are i's inner product with the
    residual and its squared length beside A. All k * items swaps cost one (k, k) inverse, one
    (k, k) @ (k, items) product and one new Gram row. L falls strictly, so it ends.
    """
    current = anchors.copy()
    gram = data.gram_rows(current)  # (k, items)
    limit = 10 * len(current) if max_swaps is None else max_swaps
    floor = 10.0**-_DIGITS * float(data.target @ data.target)
    for swaps in range(limit):
        inverse = np.linalg.inv(gram[:, current] + penalty * np.eye(len(current)))
        weights = inverse @ data.products[current]  # (k,)
        cover = inverse @ gram  # (k, items)
        rest = data.products - weights @ gram  # (items,)
        length = data.norms + penalty - np.einsum("ki,ki->i", gram, cover)  # (items,)
        diagonal = np.diag(inverse)[:, None]  # (k, 1)
        gain = (rest + cover * (weights[:, None] / diagonal)) ** 2
        gain /= np.maximum(length + cover**2 / diagonal, penalty)
        gain -= weights[:, None] ** 2 / diagonal
        gain[:, current] = -np.inf
        slot, item = divmod(first_best(gain.ravel()), gain.shape[1])
        if gain[slot, item] <= floor:
            return current, swaps
        current[slot] = item
        gram[slot] = data.columns.T @ data.columns[:, item]
    return current, limit


def penalised_loss(data: Centred, anchors: IntArray, penalty: float) -> float:
    """Return L(A), by its definition."""
    x = data.columns[:, anchors]
    b = data.products[anchors]
    inner = np.linalg.solve(x.T @ x + penalty * np.eye(len(anchors)), b)
    return float(data.target @ data.target - b @ inner)
