"""How a spec refuses a value."""

from __future__ import annotations

from illusion_lib.errors import SpecError


def refuse(condition: bool, message: str) -> None:
    """Raise a `SpecError` with `message` where `condition` holds."""
    if condition:
        raise SpecError(message)


def one_of(value: str, allowed: tuple[str, ...], what: str) -> None:
    """Refuse a value that is not among those allowed, and list them."""
    refuse(value not in allowed, f"unknown {what} {value!r}; choose one of: {', '.join(allowed)}")
