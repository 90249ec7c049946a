"""Where the keys and values of encoded prompts lie, with room for what continues them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import pad

States = tuple[Tensor, Tensor]  # keys and values
_ROOM = 16  # slots; a full store grows by multiples of it


class Store:
    """Keys and values of prompts, one row each; what is not a prompt's own is scratch.

    A token's keys and values are written in place, and who may see them is decided by a mask. So a
    prompt can be continued again and again without a copy, one continuation after the other.

    Attributes
    ----------
    rows, slots
        Number of prompts, and of tokens that each has room for.
    """

    def __init__(self, rows: int, slots: int) -> None:
        self.rows, self.slots = rows, slots
        # Per layer, (rows, slots, heads, width); made when the layer is first written.
        self._layers: dict[int, States] = {}
        self._owner: list[object] = [None]  # shared by all views

    def select(self, rows: Sequence[int]) -> Store:
        """Return some of the rows: a view if they are neighbours, else a copy."""
        other = Store(len(rows), self.slots)
        first, stop = rows[0], rows[-1] + 1
        if list(rows) == list(range(first, stop)):
            other._owner = self._owner
            part: slice | list[int] = slice(first, stop)
        else:
            part = list(rows)
        other._layers = {
            n: (keys[part], values[part]) for n, (keys, values) in self._layers.items()
        }
        return other

    def make_room(self, slots: int) -> None:
        """Let every row hold at least so many tokens; what is held stays."""
        if slots <= self.slots:
            return
        missing = -(-(slots - self.slots) // _ROOM) * _ROOM
        self.slots += missing
        for layer, (keys, values) in self._layers.items():
            self._layers[layer] = (
                pad(keys, (0, 0, 0, 0, 0, missing)),
                pad(values, (0, 0, 0, 0, 0, missing)),
            )

    def write(
        self, layer: int, rows: Tensor, slots: Tensor, keys: Tensor, values: Tensor
    ) -> States:
        """Write the keys and values of some tokens, and return all of the layer's.

        Parameters
        ----------
        layer
            Number of the layer.
        rows, slots
            Where each token goes; (tokens,).
        keys, values
            (tokens, heads, width).

        Returns
        -------
        keys, values : Tensor
            (rows, slots, heads, width); not to be changed.
        """
        if layer not in self._layers:
            self._layers[layer] = self._empty(keys), self._empty(values)
        held_keys, held_values = self._layers[layer]
        held_keys[rows, slots], held_values[rows, slots] = keys, values
        return held_keys, held_values

    def copy_from(self, other: Store, rows: Tensor) -> None:
        """Begin every row with what a row of another store holds; `rows` is (rows,)."""
        for layer, (keys, values) in other._layers.items():
            begun = self._empty(keys[0]), self._empty(values[0])
            begun[0][:, : other.slots], begun[1][:, : other.slots] = (
                keys[rows.to(keys.device)],
                values[rows.to(values.device)],
            )
            self._layers[layer] = begun

    def _empty(self, like: Tensor) -> Tensor:
        """Return room for all tokens; `like` is (tokens, heads, width)."""
        return like.new_zeros(self.rows, self.slots, *like.shape[1:])

    def lend(self, owner: object) -> None:
        """Give the room beyond the prompts to a continuation; an earlier one has lost it."""
        self._owner[0] = owner

    def is_lent_to(self, owner: object) -> bool:
        """Whether nobody took the room since it was lent."""
        return self._owner[0] is owner
