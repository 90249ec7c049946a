"""A store returns what was written, shares memory with its parts, and grows without loss."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.probes.store import Store

HEADS, WIDTH = 2, 3


def filled(rows: int, slots: int) -> tuple[Store, torch.Tensor]:
    """Return a store whose every slot holds its own number, and those numbers."""
    store = Store(rows, slots)
    row, slot = (
        index.flatten()
        for index in torch.meshgrid(torch.arange(rows), torch.arange(slots), indexing="ij")
    )
    states = (row * slots + slot)[:, None, None].expand(-1, HEADS, WIDTH).float()
    keys, values = store.write(0, row, slot, states, -states)
    assert torch.equal(keys, -values)
    return store, keys.clone()


def read(store: Store) -> torch.Tensor:
    nothing = torch.zeros(0, dtype=torch.long)
    return store.write(0, nothing, nothing, *torch.zeros(2, 0, HEADS, WIDTH))[0]


@given(st.integers(1, 5), st.integers(1, 6), st.data())
def test_parts_hold_what_the_whole_holds(rows, slots, data):
    store, keys = filled(rows, slots)
    chosen = data.draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=6))
    assert torch.equal(read(store.select(chosen)), keys[chosen])


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 40))
def test_growing_keeps_what_is_held(rows, slots, more):
    store, keys = filled(rows, slots)
    store.make_room(slots + more)
    grown = read(store)
    assert grown.shape[1] == store.slots >= slots + more
    assert torch.equal(grown[:, :slots], keys)
    assert not grown[:, slots:].any()


def test_neighbours_are_a_view_and_others_a_copy():
    for rows, shared in (([1, 2], True), ([0, 2], False), ([2, 1], False)):
        store, _ = filled(4, 3)
        part = store.select(rows)
        index = torch.tensor([0])
        part.write(0, index, index, *torch.full((2, 1, HEADS, WIDTH), 99.0))
        assert bool((read(store)[rows[0], 0] == 99).all()) is shared


def test_only_the_last_continuation_has_the_room():
    store, _ = filled(3, 2)
    part, other = store.select([0, 1]), store.select([2, 0])
    store.lend("first")
    assert part.is_lent_to("first")
    part.lend("second")
    assert not store.is_lent_to("first")
    other.lend("third")
    assert store.is_lent_to("second")


def test_rows_begin_with_what_another_store_holds():
    other, keys = filled(2, 3)
    store = Store(3, 5)
    store.copy_from(other, torch.tensor([1, 0, 1]))
    assert torch.equal(read(store)[:, :3], keys[[1, 0, 1]])
