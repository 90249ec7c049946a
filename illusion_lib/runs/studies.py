"""Studies by name or path: YAML in, `StudySpec` out, and the cells they consist of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from illusion_lib.errors import SpecError, one_line
from illusion_lib.specs import (
    CalibrationSpec,
    CellSpec,
    ModelSpec,
    ProbeSpec,
    PruneSpec,
    StudySpec,
    TaskSpec,
    build,
)

_SHIPPED = files("illusion_lib") / "data" / "studies"
_LARGEST = 1 << 16  # bytes
_DEEPEST = 32
_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


def shipped_studies() -> tuple[str, ...]:
    """Return the names of the studies that come with the package."""
    return tuple(sorted(p.name.removesuffix(".yml") for p in _SHIPPED.iterdir()))


def find_study(name: str | Path) -> StudySpec:
    """Return a study by the name of a shipped one or by the path of a YAML file.

    Raises
    ------
    SpecError
        There is no such study, or its file is not a valid one.
    """
    if str(name) in shipped_studies():
        return _parse((_SHIPPED / f"{name}.yml").read_text(encoding="utf-8"), f"study {name}")
    path = Path(name)
    if not path.is_file():
        raise SpecError(
            f"unknown study {str(name)!r}: neither a shipped one ({', '.join(shipped_studies())}) "
            "nor a YAML file"
        )
    if path.stat().st_size > _LARGEST:
        raise SpecError(f"{path} is larger than 64 KiB; a study is a short YAML file")
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8 text: {error.reason}") from error


def _parse(text: str, where: str) -> StudySpec:
    try:
        _refuse_bombs(text, where)
        content = yaml.safe_load(text)
    except SpecError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date, a number too long
        raise SpecError(f"{where} is not valid YAML: {one_line(error)}") from error
    return study_from(content, where)


def _refuse_bombs(text: str, where: str) -> None:
    """Refuse what no study needs: aliases, which make a short text large, tags, deep nesting."""
    depth = 0
    for token in yaml.scan(text):
        if isinstance(token, yaml.AliasToken):
            raise SpecError(f"{where}: YAML aliases (*name) are not accepted; write the value out")
        if isinstance(token, yaml.TagToken):
            raise SpecError(f"{where} is not valid YAML for a study: tags (!name) are not accepted")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _DEEPEST:
            raise SpecError(f"{where} is not valid YAML for a study: nested {_DEEPEST} levels deep")


def study_from(content: Any, where: str) -> StudySpec:
    """Return the study that a mapping describes, as read from YAML or from a store.

    Lists in a pruning (``sparsity: [0.3, 0.5]``) and in a calibration (``seed: [0, 1]``) are
    expanded into one specification each.
    """
    if not isinstance(content, Mapping):
        raise SpecError(f"{where}: expected a mapping with name, title, models and prunings")
    parts = dict(content)
    parts["models"] = [
        _model(entry, f"{where}, models")
        for entry in _list(parts.get("models"), f"{where}, models")
    ]
    parts["prunings"] = [
        build(PruneSpec, one, f"{where}, prunings")
        for entry in _list(parts.get("prunings", []), f"{where}, prunings")
        for one in _expand(entry, ("sparsity", "pattern"), f"{where}, prunings")
    ]
    parts["calibrations"] = [
        build(CalibrationSpec, one, f"{where}, calibrations")
        for entry in _list(parts.get("calibrations", [{}]), f"{where}, calibrations")
        for one in _expand(entry, ("seed",), f"{where}, calibrations")
    ]
    parts["tasks"] = [
        build(TaskSpec, entry, f"{where}, tasks")
        for entry in _list(parts.get("tasks", [{}]), f"{where}, tasks")
    ]
    parts["probe"] = build(ProbeSpec, parts.get("probe", {}), f"{where}, probe")
    parts.setdefault("title", parts.get("name", ""))
    return build(StudySpec, parts, where)


def study_content(study: StudySpec) -> dict[str, Any]:
    """Return a study as a mapping that `study_from` reads back."""
    content = asdict(study)
    for pruning in content["prunings"]:
        if pruning["pattern"] is not None:
            del pruning["sparsity"]
    return content


def cell_for(
    study: StudySpec,
    model: str | None = None,
    method: str = "dense",
    sparsity: float = 0.0,
    pattern: str | None = None,
    calibration_seed: int | None = None,
) -> CellSpec:
    """Return one cell with a study's items, probes and calibration.

    Parameters
    ----------
    study
        Supplies everything that is not given.
    model
        Any model name; the study's own entry where it has one, its first model where None.
    method, sparsity, pattern
        The pruning; the study's own entry where it has the same, which keeps its settings.
    calibration_seed
        The study's first draw where None.
    """
    listed = {spec.name: spec for spec in study.models}
    chosen = study.models[0] if model is None else listed.get(model, ModelSpec(model))
    wanted = PruneSpec(method, sparsity, pattern)
    same = [p for p in study.prunings if p.slug == wanted.slug]
    statistics = {p.statistics for p in study.prunings}
    if not same and len(statistics) == 1:
        wanted = PruneSpec(method, sparsity, pattern, statistics.pop())
    seeds = {c.seed: c for c in reversed(study.calibrations)}
    calibration = study.calibrations[0]
    if calibration_seed is not None:
        calibration = seeds.get(calibration_seed, replace(calibration, seed=calibration_seed))
    return CellSpec(chosen, same[0] if same else wanted, calibration, study.tasks[0], study.probe)


def _model(entry: Any, where: str) -> ModelSpec:
    return ModelSpec(entry) if isinstance(entry, str) else build(ModelSpec, entry, where)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise SpecError(f"{where}: expected a list, got {value!r}")
    return list(value)


def _expand(entry: Any, axes: tuple[str, ...], where: str) -> Iterator[dict[str, Any]]:
    """Yield `entry` once per value of each axis that holds a list; axes are alternatives."""
    if not isinstance(entry, Mapping):
        raise SpecError(f"{where}: expected a mapping, got {entry!r}")
    lists = [axis for axis in axes if isinstance(entry.get(axis), list)]
    if not lists:
        yield dict(entry)
    for axis in lists:
        fixed = {k: v for k, v in entry.items() if k not in lists}
        yield from (fixed | {axis: value} for value in entry[axis])
