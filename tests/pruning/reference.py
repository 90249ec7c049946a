"""The published algorithms written down plainly in float64 numpy, one weight at a time."""

from __future__ import annotations

import numpy as np


def lowest_mask(scores: np.ndarray, zeros: np.ndarray, count: int) -> np.ndarray:
    """Mark `count` entries of a vector: zeros there already, then by score, then by place."""
    order = sorted(range(len(scores)), key=lambda i: (not zeros[i], scores[i], i))
    mask = np.zeros(len(scores), dtype=bool)
    mask[order[:count]] = True
    return mask


def nm_mask(scores: np.ndarray, zeros: np.ndarray, kept: int, group: int) -> np.ndarray:
    mask = np.zeros(scores.shape, dtype=bool)
    for i in range(scores.shape[0]):
        for g in range(0, scores.shape[1], group):
            part = slice(g, g + group)
            mask[i, part] = lowest_mask(scores[i, part], zeros[i, part], group - kept)
    return mask


def magnitude(weight: np.ndarray, count: int | None, pattern: tuple[int, int] | None) -> np.ndarray:
    scores, zeros = abs(weight), weight == 0
    if pattern:
        mask = nm_mask(scores, zeros, *pattern)
    else:
        mask = lowest_mask(scores.ravel(), zeros.ravel(), count).reshape(weight.shape)
    return np.where(mask, 0, weight)


def by_rows(
    scores: np.ndarray, weight: np.ndarray, count: int | None, pattern: tuple[int, int] | None
) -> np.ndarray:
    zeros = weight == 0
    if pattern:
        mask = nm_mask(scores, zeros, *pattern)
    else:
        rows = range(len(weight))
        mask = np.array([lowest_mask(scores[i], zeros[i], count) for i in rows])
    return np.where(mask, 0, weight)


def magnitude_row_scores(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    return abs(weight)


def wanda_scores(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    norms = np.array([np.sqrt(sum(v * v for v in x[:, j])) for j in range(x.shape[1])])
    return abs(weight) * norms


def ria_scores(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    scores = np.zeros(weight.shape)
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            row, column = abs(weight[i]).sum(), abs(weight[:, j]).sum()
            relative = abs(weight[i, j]) / row + abs(weight[i, j]) / column if column else 0
            scores[i, j] = relative * np.sqrt(np.linalg.norm(x[:, j]))
    return scores


def sparsegpt(
    weight: np.ndarray,
    x: np.ndarray,
    share: float | None,
    pattern: tuple[int, int] | None,
    block: int,
    damping: float,
) -> np.ndarray:
    """Algorithm 1 with plain loops; `share` of each slab of `block` columns is zeroed."""
    w, zeros = weight.astype(np.float64).copy(), weight == 0
    rows, columns = w.shape
    h = x.T.astype(np.float64) @ x
    dead = np.diag(h) == 0
    mean = np.diag(h)[~dead].mean()
    h[dead, dead] = mean
    h += damping * mean * np.eye(columns)
    u = np.linalg.cholesky(np.linalg.inv(h)).T  # upper, H^-1 = U^T U
    cost = np.where(dead, 0, 1 / np.diag(u) ** 2)
    for start in range(0, columns, block):
        end = min(start + block, columns)
        if pattern is None:
            scores = w[:, start:end] ** 2 * cost[start:end]
            count = int(share * scores.size)
            mask = lowest_mask(scores.ravel(), zeros[:, start:end].ravel(), count)
            mask = mask.reshape(scores.shape) | zeros[:, start:end]
        else:
            mask = np.zeros((rows, end - start), dtype=bool)
        for j in range(start, end):
            if pattern and j % pattern[1] == 0:
                part = slice(j, j + pattern[1])
                scores = w[:, part] ** 2 * cost[part]
                group = nm_mask(scores, zeros[:, part], *pattern) | zeros[:, part]
                mask[:, j - start : j - start + pattern[1]] = group
            gone = np.where(mask[:, j - start], w[:, j], 0)
            w[:, j:] -= np.outer(gone / u[j, j], u[j, j:])
            w[mask[:, j - start], j] = 0
    return w
