"""Which texts lie behind the name of a calibration source? Read without torch."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from illusion_lib.errors import SpecError, one_line

SELF = "self"
_HUB = "hub:"
_C4 = "hub:allenai/c4/en/c4-train.00000-of-01024.json.gz"  # the shard that the papers draw from
_LINES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")  # one JSON object a line


def identity(source: str) -> str:
    """Return what tells one calibration text from another: the hash of a file, a hub file's name.

    Raises
    ------
    SpecError
        The file cannot be read.
    """
    source = _resolved(source)
    if source == SELF or source.startswith(_HUB):
        return source
    try:
        with Path(source).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error


def is_documents(source: str) -> bool:
    """Return whether a source holds many texts, rather than one, or token ids."""
    return _resolved(source).endswith(_LINES)


def is_tokens(source: str) -> bool:
    """Return whether a source holds token ids."""
    return _resolved(source).endswith(".npy")


def read_text(source: str) -> str:
    """Return a UTF-8 text file."""
    try:
        return _local(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(source, error) from error


def read_documents(source: str) -> list[str]:
    """Return the field ``text`` of every line of a JSON-lines file, which may be gzipped.

    Raises
    ------
    SpecError
        The file cannot be read, or a line is no JSON object with a text.
    """
    path = _local(source)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return [
                _text(line, path, number) for number, line in enumerate(file, 1) if line.strip()
            ]
    except (OSError, EOFError) as error:
        raise _unreadable(source, error) from error


def read_tokens(source: str) -> npt.NDArray[np.int64]:
    """Return an array of token ids: a long text (tokens,) or windows (samples, length)."""
    try:
        tokens = np.load(_local(source), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(source, error) from error
    if (
        not isinstance(tokens, np.ndarray)
        or tokens.dtype.kind not in "iu"
        or tokens.ndim not in (1, 2)
    ):
        raise SpecError(
            f"calibration source {source!r} must be integers (tokens,) or (samples, length)"
        )
    return tokens.astype(np.int64)


def _text(line: bytes, path: Path, number: int) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise SpecError(f"{path}, line {number}: expected a JSON object with a field 'text'")
    return text


def _resolved(source: str) -> str:
    return _C4 if source == "c4" else source


def _local(source: str) -> Path:
    """Return the file behind a source, fetched from the hub on first use."""
    source = _resolved(source)
    if not source.startswith(_HUB):
        return Path(source).expanduser()
    owner, _, rest = source.removeprefix(_HUB).partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file):
        raise SpecError(f"calibration source {source!r} is not hub:owner/name/path/of/file")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(f"{owner}/{name}", file, repo_type="dataset"))
    except Exception as error:  # the hub client raises many kinds; all mean "not to be had"
        raise SpecError(
            f"cannot get {source!r} from the hub ({type(error).__name__}: {one_line(error)}); "
            "check the name and the network, or give a local file"
        ) from error


def _unreadable(source: str, error: Exception) -> SpecError:
    kinds = {UnicodeDecodeError: "it is not UTF-8 text", EOFError: "the file ends too early"}
    reason = kinds.get(type(error)) or getattr(error, "strerror", None) or str(error)
    return SpecError(
        f"cannot read calibration source {source!r} ({reason}); "
        f"give a text, .jsonl or .npy file, or {SELF!r} to sample from the model"
    )
