from __future__ import annotations

import numpy as np
import pytest
import torch

from illusion_lib.errors import PruneError
from illusion_lib.pruning.compensation import compensate, inverse_root


def gram_of(size: int, seed: int = 0) -> torch.Tensor:
    """The Gram matrix of correlated inputs; its lower triangle is nonsense, as nobody reads it."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(size, size, generator=generator) / size**0.5
    x = torch.randn(3 * size, size, generator=generator) @ mix
    return (x.T @ x).triu() + torch.full((size, size), 7.0).tril(-1)


def whole(gram: torch.Tensor) -> np.ndarray:
    upper = gram.triu().double().numpy()
    return upper + np.triu(upper, 1).T


@pytest.mark.parametrize("size", [1, 7, 192, 193, 500])
def test_root_equals_that_of_the_float64_inverse(size):
    gram = gram_of(size)
    added = 0.01 * gram.diagonal().mean() * torch.arange(1, size + 1) / size
    root = inverse_root(gram, added)
    want = np.linalg.cholesky(np.linalg.inv(whole(gram) + np.diag(added.double()))).T
    assert torch.equal(root, root.triu())
    assert np.linalg.norm(root.double().numpy() - want) <= 1e-5 * np.linalg.norm(want)


@pytest.mark.parametrize("place", [3, 250, 499])
def test_no_root_of_a_matrix_that_is_not_positive(place):
    gram = gram_of(500)
    gram[place, place] = -1
    assert inverse_root(gram, torch.zeros(500)) is None


def test_compensation_is_the_root_rearranged():
    gram = gram_of(300)
    dead = [0, 17, 299]
    gram[dead, :] = gram[:, dead] = 0
    got = compensate(gram, 0.05)
    damped, mean = whole(gram), np.diag(whole(gram))[np.diag(whole(gram)) > 0].mean()
    damped[dead, dead] = mean
    damped += 0.05 * mean * np.eye(300)
    root = np.linalg.cholesky(np.linalg.inv(damped)).T
    shares = -np.triu(root / np.diag(root)[:, None], 1)
    costs = 1 / np.diag(root) ** 2
    costs[dead] = 0
    assert got.damping == 0.05
    assert np.abs(got.shares.numpy() - shares).max() <= 1e-5
    np.testing.assert_allclose(got.costs.numpy(), costs, rtol=1e-5)


def test_a_gram_matrix_is_not_changed():
    gram = gram_of(20)
    before = gram.clone()
    compensate(gram, 0.01)
    assert torch.equal(gram, before)


def test_damping_that_fails_is_raised_until_it_is_hopeless():
    gram = torch.full((400, 400), -0.15 / 50).fill_diagonal_(1.0)  # least eigenvalue -0.2
    assert compensate(gram, 0.01).damping == pytest.approx(1.0)
    with pytest.raises(PruneError, match="not positive definite"):
        compensate(torch.full((400, 400), -1.0).fill_diagonal_(1.0), 0.01)
