"""Write a pruned checkpoint that transformers loads unchanged, with a card that says how."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from illusion_lib.errors import StoreError
from illusion_lib.models import Model, load_model, quiet
from illusion_lib.pruning import PruneReport, calibrate, prune
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec


def export_pruned(
    model: ModelSpec,
    spec: PruneSpec,
    calibration: CalibrationSpec,
    folder: Path,
    *,
    force: bool = False,
    device: str = "auto",
) -> PruneReport:
    """Prune a model and write it to `folder`, whole or not at all.

    Parameters
    ----------
    model, spec, calibration
        What to prune, how, and on which token windows.
    folder
        New folder; an existing one is replaced only with `force`.
    device
        Passed to `load_model`.

    Raises
    ------
    StoreError
        `folder` exists and `force` is off, or it cannot be written.
    """
    if folder.exists() and not force:
        raise StoreError(f"{folder} exists; choose another folder or add --force to replace it")
    loaded = load_model(model, device)
    windows = None
    if METHODS[spec.method].calibrated:
        windows = calibrate(
            loaded, calibration.source, calibration.samples, calibration.length, calibration.seed
        )
    report = prune(loaded, spec, windows)
    _write(loaded, _card(loaded, spec, calibration, report), folder)
    return report


def _write(model: Model, card: str, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as scratch:
            whole = Path(scratch) / folder.name
            with quiet():
                model.net.save_pretrained(whole)
                model.tokenizer.save_pretrained(whole)
            (whole / "README.md").write_text(card, encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            whole.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot write {folder} ({error.strerror or error})") from error


def _card(model: Model, spec: PruneSpec, calibration: CalibrationSpec, report: PruneReport) -> str:
    """Return the model card as Markdown."""
    text = [f"# {model.spec.slug}, {spec.label}", ""]
    text += [f"Pruned from `{model.spec.name}` (checkpoint {model.fingerprint[:16]})."]
    text += [model.note] if model.note else []
    text += ["", f"- method: {METHODS[spec.method].label}, statistics: {spec.statistics}"]
    if METHODS[spec.method].calibrated:
        text += [
            f"- calibration: {calibration.samples} windows of {calibration.length} tokens, "
            f"source {calibration.source}, seed {calibration.seed}"
        ]
    text += [
        f"- achieved sparsity over the pruned layers: {report.sparsity:.4f}",
        "",
        "Unstructured zeros make a model neither smaller nor faster by themselves.",
        "",
        "| layer | sparsity |",
        "|---|---|",
    ]
    text += [f"| {layer.name} | {layer.sparsity:.4f} |" for layer in report.layers]
    return "\n".join(text) + "\n"
