"""Write a pruned checkpoint that transformers loads unchanged, with a card that says how."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from illusion_lib.errors import SpecError, StoreError
from illusion_lib.models import Model, load_model
from illusion_lib.pruning import calibrate, perplexity, prune, text_windows
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.checks import check_layers
from illusion_lib.pruning.corpus import SELF, identity
from illusion_lib.pruning.registry import DENSE, METHODS
from illusion_lib.quiet import quiet
from illusion_lib.runs.card import Exported, model_card
from illusion_lib.runs.journal import FolderJournal
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec

Progress = Callable[[str, int, int], None]
# Held-out text is the model's own as well, of a draw that no calibration is likely to use.
_HELD_OUT_SAMPLES = 8
_HELD_OUT_DRAWS = 1_000_003  # between a calibration seed and that of its held-out text


def export_pruned(
    model: ModelSpec,
    spec: PruneSpec,
    calibration: CalibrationSpec,
    folder: Path,
    *,
    text: str = SELF,
    force: bool = False,
    device: str = "auto",
    stream: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Exported:
    """Prune a model and write it to `folder`, whole or not at all.

    A run that was killed leaves a hidden folder beside `folder`; asked for the same again, it goes
    on at the next block.

    Parameters
    ----------
    model, spec, calibration
        What to prune, how, and on which token windows.
    folder
        New folder; an existing one is replaced only with `force`.
    text
        On what perplexity is measured: ``self`` is held-out text of the dense model, of another
        draw than the calibration; anything else the path of a text file.
    device
        Passed to `load_model`.
    stream
        Leave the model in main memory and bring one block at a time to `device`.
    progress
        Called with the name of a step, the work done and the total.

    Raises
    ------
    StoreError
        `folder` exists and `force` is off, or it cannot be written.
    """
    if folder.exists() and not force:
        raise StoreError(f"{folder} exists; choose another folder or add --force to replace it")
    if stream and device == "balanced":
        raise SpecError("--stream needs one device, not 'balanced'; give cuda, or leave it out")
    progress("load", 0, 1)
    loaded = load_model(model, "cpu" if stream else device)
    if spec.method != DENSE:
        check_layers(find_blocks(loaded.net), spec)
    try:
        journal = FolderJournal(
            folder.parent / f".{folder.name}.unfinished", _key(loaded, spec, calibration)
        )
        windows = None
        if METHODS[spec.method].calibrated:
            progress("calibrate", 0, 1)
            windows = journal.windows(
                "calibration", lambda: calibrate(loaded, **asdict(calibration))
            )
        progress("perplexity", 0, 1)
        held_out = _held_out(loaded, text, calibration, journal)
        dense = perplexity(loaded, held_out)
        report = prune(
            loaded,
            spec,
            windows,
            device=_accelerator(device) if stream else None,
            journal=journal,
            progress=lambda done, total: progress("prune", done, total),
        )
        exported = Exported(report, dense, perplexity(loaded, held_out), text)
        progress("write", 0, 1)
        _write(loaded, model_card(loaded, spec, calibration, exported), folder)
        journal.remove()
    except OSError as error:
        raise StoreError(f"cannot write {folder} ({error.strerror or error})") from error
    return exported


def _held_out(
    model: Model, text: str, calibration: CalibrationSpec, journal: FolderJournal
) -> torch.Tensor:
    length = calibration.length
    if text != SELF:
        return text_windows(model, text, length)
    draw = calibration.seed + _HELD_OUT_DRAWS
    return journal.windows(
        "held-out",
        lambda: calibrate(model, samples=_HELD_OUT_SAMPLES, length=length, seed=draw),
    )


def _accelerator(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _key(model: Model, spec: PruneSpec, calibration: CalibrationSpec) -> str:
    """Return the hash of all that the pruned weights depend on."""
    source = identity(calibration.source) if METHODS[spec.method].calibrated else ""
    content = [asdict(spec), asdict(calibration), source, model.fingerprint, model.spec.dtype]
    text = json.dumps([*content, version("illusion-lib"), version("torch")])
    return hashlib.sha256(text.encode()).hexdigest()


def _write(model: Model, card: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as scratch:
        whole = Path(scratch) / folder.name
        with quiet():
            model.net.save_pretrained(whole)
            model.tokenizer.save_pretrained(whole)
        (whole / "README.md").write_text(card, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        whole.rename(folder)
