"""Question items: loading, validation, and matching of answers per language."""

from illusion_lib.items.facts import facts_removed
from illusion_lib.items.item import Item
from illusion_lib.items.load import items_hash, items_removed, load_items
from illusion_lib.items.matching import matches
from illusion_lib.items.sources import Removed

__all__ = [
    "Item",
    "Removed",
    "facts_removed",
    "items_hash",
    "items_removed",
    "load_items",
    "matches",
]
