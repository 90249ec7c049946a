"""Question items: loading, validation, and matching of answers per language."""

from illusion_lib.items.item import Item

__all__ = ["Item"]
