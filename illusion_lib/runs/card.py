"""What a pruned checkpoint's model card says: method, calibration, sparsity, perplexity."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from illusion_lib.models import Model
from illusion_lib.pruning import Perplexity, PruneReport
from illusion_lib.pruning.corpus import SELF
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import CalibrationSpec, PruneSpec, parse_pattern

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    report
        What pruning did to every layer.
    dense, pruned
        Perplexity before and after, on the same windows.
    text
        Where these windows come from: ``self``, or a text file.
    """

    report: PruneReport
    dense: Perplexity
    pruned: Perplexity
    text: str


def model_card(model: Model, spec: PruneSpec, calibration: CalibrationSpec, done: Exported) -> str:
    """Return the card as Markdown, headed by the metadata that a model hub reads.

    Parameters
    ----------
    model
        The pruned model.
    spec, calibration
        What was asked for.
    done
        What came of it.
    """
    report = done.report
    text = [*_metadata(model, spec), f"# {model.spec.slug}, {spec.label}", ""]
    text += [f"Pruned from `{model.spec.name}` (checkpoint {model.fingerprint[:16]})."]
    text += [model.note] if model.note else []
    text += ["", *_request(spec, calibration)]
    sampled = "held-out text sampled from the dense model"
    where = sampled if done.text == SELF else f"`{done.text}`"
    text += [
        f"- achieved sparsity: {report.sparsity:.4f} of the pruned layers, "
        f"{report.model_sparsity:.4f} of all parameters",
        f"- perplexity on {where} ({done.dense.windows} windows of {done.dense.length} tokens): "
        f"dense {done.dense.value:.3f}, pruned {done.pruned.value:.3f}",
        *(f"- note: {note}" for note in report.notes),
        f"- made with illusion-lib {version('illusion-lib')}, weights in {model.spec.dtype}",
        "",
        "Unstructured zeros make a model neither smaller nor faster by themselves.",
        "",
        "| layer | sparsity | note |",
        "|---|---|---|",
    ]
    text += [f"| {layer.name} | {layer.sparsity:.4f} | {layer.note} |" for layer in report.layers]
    return "\n".join(text) + "\n"


def _metadata(model: Model, spec: PruneSpec) -> list[str]:
    """Return the YAML head: what the card of a model on a hub is found by."""
    name = model.spec.name
    from_hub = bool(_HUB_ID.fullmatch(name)) and not Path(name).exists()
    return [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        *([f"base_model: {json.dumps(name)}"] if from_hub else []),
        f"tags: [compressed, {spec.method}]",
        "---",
        "",
    ]


def _request(spec: PruneSpec, calibration: CalibrationSpec) -> list[str]:
    """Return a line for the method, the pattern, each setting, and the calibration."""
    method = METHODS[spec.method]
    text = [f"- method: {method.label}"]
    if spec.pattern:
        kept, group = parse_pattern(spec.pattern)
        text += [f"- pattern: {kept} kept of every {group} consecutive weights of a row"]
    text += [f"- {name}: {getattr(spec, name)}" for name in method.settings]
    if method.calibrated:
        text += [
            f"- calibration: {calibration.samples} windows of {calibration.length} tokens, "
            f"source {calibration.source}, seed {calibration.seed}"
            + (f", languages {', '.join(calibration.languages)}" if calibration.languages else "")
        ]
    return text
