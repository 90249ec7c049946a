"""The errors a user can cause: each carries one line that says what, where and how to fix it."""

from __future__ import annotations


class IllusionError(Exception):
    """Base of every refusal; the command line prints its text and exits with status 2."""


class SpecError(IllusionError, ValueError):
    """A specification asks for something that does not exist or cannot be."""


class ItemError(IllusionError, ValueError):
    """A question item is malformed: missing field, duplicate id, gold among the distractors."""


class ModelError(IllusionError, RuntimeError):
    """A checkpoint cannot be found, fetched, trusted or loaded."""


class PruneError(IllusionError, RuntimeError):
    """A model cannot be pruned as asked: n:m does not divide a layer, a Gram is singular."""


class StoreError(IllusionError, RuntimeError):
    """A run store is damaged, full or not writable."""


class ReportError(IllusionError, RuntimeError):
    """A notebook or the book failed; the message names the page and the cell."""


class RecordError(IllusionError, ValueError):
    """A table of results cannot be read: a column is missing, a row is doubled."""


class AnchorError(IllusionError, ValueError):
    """A response matrix, a file of responses or an anchor estimator cannot be used as asked."""


def one_line(error: Exception, most: int = 200) -> str:
    """Return another library's message as one line of at most `most` characters."""
    return " ".join(str(error).split())[:most]
