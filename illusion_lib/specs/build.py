"""Read a spec from a mapping, as YAML and JSON give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from illusion_lib.errors import SpecError
from illusion_lib.specs.checks import refuse

Spec = TypeVar("Spec")


def build(cls: type[Spec], content: Mapping[str, Any], where: str) -> Spec:
    """Return a spec from a mapping read from YAML or JSON.

    Parameters
    ----------
    cls
        A frozen dataclass of this package.
    content
        Field names and values; lists become tuples.
    where
        Place named in the error: a file, or a file and a key.

    Raises
    ------
    SpecError
        A field is unknown or missing, or a value is refused.
    """
    refuse(not isinstance(content, Mapping), f"{where}: expected a mapping, got {content!r}")
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]  # every spec is a dataclass
    for name in content:
        refuse(name not in known, f"{where}: unknown field {name!r}; known are: {', '.join(known)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    try:
        return cls(**values)
    except (TypeError, SpecError) as error:
        raise SpecError(f"{where}: {error}") from error
