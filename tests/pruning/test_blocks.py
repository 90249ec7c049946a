from __future__ import annotations

import pytest
import torch
from torch import nn

from illusion_lib.errors import PruneError
from illusion_lib.pruning.blocks import find_blocks


class Expert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)


class Mixture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Expert() for _ in range(6))
        self.switch = nn.Linear(8, 6)
        self.shared = Expert()
        self.shared_switch = nn.Linear(8, 1)


class Decoder(nn.Module):
    def __init__(self, blocks: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Embedding(4, 8), nn.Linear(8, 8))
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(9))
        self.tower = nn.ModuleList(nn.Sequential(nn.Linear(4, 4)) for _ in range(20))
        self.stack = nn.ModuleList(Mixture() for _ in range(blocks))
        self.head = nn.Linear(8, 4)


def test_the_stack_with_most_weights_is_found_whatever_its_name():
    blocks = find_blocks(Decoder())
    assert [block.name for block in blocks] == ["stack.0", "stack.1", "stack.2"]


def test_experts_are_matrices_and_routers_are_not():
    names = [m.name for m in find_blocks(Decoder())[0].matrices]
    assert len(names) == 2 * 6 + 2
    assert "stack.0.experts.5.down" in names
    assert not any("switch" in name for name in names)


def test_a_subclass_of_linear_is_a_linear():
    class Scaled(nn.Linear):
        pass

    net = nn.Module()
    net.layers = nn.ModuleList([nn.Sequential(Scaled(4, 4)), nn.Sequential(nn.Linear(4, 4))])
    assert [m.name for b in find_blocks(net) for m in b.matrices] == ["layers.0.0", "layers.1.0"]


def test_a_matrix_shared_by_blocks_is_pruned_once():
    shared = nn.Linear(4, 4)
    net = nn.Module()
    net.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), shared) for _ in range(2))
    assert [m.name for b in find_blocks(net) for m in b.matrices] == [
        "layers.0.0", "layers.0.1", "layers.1.0",
    ]  # fmt: skip


def test_a_model_without_blocks_is_refused():
    with pytest.raises(PruneError, match="no list of blocks"):
        find_blocks(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))


def test_experts_in_an_unknown_layout_are_refused():
    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.num_experts = 3
            self.weight = nn.Parameter(torch.zeros(3, 4, 4))

    net = nn.Module()
    net.layers = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), Fused())])
    with pytest.raises(PruneError, match=r"layers\.0\.1\.weight.*unknown|layers\.0\.1\.weight"):
        find_blocks(net)


def test_offloaded_weights_are_refused():
    net = nn.Module()
    net.layers = nn.ModuleList([nn.Sequential(nn.Linear(4, 4, device="meta"))])
    with pytest.raises(PruneError, match="offloaded"):
        find_blocks(net)


def test_transposed_and_expert_matrices_read_and_write_in_place():
    from transformers.pytorch_utils import Conv1D

    net = nn.Module()
    net.layers = nn.ModuleList([nn.Sequential(Conv1D(3, 5))])
    (matrix,) = find_blocks(net)[0].matrices
    assert (matrix.rows, matrix.columns) == (3, 5)
    weight = torch.arange(15.0).view(3, 5)
    matrix.write(weight)
    assert torch.equal(net.layers[0][0].weight.detach(), weight.T)
