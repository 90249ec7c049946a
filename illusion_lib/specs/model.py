"""Which checkpoint is looked at."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from illusion_lib.specs.checks import one_of, refuse

DType = Literal["auto", "float32", "bfloat16"]
_LONGEST = 255  # bytes of a part of a path


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which checkpoint.

    Attributes
    ----------
    name
        An embedded name, a hub id, a local folder or a ``.gguf`` file.
    revision
        Of a hub id: a commit or a tag.
    dtype
        ``auto`` takes bfloat16 where it is fast, else float32.
    trust_remote_code
        Whether the checkpoint's own Python code may run; off unless you know its author.
    parameters
        Number of weights; only for the cost estimate of a checkpoint not fetched yet.
    """

    name: str
    revision: str | None = None
    dtype: DType = "auto"
    trust_remote_code: bool = False
    parameters: float | None = None

    def __post_init__(self) -> None:
        refuse(not self.name.strip(), "the model's name is empty; give a name, hub id or path")
        longest = max(len(part.encode("utf-8", "replace")) for part in _parts(self.name))
        refuse(
            longest > _LONGEST or "\0" in self.name,
            f"the model's name {self.name[:40]!r}... is too long or holds a NUL; no file has it",
        )
        one_of(self.dtype, get_args(DType), "dtype")

    @property
    def slug(self) -> str:
        """The model's short name, fit for a file name."""
        last = _parts(self.name.rstrip("/\\"))[-1]
        slug = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:64]
        return slug or hashlib.sha256(self.name.encode()).hexdigest()[:12]


def _parts(name: str) -> list[str]:
    return re.split(r"[/\\]", name)
