"""Every method against the plain float64 reference, and its invariants."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.errors import PruneError
from illusion_lib.pruning import sparsegpt
from illusion_lib.pruning.registry import METHODS
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec, parse_pattern

SPARSE = [name for name, method in METHODS.items() if method.sparsifies]
seeds = st.integers(0, 2**32 - 1)


def layer(seed: int, rows: int = 12, columns: int = 24, tokens: int = 80):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(columns, columns, generator=generator)
    weight = torch.randn(rows, columns, generator=generator)
    return weight, torch.randn(tokens, columns, generator=generator) @ mix


def statistics(x: torch.Tensor) -> InputStatistics:
    inputs = InputStatistics.empty(x.shape[1], "both", x.device)
    inputs.add(x)
    return inputs


def pruned(method: str, weight: torch.Tensor, x: torch.Tensor, spec: PruneSpec) -> torch.Tensor:
    module = import_module(f"illusion_lib.pruning.{METHODS[method].module}")
    return module.prune_layer(weight, statistics(x), spec).weight


def expected(reference, weight: torch.Tensor, x: torch.Tensor, spec: PruneSpec) -> np.ndarray:
    w, inputs = weight.double().numpy(), x.double().numpy()
    pattern = parse_pattern(spec.pattern) if spec.pattern else None
    share = None if pattern else spec.sparsity
    if spec.method == "magnitude":
        return reference.magnitude(w, None if pattern else int(share * w.size), pattern)
    if spec.method != "sparsegpt":
        count = None if pattern else int(share * w.shape[1])
        scores = getattr(reference, f"{spec.method}_scores")(w, inputs)
        return reference.by_rows(scores, w, count, pattern)
    return reference.sparsegpt(w, inputs, share, pattern, spec.block_size, spec.damping)


REFERENCED = ["magnitude", "magnitude_row", "wanda", "ria", "sparsegpt"]
AMOUNTS = [{"sparsity": 0.5}, {"sparsity": 0.25}, {"sparsity": 0.7}, {"pattern": "2:4"}]
AMOUNTS += [{"pattern": "4:8"}, {"pattern": "1:4"}, {"pattern": "2:3"}]


@pytest.mark.parametrize("method", REFERENCED)
@pytest.mark.parametrize("amount", AMOUNTS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_float64_reference(reference, method, amount, seed):
    # 72 columns in blocks of 48: two slabs, the last one short, and more than one inner block.
    weight, x = layer(seed, rows=12, columns=72, tokens=200)
    spec = PruneSpec(method, **amount, block_size=48)
    got, want = (
        pruned(method, weight, x, spec).double().numpy(),
        expected(reference, weight, x, spec),
    )
    assert ((got == 0) == (want == 0)).all()
    assert np.linalg.norm(got - want) <= 1e-5 * np.linalg.norm(want)


@pytest.mark.parametrize("method", REFERENCED)
@pytest.mark.parametrize("amount", [{"sparsity": 0.5}, {"pattern": "2:4"}], ids=str)
def test_zeros_and_dead_inputs_match_the_reference(reference, method, amount):
    weight, x = layer(7, columns=48)
    weight[torch.rand(weight.shape) < 0.3] = 0
    x[:, [3, 4, 17]] = 0
    spec = PruneSpec(method, **amount, block_size=24)
    got, want = (
        pruned(method, weight, x, spec).double().numpy(),
        expected(reference, weight, x, spec),
    )
    assert ((got == 0) == (want == 0)).all()
    assert np.linalg.norm(got - want) <= 1e-5 * np.linalg.norm(want)


@given(seed=seeds, sparsity=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 0.99]))
@settings(max_examples=25, deadline=None)
def test_exact_number_of_zeros(seed, sparsity):
    weight, x = layer(seed)
    rows, columns = weight.shape
    zeros = {m: (pruned(m, weight, x, PruneSpec(m, sparsity)) == 0) for m in REFERENCED}
    assert int(zeros["magnitude"].sum()) == int(sparsity * rows * columns)
    for method in ("magnitude_row", "wanda", "ria"):
        assert (zeros[method].sum(dim=1) == int(sparsity * columns)).all()
    assert int(zeros["sparsegpt"].sum()) == int(sparsity * rows * columns)


@given(seed=seeds, pattern=st.sampled_from(["2:4", "1:2", "4:8", "1:3", "3:8"]))
@settings(max_examples=25, deadline=None)
def test_pattern_holds_in_every_group(seed, pattern):
    weight, x = layer(seed)
    kept, group = parse_pattern(pattern)
    for method in SPARSE:
        spec = PruneSpec(method, pattern=pattern, block_size=24)
        groups = pruned(method, weight, x, spec).reshape(-1, group)
        assert ((groups != 0).sum(dim=1) == kept).all(), method


@given(seed=seeds, amount=st.sampled_from([{"sparsity": 0.5}, {"pattern": "2:4"}]))
@settings(max_examples=15, deadline=None)
def test_rows_may_come_in_any_order(seed, amount):
    weight, x = layer(seed)
    order = torch.randperm(len(weight), generator=torch.Generator().manual_seed(seed % 2**31))
    for method in REFERENCED:
        spec = PruneSpec(method, **amount)
        straight = pruned(method, weight, x, spec)[order]
        permuted = pruned(method, weight[order], x, spec)
        assert ((straight == 0) == (permuted == 0)).all(), method
        torch.testing.assert_close(straight, permuted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", SPARSE)
def test_zeros_already_there_stay_and_count(method):
    weight, x = layer(3)
    zeros = torch.rand(weight.shape, generator=torch.Generator().manual_seed(3)) < 0.2
    weight[zeros] = 0
    result = pruned(method, weight, x, PruneSpec(method, 0.5))
    assert (result[zeros] == 0).all()
    assert int((result == 0).sum()) == weight.numel() // 2


@pytest.mark.parametrize("method", REFERENCED)
def test_more_zeros_than_asked_for_stay_as_they_are(method):
    weight, x = layer(4)
    weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(4)) < 0.8] = 0
    result = pruned(method, weight, x, PruneSpec(method, pattern="2:4"))
    fuller = (weight.view(-1, 4) != 0).sum(dim=1) <= 2
    assert (result[weight == 0] == 0).all()
    assert torch.equal(result.reshape(-1, 4)[fuller] != 0, weight.view(-1, 4)[fuller] != 0)


@pytest.mark.parametrize("method", ["magnitude", "wanda"])
def test_ties_in_bfloat16_do_not_overshoot(method):
    weight = torch.full((8, 16), 0.5, dtype=torch.bfloat16).float()
    result = pruned(method, weight, torch.ones(4, 16), PruneSpec(method, 0.25))
    assert int((result == 0).sum()) == 8 * 4
    if method == "wanda":
        assert (result[:, :4] == 0).all()  # among equals the leftmost go
    else:
        assert (result[:2] == 0).all()  # in row-major order


def test_a_common_factor_of_the_inputs_changes_nothing():
    weight, x = layer(5)
    for method in ("wanda", "sparsegpt"):
        spec = PruneSpec(method, 0.5)
        torch.testing.assert_close(
            pruned(method, weight, x, spec), pruned(method, weight, 8 * x, spec)
        )


def test_sparsegpt_updates_what_stays_and_loses_less_than_its_own_mask():
    weight, x = layer(6, tokens=400)
    result = pruned("sparsegpt", weight, x, PruneSpec("sparsegpt", 0.5))
    masked = weight.masked_fill(result == 0, 0)
    loss = (x @ (result - weight).T).norm()
    assert not torch.equal(result, masked)
    assert loss < 0.9 * (x @ (masked - weight).T).norm()


def test_damping_is_raised_tenfold_and_reported():
    gram = torch.full((8, 8), -0.15).fill_diagonal_(1.0)  # least eigenvalue -0.05
    inputs = InputStatistics(10, torch.ones(8, dtype=torch.float64), gram)
    done = sparsegpt.prune_layer(torch.randn(4, 8), inputs, PruneSpec("sparsegpt", 0.5))
    assert done.damping == pytest.approx(0.1)
    assert int((done.weight == 0).sum()) == 16


def test_hopeless_gram_is_an_error_not_an_identity():
    gram = torch.full((8, 8), -10.0).fill_diagonal_(1.0)
    inputs = InputStatistics(10, torch.ones(8, dtype=torch.float64), gram)
    with pytest.raises(PruneError, match="not positive definite"):
        sparsegpt.prune_layer(torch.randn(4, 8), inputs, PruneSpec("sparsegpt", 0.5))


def test_layers_with_one_input_share_the_compensation():
    _, x = layer(9)
    inputs = statistics(x)
    assert inputs.compensation(0.01) is inputs.compensation(0.01)
    assert inputs.compensation(0.02) is not inputs.compensation(0.01)


def test_sparsegpt_refuses_a_pattern_that_does_not_divide_its_block():
    weight, x = layer(1)
    with pytest.raises(PruneError, match="block of 128"):
        pruned("sparsegpt", weight, x, PruneSpec("sparsegpt", pattern="2:3"))


def test_norms_alone_are_refused_by_sparsegpt():
    inputs = InputStatistics(4, torch.ones(8, dtype=torch.float64))
    with pytest.raises(PruneError, match="need='both'"):
        sparsegpt.prune_layer(torch.randn(4, 8), inputs, PruneSpec("sparsegpt", 0.5))


@given(seed=seeds, sparsity=st.sampled_from([0.25, 0.5]))
@settings(max_examples=10, deadline=None)
def test_random_is_exact_reproducible_and_blind(seed, sparsity):
    weight, x = layer(seed, rows=40, columns=40)
    spec = PruneSpec("random", sparsity)
    first, again = pruned("random", weight, x, spec), pruned("random", weight, x, spec)
    other = pruned("random", 2 * weight, x, spec)
    assert torch.equal(first, again)
    assert not torch.equal(first == 0, other == 0)
    assert ((first == 0).sum(dim=1) == int(40 * sparsity)).all()
    kept, gone = weight[first != 0].abs().mean(), weight[first == 0].abs().mean()
    assert abs(kept - gone) < 0.15  # standard error about 0.03


@pytest.mark.parametrize(("method", "levels"), [("rtn_int8", 127), ("rtn_int4", 7)])
def test_rounding_takes_the_nearest_of_evenly_spaced_values(method, levels):
    weight, x = layer(2, rows=6, columns=300)
    weight[0, :5] = 0
    weight[1, 128:256] = 0  # a whole group
    result = pruned(method, weight, x, PruneSpec(method)).double()
    for row in range(6):
        for start in (0, 128, 256):
            old = weight[row, start : start + 128].double()
            new = result[row, start : start + 128]
            values = torch.arange(-levels, levels + 1) * float(old.abs().max()) / levels
            nearest = (old[:, None] - values).abs().min(dim=1).values
            torch.testing.assert_close((old - new).abs(), nearest, rtol=1e-4, atol=1e-6)
            assert ((new[:, None] - values).abs().min(dim=1).values < 1e-6).all()
    assert (result[weight == 0] == 0).all()
