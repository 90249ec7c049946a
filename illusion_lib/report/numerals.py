"""How numbers are written: sensible digits, true minus signs, intervals, a dash for nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd

MISSING = "–"
Format = Callable[[Any], str]


def absent(value: Any) -> bool:
    """Return whether a value is None, NaN or NA."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def percent(value: float) -> str:
    """Return a share in per cent without digits: ``62 %``; the space does not break."""
    return f"{_rounded(100 * value, 0)}\u00a0%"


def share(value: float) -> str:
    """Return a share or a correlation with two digits: ``0.71``."""
    return f"{_rounded(value, 2)}".replace("-", "−")


def signed(value: float) -> str:
    """Return a difference with its sign, a true minus, and two digits: ``−0.12``."""
    return f"{_rounded(value, 2):+}".replace("-", "−").replace("+0.00", "0.00")


def count(value: float) -> str:
    """Return a whole number with thin thousands: ``1 188``."""
    return f"{int(value):,}".replace(",", "\u202f")


def nats(value: float) -> str:
    """Return a log-probability with two digits and a true minus."""
    return f"{value:.2f}".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p-value as it is read: ``0.012``, ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _rounded(value: float, digits: int) -> Decimal:
    """Return a number with so many digits, halves away from zero; never minus zero.

    A share such as 14 of 80 lies on a half: ``format`` would write 0.17 of what ``18 %`` says.
    """
    rounded = Decimal(repr(round(float(value), 9))).quantize(
        Decimal(1).scaleb(-digits), ROUND_HALF_UP
    )
    return rounded if rounded else abs(rounded)


def interval(low: float | None, high: float | None, number: Format = share) -> str:
    """Return ``[0.47, 0.70]``, or a dash where there is none."""
    if absent(low) or absent(high):
        return MISSING
    return f"[{number(low)}, {number(high)}]"


def with_interval(
    value: float | None, low: float | None, high: float | None, number: Format = share
) -> str:
    """Return ``0.59 [0.47, 0.70]``."""
    if absent(value):
        return MISSING
    return f"{number(value)} {interval(low, high, number)}".removesuffix(f" {MISSING}")
