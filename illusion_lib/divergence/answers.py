"""How analyses of one table of results share what each of them would make of it first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from inspect import signature
from typing import Concatenate, ParamSpec

import pandas as pd

_P = ParamSpec("_P")


class Answers:
    """A table of results, and what has been made of it so far.

    Whatever takes records takes this too and returns the same; a page with many analyses of one
    table then brings it into shape, pairs its items and looks up its searches once, not each time.

    Parameters
    ----------
    records
        Any table that `tidy` accepts; it must not be changed afterwards.
    """

    def __init__(self, records: pd.DataFrame) -> None:
        self.records = records
        self._made: dict[Hashable, pd.DataFrame] = {}

    def once(self, key: Hashable, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return a copy of what is kept under `key`, made now if it is not there."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key].copy(deep=False)


Records = pd.DataFrame | Answers
_Analysis = Callable[Concatenate[Records, _P], pd.DataFrame]


def shared(analysis: _Analysis[_P]) -> _Analysis[_P]:
    """Let a function of records keep its result in the `Answers` that it is given."""
    parameters = signature(analysis)

    @wraps(analysis)
    def kept(records: Records, /, *args: _P.args, **kwargs: _P.kwargs) -> pd.DataFrame:
        if not isinstance(records, Answers):
            return analysis(records, *args, **kwargs)
        given = parameters.bind(records, *args, **kwargs)
        given.apply_defaults()
        key = (analysis.__name__, *list(given.arguments.values())[1:])
        return records.once(key, lambda: analysis(records, *args, **kwargs))

    return kept
