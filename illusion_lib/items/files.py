"""Where the files of a public data set are: in a local folder, or on the Hugging Face hub."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from illusion_lib.errors import ItemError, one_line


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set on the hub.

    Attributes
    ----------
    label
        Its name for a reader.
    repository, revision
        Data set repository, and the commit (or branch) whose files are read.
    licence
        As its card states it.
    """

    label: str
    repository: str
    revision: str
    licence: str


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a data set, ready to read.

    Attributes
    ----------
    paths
        (part, path) pairs, sorted by part: a part is a language, or the whole set.
    digest
        SHA-256 over all of them: names the content, wherever it lies.
    source
        Set, revision and licence in one line.
    """

    paths: tuple[tuple[str, Path], ...]
    digest: str
    source: str


def find_files(
    data: DataSet,
    path: str | None,
    local: Mapping[str, Sequence[str]],
    remote: Mapping[str, str],
) -> Files:
    """Return the files of a set.

    Parameters
    ----------
    data
        Which set.
    path
        A local folder; None fetches from the hub (or takes the hub client's own cache).
    local
        Part to the names under which its file may lie below `path`; a part without a file is left
        out.
    remote
        Part to the file's name in the hub's repository; all are fetched.

    Raises
    ------
    ItemError
        The folder does not exist or holds none of the files, or the hub cannot be reached.
    """
    if path is None:
        found = {part: _fetch(data, name) for part, name in remote.items()}
        commit = _commit(next(iter(found.values()))) or data.revision
        where = f"{data.repository}@{commit}"
        digest = _digest(found)
    else:
        found = _in_folder(data, Path(path), local)
        digest = _digest(found)
        where = f"local files, SHA-256 {digest[:16]}"
    return Files(tuple(sorted(found.items())), digest, f"{data.label} ({where}, {data.licence})")


@contextmanager
def reading(label: str, where: Callable[[], str]) -> Iterator[None]:
    """Turn whatever a set's file provokes in its reader into one line that names the place.

    Parameters
    ----------
    label
        What the file should be.
    where
        Returns the file and, as far as it is known, the place in it.
    """
    try:
        yield
    except ItemError as error:
        raise ItemError(f"{where()}: {error}") from None
    except (OSError, EOFError) as error:
        raise ItemError(f"{where()}: cannot be read ({one_line(error)}); check the path") from error
    except Exception as error:  # a stranger's file may break a parser in any way there is
        reason = f"{type(error).__name__}: {one_line(error, 120)}"
        raise ItemError(f"{where()}: not {label} ({reason}); fetch the file again") from error


def _in_folder(data: DataSet, folder: Path, local: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    if not folder.is_dir():
        raise ItemError(f"{data.label}: {folder} is no folder; give the folder that holds the set")
    found = {
        part: file
        for part, names in local.items()
        for file in [next((folder / name for name in names if (folder / name).is_file()), None)]
        if file is not None
    }
    if not found:
        wanted = next(iter(local.values()))
        raise ItemError(f"{data.label}: {folder} holds none of its files, such as {wanted[0]}")
    return found


def _fetch(data: DataSet, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        got = hf_hub_download(data.repository, name, repo_type="dataset", revision=data.revision)
    except Exception as error:  # the hub client raises many kinds; all mean "not to be had"
        raise ItemError(
            f"cannot get {data.label} ({data.repository}, {name}) from the hub "
            f"({type(error).__name__}: {one_line(error)}); check the network, or give the path of "
            "a folder that holds the set"
        ) from error
    return Path(got)


def _commit(path: Path) -> str | None:
    """Return the commit that a file of the hub client's cache belongs to."""
    parts = path.parts
    if "snapshots" not in parts[:-1]:
        return None
    return parts[len(parts) - parts[::-1].index("snapshots")]


def _digest(found: Mapping[str, Path]) -> str:
    digests = [(part, _file_digest(path, _stamp(path))) for part, path in sorted(found.items())]
    return hashlib.sha256(repr(digests).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=64)
def _file_digest(path: Path, stamp: tuple[int, int]) -> str:
    """Return a file's SHA-256, read once while its size and time (`stamp`) stay the same."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ItemError(f"{path}: cannot be read ({error.strerror}); check the path") from None
