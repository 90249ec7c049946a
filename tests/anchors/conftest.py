"""Response matrices made on the spot: a two-parameter item response world with clones."""

from __future__ import annotations

import numpy as np
import pytest


def simulate(n_models: int, n_items: int, seed: int = 0) -> np.ndarray:
    """0/1 answers of models of one ability each to items of some difficulty and slope."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=(n_models, 1))
    logit = rng.uniform(0.5, 2, n_items) * (ability - rng.normal(size=n_items))
    return (rng.random((n_models, n_items)) < 1 / (1 + np.exp(-logit))).astype(float)


@pytest.fixture
def scores() -> np.ndarray:
    return simulate(80, 60)


@pytest.fixture
def new_scores() -> np.ndarray:
    """Forty more models of the same world, drawn with the same items."""
    return simulate(120, 60)[80:]


@pytest.fixture(name="simulate")
def simulate_fixture():
    return simulate
