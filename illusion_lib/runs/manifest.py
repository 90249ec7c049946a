"""What tells where a cell's records come from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from illusion_lib.errors import StoreError

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that tells where a cell's records come from.

    Attributes
    ----------
    key
        Content key of the cell.
    spec
        The canonical specification, as JSON.
    created
        UTC time at which the cell was finished, ISO 8601.
    versions
        Of Python, illusion_lib and the libraries that compute.
    device, dtype, threads
        Where it was computed.
    checkpoint
        Fingerprint of the checkpoint's files.
    checkpoint_note
        What a reader must know of the weights.
    weights_before, weights_after
        Fingerprints of all parameters before and after pruning; before: as the first cell of the
        study that read this checkpoint found them.
    pruning
        The pruning report: achieved sparsity per layer, damping, notes.
    calibration_sha256
        Of the token windows, where the method reads any.
    items
        Number of items, their hash and their sources.
    prompts
        Prompt style, template texts and their hash.
    scoring_path
        How continuations were computed: ``packed``, ``expanded`` or ``recompute``; ``expanded``,
        too, where some prompts are longer than half the network's sliding window.
    memory_halvings
        How often memory ran out while the questions were asked, and batches were halved.
    batch_flips
        In a dtype of 16 bits: of how many ``items``, asked together and one by one, the option
        picked (``choice``) and the answer (``open``) differ, and by how many ``nats`` an option's
        log-prob moves at most. Empty in float32, where none differs.
    seconds
        Wall time by stage.
    records_sha256
        Of the Parquet file beside the manifest.
    """

    key: str
    spec: dict[str, Any]
    created: str
    versions: dict[str, str]
    device: str
    dtype: str
    threads: int
    checkpoint: str
    checkpoint_note: str
    weights_before: str
    weights_after: str
    pruning: dict[str, Any]
    calibration_sha256: str | None
    items: dict[str, Any]
    prompts: dict[str, Any]
    scoring_path: str
    memory_halvings: int = 0
    batch_flips: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    records_sha256: str = ""


_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "str | None": (str, type(None)),
    "dict[str, Any]": (dict,),
    "dict[str, str]": (dict,),
    "dict[str, float]": (dict,),
    "dict[str, int]": (dict,),
}
_FIELDS = {entry.name: _KINDS[str(entry.type)] for entry in fields(Manifest)}


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in a cell's folder.

    Raises
    ------
    StoreError
        It is missing, cannot be read, or is not a manifest of this version.
    """
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes(), path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error})") from error


def parse_manifest(text: bytes, path: Path) -> Manifest:
    """Return the manifest in a file's bytes; `read_manifest` says what is raised."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} holds no manifest")
    for name, value in content.items():
        if not isinstance(value, _FIELDS.get(name, ())):
            raise StoreError(f"{path}: field {name!r} is not one that this version writes")
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise StoreError(f"{path}: {error}") from error
    for name in ("seconds", "batch_flips"):
        if not all(isinstance(value, int | float) for value in getattr(manifest, name).values()):
            raise StoreError(f"{path}: field {name!r} holds something that is no number")
    return manifest
