"""What is to be run, as frozen values: model, pruning, calibration, items, probes, cell, study."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import Any, Literal, TypeVar, get_args

from illusion_lib.errors import SpecError
from illusion_lib.items.sources import SOURCES
from illusion_lib.pruning.registry import DENSE, METHODS
from illusion_lib.records import Probe

DType = Literal["auto", "float32", "bfloat16"]
Statistics = Literal["sequential", "one_pass"]
PromptStyle = Literal["auto", "chat", "plain"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise SpecError(message)


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> None:
    _refuse(value not in allowed, f"unknown {what} {value!r}; choose one of: {', '.join(allowed)}")


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
        _refuse(not self.name.strip(), "the model's name is empty; give a name, hub id or path")
        _one_of(self.dtype, get_args(DType), "dtype")

    @property
    def slug(self) -> str:
        """The model's short name, fit for a file name."""
        last = re.split(r"[/\\]", self.name.rstrip("/\\"))[-1]
        slug = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")[:64]
        return slug or hashlib.sha256(self.name.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class PruneSpec:
    """How the decoder's Linear layers are pruned.

    Attributes
    ----------
    method
        A name of `illusion_lib.pruning.registry.METHODS`; ``dense`` changes nothing.
    sparsity
        Share of weights set to zero in every layer, in [0, 1). Implied by `pattern`.
    pattern
        ``"n:m"``: of every m consecutive inputs of a row, n weights are *kept* (NVIDIA's reading).
    statistics
        ``sequential``: each block's statistics come from inputs that already passed the pruned
        blocks before it. ``one_pass``: from the dense model, once for every method and sparsity.
    block_size, damping
        SparseGPT's column block and the share of the mean diagonal added to its Hessian.
    """

    method: str = DENSE
    sparsity: float = 0.0
    pattern: str | None = None
    statistics: Statistics = "sequential"
    block_size: int = 128
    damping: float = 0.01

    def __post_init__(self) -> None:
        _one_of(self.method, tuple(METHODS), "pruning method")
        _one_of(self.statistics, get_args(Statistics), "statistics mode")
        if self.pattern is not None:
            kept, group = parse_pattern(self.pattern)
            implied = 1 - kept / group
            _refuse(
                self.sparsity not in (0.0, implied),
                f"pattern {self.pattern} means sparsity {implied:g}, not {self.sparsity:g}; "
                "leave sparsity out",
            )
            object.__setattr__(self, "sparsity", implied)
        _refuse(
            not (isinstance(self.sparsity, int | float) and 0 <= self.sparsity < 1),
            f"sparsity must lie in [0, 1), got {self.sparsity!r}; 0.5 zeroes half of the weights",
        )
        _refuse(
            self.sparsity > 0 and not METHODS[self.method].sparsifies,
            f"method {self.method!r} makes no zeros, but sparsity {self.sparsity:g} was asked "
            "for; choose a pruning method",
        )
        _refuse(self.block_size < 1, f"block_size must be at least 1, got {self.block_size}")
        _refuse(self.damping <= 0, f"damping must be positive, got {self.damping}")

    @property
    def slug(self) -> str:
        """Short name that sorts by sparsity: ``wanda-s050``, ``wanda-2of4``, ``dense``."""
        if not METHODS[self.method].sparsifies:
            return self.method.replace("_", "-")
        if self.pattern is not None:
            return f"{self.method}-{self.pattern.replace(':', 'of')}"
        thousandths = f"{1000 * self.sparsity:04.0f}"
        return f"{self.method}-s{thousandths[:-1] if thousandths.endswith('0') else thousandths}"

    @property
    def label(self) -> str:
        """The same for a reader: ``Wanda 50 %``, ``Wanda 2:4``, ``dense``."""
        if not METHODS[self.method].sparsifies:
            return METHODS[self.method].label
        amount = self.pattern or f"{100 * self.sparsity:g} %"
        return f"{METHODS[self.method].label} {amount}"


def parse_pattern(pattern: str) -> tuple[int, int]:
    """Return (kept, group) of an ``"n:m"`` pattern.

    >>> parse_pattern("2:4")
    (2, 4)
    """
    match = re.fullmatch(r"(\d+):(\d+)", pattern)
    if match is None or not 0 < int(match[1]) < int(match[2]):
        raise SpecError(
            f"pattern {pattern!r} is not n:m with 0 < n < m; '2:4' keeps 2 of every 4 weights"
        )
    return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True)
class CalibrationSpec:
    """Where the token windows come from on which activations are measured.

    Attributes
    ----------
    source
        ``"self"`` samples text from the dense model; anything else is the path of a text file.
    samples, length
        Number of windows and their length in tokens; explicit, never the model's maximum.
    seed
        Draw of the windows; several draws show how much of a result is calibration noise.
    """

    source: str = "self"
    samples: int = 16
    length: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse(self.samples < 1, f"calibration samples must be at least 1, got {self.samples}")
        _refuse(self.length < 2, f"calibration length must be at least 2, got {self.length}")


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Which questions: a set's name or a JSON-lines path, and how many of it.

    Attributes
    ----------
    name
        A set of `illusion_lib.items.sources.SOURCES` or the path of a ``.jsonl`` or ``.csv`` file.
    languages, relations
        What to keep; empty keeps all.
    limit
        Items per language and relation after a seeded shuffle of the parallel ids; None keeps all.
    seed
        Seed of that shuffle; languages keep the same facts. None keeps the set's own order.
    path
        Local folder of a public set's files; None fetches them from the Hugging Face hub.
    passage
        Whether the question holds the passage that answers it; if not, it is asked closed book.
    """

    name: str = "facts"
    languages: tuple[str, ...] = ("en", "es")
    relations: tuple[str, ...] = ("capital",)
    limit: int | None = 40
    seed: int | None = 0
    path: str | None = None
    passage: bool = True

    def __post_init__(self) -> None:
        _refuse(
            self.limit is not None and self.limit < 1,
            f"limit must be at least 1 item a language, got {self.limit}",
        )


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """Which questions are put to the model, and with what budget.

    Attributes
    ----------
    probes
        Subset of the ladder; recovery probes run on items that open generation got wrong.
    style
        ``auto`` uses the model's chat template where it has one, ``plain`` never does.
    max_new_tokens
        Longest answer in tokens.
    beams, samples
        Width of beam search, and number of samples drawn per item.
    temperature
        Of the samples; 1.0 draws from the model's own distribution.
    demonstrations
        How many different one-shot demonstrations are tried, each alone.
    controls
        Share of the items failed in both formats that recovery runs on, as the control group: a
        draw by seed and item. An item failed only in open generation is always searched.
    seed
        Of option order, samples and demonstrations.
    """

    probes: tuple[Probe, ...] = get_args(Probe)
    style: PromptStyle = "auto"
    max_new_tokens: int = 24
    beams: int = 8
    samples: int = 16
    temperature: float = 1.0
    demonstrations: int = 3
    controls: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for probe in self.probes:
            _one_of(probe, get_args(Probe), "probe")
        _one_of(self.style, get_args(PromptStyle), "prompt style")
        for name in ("max_new_tokens", "beams", "samples", "demonstrations"):
            _refuse(getattr(self, name) < 1, f"{name} must be at least 1")
        _refuse(
            not (0 < self.controls <= 1),
            f"controls must be a share in (0, 1], got {self.controls}; 1 searches all",
        )
        _refuse(
            not (0 < self.temperature < math.inf),
            f"temperature must be positive, got {self.temperature}",
        )


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One model, one pruning, one calibration draw: the unit of work, of storage and of resume."""

    model: ModelSpec
    prune: PruneSpec = PruneSpec()
    calibration: CalibrationSpec = CalibrationSpec()
    task: TaskSpec = TaskSpec()
    probe: ProbeSpec = ProbeSpec()

    @property
    def slug(self) -> str:
        """Short name of the cell within its model: ``wanda-s050`` or ``wanda-s050-c1``."""
        draw = f"-c{self.calibration.seed}" if self.calibration.seed else ""
        return self.prune.slug + (draw if METHODS[self.prune.method].calibrated else "")

    @property
    def dense(self) -> CellSpec:
        """The cell this one is compared with: the same questions to the unpruned model."""
        return replace(self, prune=PruneSpec(), calibration=CalibrationSpec())

    def canonical(self) -> dict[str, Any]:
        """Return what determines the records: settings that are ignored are left out."""
        content = asdict(self)
        del content["model"]["parameters"]
        del content["task"]["path"]  # the items' hash tells what was found there
        source = SOURCES.get(self.task.name)
        if source is None or "passage" not in source.settings:
            del content["task"]["passage"]
        method = METHODS[self.prune.method]
        if not method.calibrated:
            del content["calibration"]
        for name in set(content["prune"]) - {"method", "sparsity", "pattern", *method.settings}:
            del content["prune"][name]
        return content

    def key(self, checkpoint: str, items: str, *parts: str) -> str:
        """Return the content key: the SHA-256 of all that determines the records.

        Names and paths do not count, so that a moved folder finds its cells again; what they lead
        to counts instead.

        Parameters
        ----------
        checkpoint
            Fingerprint of the model's files.
        items
            Hash of the items.
        *parts
            What else counts: hash of a calibration text, version of the records.
        """
        content = self.canonical()
        calibration = content.get("calibration", {})
        calibration.pop("source", None)
        settings = [self.model.dtype, content["prune"], calibration, content["probe"]]
        text = json.dumps([settings, checkpoint, items, *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class StudySpec:
    """A named grid of cells: every model dense and under every pruning and calibration draw."""

    name: str
    title: str
    models: tuple[ModelSpec, ...]
    prunings: tuple[PruneSpec, ...]
    calibrations: tuple[CalibrationSpec, ...] = (CalibrationSpec(),)
    tasks: tuple[TaskSpec, ...] = (TaskSpec(),)
    probe: ProbeSpec = ProbeSpec()

    def __post_init__(self) -> None:
        _refuse(
            not _NAME.fullmatch(self.name),
            f"study name {self.name!r} must be lower-case letters, digits, '-' and '_'",
        )
        _refuse(not self.models, f"study {self.name!r} names no model")
        slugs = [model.slug for model in self.models]
        _refuse(
            len(set(slugs)) < len(slugs),
            f"study {self.name!r} has two models of the same short name: {', '.join(slugs)}",
        )
        _refuse(not self.tasks, f"study {self.name!r} names no task")

    def cells(self) -> tuple[CellSpec, ...]:
        """Return the cells in running order, dense first within a model, none twice."""
        grid = {json.dumps([cell.canonical(), cell.task.path]): cell for cell in self._grid()}
        return tuple(grid.values())

    def _grid(self) -> Iterator[CellSpec]:
        for model, task in product(self.models, self.tasks):
            yield CellSpec(model, task=task, probe=self.probe)
            for calibration, prune in product(self.calibrations, self.prunings):
                yield CellSpec(model, prune, calibration, task, self.probe)


Spec = TypeVar("Spec")


def build(cls: type[Spec], content: Mapping[str, Any], where: str) -> Spec:
    """Return a spec from a mapping read from YAML or JSON.

    Parameters
    ----------
    cls
        A frozen dataclass of this module.
    content
        Field names and values; lists become tuples.
    where
        Place named in the error: a file, or a file and a key.

    Raises
    ------
    SpecError
        A field is unknown or missing, or a value is refused.
    """
    _refuse(not isinstance(content, Mapping), f"{where}: expected a mapping, got {content!r}")
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]  # every spec is a dataclass
    for name in content:
        _refuse(
            name not in known, f"{where}: unknown field {name!r}; known are: {', '.join(known)}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    try:
        return cls(**values)
    except (TypeError, SpecError) as error:
        raise SpecError(f"{where}: {error}") from error
