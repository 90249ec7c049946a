"""Question items: loading, validation, and matching of answers per language."""

from illusion_lib.items.facts import Removed, facts_removed
from illusion_lib.items.item import Item
from illusion_lib.items.load import items_hash, load_items
from illusion_lib.items.matching import matches

__all__ = ["Item", "Removed", "facts_removed", "items_hash", "load_items", "matches"]
