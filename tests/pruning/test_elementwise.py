import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from illusion_lib.pruning import elementwise, sparsegpt
from illusion_lib.pruning.elementwise import at_most, count_nonzero, is_zero, numbers, put, without

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=9)
# Few values, so that equal ones, both zeros and what is not finite all come up.
VALUES = st.sampled_from([0.0, -0.0, 1e-45, -1.5, 2.0, 2.5, np.inf, -np.inf, np.nan])


@st.composite
def matrices(draw):
    """Return values and a mask of the same shape, in either order of memory."""
    shape = draw(SHAPES)
    values = torch.from_numpy(draw(arrays(np.float32, shape, elements=VALUES)))
    mask = torch.from_numpy(draw(arrays(np.bool_, shape)))
    return (values.T, mask.T) if draw(st.booleans()) else (values, mask)


@pytest.fixture(params=["processor", "another device"], scope="module")
def place(request):
    """Compute as on a processor, then as where numpy cannot read."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "processor":
            patch.setattr(elementwise, "_numpy_reads", lambda values: False)
        yield


@given(both=matrices())
def test_every_device_says_what_torch_says(place, both):
    values, mask = both
    assert count_nonzero(values) == values.count_nonzero()
    assert count_nonzero(mask) == mask.sum()
    assert torch.equal(is_zero(values), values == 0)
    assert torch.equal(at_most(values, 2.0), values <= 2.0)
    bound = values[:, :1].contiguous()
    assert torch.equal(at_most(values, bound), values <= bound)
    assert torch.equal(numbers(mask), mask.float())


@given(both=matrices())
def test_masked_values_become_zero_and_no_bit_of_the_others_changes(place, both):
    values, mask = both
    kept = without(mask, values)
    as_bits = torch.where(mask, 0, values.contiguous().view(torch.int32))
    assert torch.equal(kept.contiguous().view(torch.int32), as_bits)
    changed = values.clone()
    assert put(-1.0, mask, changed) is changed
    torch.testing.assert_close(changed, values.masked_fill(mask, -1), equal_nan=True)


def test_long_and_half_tensors_are_counted_too(monkeypatch):
    monkeypatch.setattr(elementwise, "_CHUNK", 7)
    values = torch.arange(40.0).reshape(5, 8) % 3
    assert count_nonzero(values) == count_nonzero(values.bfloat16()) == 26
    assert count_nonzero(torch.nn.Parameter(values)) == 26


@pytest.mark.parametrize("columns", [1, 5, 48])
def test_columns_go_alike_on_every_device(columns):
    rng = torch.Generator().manual_seed(columns)
    values = torch.randn(columns, 30, generator=rng)
    goes = (torch.rand(columns, 30, generator=rng) < 0.5).float()
    takes = 0.1 * torch.randn(columns, columns, generator=rng).tril(-1)
    one = [values.clone(), goes, torch.empty_like(values), takes]
    other = [part.clone() for part in one]
    sparsegpt._lose_in_turn(*(part.numpy() for part in one))
    sparsegpt._lose_on_device(*other)
    torch.testing.assert_close(one[0], other[0])
    torch.testing.assert_close(one[2], other[2])
