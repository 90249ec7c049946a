"""Which items together say most about the score? Greedy choice and exchanges under a penalty.

Everything here minimises one loss over sets A of items,

    L(A) = min_w |t - X_A w|^2 + sum_a penalty_a w_a^2,

with columns X and target t that are centred over the models. Adding the penalty to the diagonal of
the Gram matrix X^T X turns it into plain least squares, in which both the gain of adding an item
and the price of dropping one are closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illusion_lib.anchors.matrix import FloatArray, IntArray

_DIGITS = 9  # gains are compared to this many digits, so that ties fall to the first item


@dataclass(frozen=True)
class Normal:
    """The normal equations that selection works on.

    Attributes
    ----------
    columns
        float (rows, items): centred answers; rows may be models or, below them, pseudo-models.
    products
        float (items,): inner product of every item with the target.
    lengths
        float (items,): squared norm of every column.
    penalty
        float (items,), positive.
    total
        Squared norm of the target.
    """

    columns: FloatArray
    products: FloatArray
    lengths: FloatArray
    penalty: FloatArray
    total: float

    @classmethod
    def ridge(cls, scores: FloatArray, target: FloatArray, share: float) -> Normal:
        """Centre scores (models, items) and target (models,); one penalty for all items.

        The penalty is `share` times the mean squared norm of the columns that vary.
        """
        columns = scores - scores.mean(axis=0)
        centred = target - target.mean()
        lengths = np.einsum("mi,mi->i", columns, columns)
        varying = lengths[lengths > 1e-12]
        penalty = share * (float(varying.mean()) if varying.size else 1.0)
        products = columns.T @ centred
        total = float(centred @ centred)
        return cls(columns, products, lengths, np.full(len(lengths), penalty), total)

    def gram_rows(self, items: IntArray) -> FloatArray:
        """Return float (n, items): the rows of `items` of X^T X, without penalty."""
        rows: FloatArray = self.columns[:, items].T @ self.columns
        return rows


def first_best(values: FloatArray) -> int:
    """Return the place of the greatest value, the first of equals up to rounding."""
    top = float(values.max())
    if not np.isfinite(top) or top <= 0:
        return int(np.argmax(values))
    return int(np.argmax(values >= top * (1 - 10.0**-_DIGITS)))


def forward(normal: Normal, n_anchors: int) -> IntArray:
    """Choose items one by one, each time the one that lowers L most.

    Parameters
    ----------
    normal
        The normal equations of the training models.
    n_anchors
        How many to choose.

    Returns
    -------
    int (n_anchors,) in the order chosen; a prefix of a longer choice.

    Notes
    -----
    Orthogonal matching pursuit by a pivoted Cholesky factorisation of the penalised Gram matrix,
    one of whose rows is computed per step: O(n_anchors * models * items), no Gram matrix held.
    """
    n_items = len(normal.lengths)
    factor = np.zeros((n_anchors, n_items))
    left = normal.lengths + normal.penalty  # squared length of each column beside the chosen ones
    shared = normal.products.copy()  # inner product of that rest with the target's rest
    chosen: list[int] = []
    for step in range(n_anchors):
        gain = shared**2 / left
        gain[chosen] = -np.inf
        pick = first_best(gain)
        row = normal.columns.T @ normal.columns[:, pick]
        row[pick] += normal.penalty[pick]
        row -= factor[:step, pick] @ factor[:step]
        row /= np.sqrt(left[pick])
        factor[step] = row
        shared -= row * (shared[pick] / np.sqrt(left[pick]))
        left = np.maximum(left - row**2, normal.penalty * 1e-9)
        chosen.append(pick)
    return np.array(chosen, dtype=np.int64)


def exchange(
    normal: Normal, anchors: IntArray, max_swaps: int | None = None
) -> tuple[IntArray, int]:
    """Swap one anchor for one other item as long as L falls.

    Parameters
    ----------
    normal
        The normal equations of the training models.
    anchors
        int (k,): where to start.
    max_swaps
        Stop after so many; 2 k if None.

    Returns
    -------
    anchors
        int (k,), a new array; no single swap lowers its L unless `max_swaps` were made.
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
    gram = normal.gram_rows(current)  # (k, items)
    limit = 2 * len(current) if max_swaps is None else max_swaps
    floor = 10.0**-_DIGITS * normal.total
    for swaps in range(limit):
        inverse = np.linalg.inv(gram[:, current] + np.diag(normal.penalty[current]))
        weights = inverse @ normal.products[current]  # (k,)
        cover = inverse @ gram  # (k, items)
        rest = normal.products - weights @ gram  # (items,)
        length = normal.lengths + normal.penalty - np.einsum("ki,ki->i", gram, cover)  # (items,)
        diagonal = np.diag(inverse)[:, None]  # (k, 1)
        # In place: with many anchors each of these is a good part of the matrix.
        gain = cover * (weights[:, None] / diagonal)
        gain += rest
        np.square(gain, out=gain)
        np.square(cover, out=cover)
        cover /= diagonal
        cover += length
        gain /= np.maximum(cover, normal.penalty, out=cover)
        gain -= weights[:, None] ** 2 / diagonal
        gain[:, current] = -np.inf
        slot, item = divmod(first_best(gain.ravel()), gain.shape[1])
        if gain[slot, item] <= floor:
            return current, swaps
        current[slot] = item
        gram[slot] = normal.columns.T @ normal.columns[:, item]
    return current, limit


def penalised_loss(normal: Normal, anchors: IntArray) -> float:
    """Return L(A), by its closed form."""
    x = normal.columns[:, anchors]
    b = normal.products[anchors]
    inner = np.linalg.solve(x.T @ x + np.diag(normal.penalty[anchors]), b)
    return normal.total - float(b @ inner)
