from __future__ import annotations

import pytest
import torch
from torch import nn

from illusion_lib.errors import PruneError
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.replay import open_streams


class Toy(nn.Module):
    """A decoder whose way between the blocks can be chosen."""

    def __init__(self, order, between=lambda h: h) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4)) for _ in range(3))
        self.order, self.between = order, between

    def forward(self, input_ids, use_cache):
        hidden = nn.functional.one_hot(input_ids, 4).float()
        for index in self.order:
            hidden = self.between(self.layers[index](hidden))
        return hidden


TOKENS = torch.tensor([[0, 1, 2, 3]])


@torch.no_grad()
def test_a_plain_decoder_is_replayed():
    net = Toy([0, 1, 2])
    blocks = find_blocks(net)
    (stream,) = open_streams(net, blocks, [TOKENS])
    for index, block in enumerate(blocks):
        stream.hidden = stream.run(index, block.module)
    torch.testing.assert_close(stream.hidden, net(TOKENS, use_cache=False))


@pytest.mark.parametrize("order", [[0, 0, 1, 2], [1, 0, 2], [2]])
def test_blocks_out_of_turn_are_refused(order):
    net = Toy(order)
    with pytest.raises(PruneError, match="out of turn"):
        open_streams(net, find_blocks(net), [TOKENS])


def test_a_skipped_block_is_refused():
    net = Toy([0, 1])
    with pytest.raises(PruneError, match="ran 2 of 3 blocks"):
        open_streams(net, find_blocks(net), [TOKENS])


def test_a_change_between_blocks_is_refused():
    net = Toy([0, 1, 2], between=lambda hidden: 2 * hidden)
    with pytest.raises(PruneError, match=r"states before layers\.1"):
        open_streams(net, find_blocks(net), [TOKENS])
    assert not any("forward" in module.__dict__ for module in net.modules())
