"""How a reader of others' files refuses, in one line, what they were never meant to hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from illusion_lib.errors import IllusionError, one_line


@contextmanager
def understood(what: object, refusal: type[IllusionError]) -> Iterator[None]:
    """Turn whatever a strange file provokes in the code that reads it into one clear line.

    Only for formats that others write, where no list of what may be wrong is complete.

    Parameters
    ----------
    what
        The file or folder that is read.
    refusal
        What is raised in place of anything that is not an `IllusionError` already.
    """
    try:
        yield
    except IllusionError:
        raise
    except OSError as error:
        raise refusal(f"{what} cannot be read ({one_line(error)}); check the path") from error
    except Exception as error:  # a stranger's file may break a parser in any way there is
        line = f"{type(error).__name__}: {one_line(error)}"
        raise refusal(f"{what} does not hold what it should ({line}); write it anew") from error
