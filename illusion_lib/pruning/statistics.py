"""What the inputs of each layer look like: squared norms and Gram matrices, one per distinct input.

Layers that read the same tensor (query, key and value; gate and up) share one Gram matrix: it is
recognised by the identity of the tensor, not by the names of the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from illusion_lib.errors import PruneError
from illusion_lib.products import product
from illusion_lib.pruning.blocks import Matrix
from illusion_lib.pruning.compensation import Compensation, compensate

Collected = Literal["norms", "gram", "both"]
_PANEL = 192  # columns of a Gram matrix added up at once
_SUMMED_AT_ONCE = 64  # squares in float32: as exact as in float64 and far faster


@dataclass(slots=True)
class InputStatistics:
    """Sums over the tokens that reached one input.

    Attributes
    ----------
    tokens
        How many there were; 0 for an expert that the router never chose.
    squares
        float64, (in,): per input feature, the sum of squares; None where only the Gram matrix,
        whose diagonal they are as well, was asked for.
    gram
        float32, (in, in): the sum of x x^T, of which only the upper triangle is filled in; None
        where only norms were asked for.
    """

    tokens: int
    squares: torch.Tensor | None
    gram: torch.Tensor | None = None
    _compensations: dict[float, Compensation] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def empty(cls, columns: int, need: Collected, device: torch.device) -> InputStatistics:
        """Return the statistics of no tokens."""
        return cls(
            0,
            None if need == "gram" else torch.zeros(columns, dtype=torch.float64, device=device),
            None if need == "norms" else torch.zeros(columns, columns, device=device),
        )

    @property
    def squared_norms(self) -> torch.Tensor:
        """The squared norm of each input feature over the tokens, float64, (in,)."""
        if self.squares is not None:
            return self.squares
        assert self.gram is not None
        return self.gram.diagonal().double()

    def add(self, inputs: torch.Tensor) -> None:
        """Add inputs of any float type, (..., in)."""
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).float()  # (tokens, in)
        self.tokens += len(rows)
        if self.squares is not None:
            for part in torch.split(rows, _SUMMED_AT_ONCE):
                self.squares += part.square().sum(dim=0)
        if self.gram is not None:
            # The matrix is symmetric: panels from the diagonal on cost half of the whole product.
            columns = rows.T.contiguous()  # (in, tokens)
            for start in range(0, len(columns), _PANEL):
                end = start + _PANEL
                self.gram[start:end, start:] += product(columns[start:end], columns[start:])

    def compensation(self, damping: float) -> Compensation:
        """Return SparseGPT's compensation; it is kept, because layers and sparsities share it.

        Raises
        ------
        PruneError
            There is no Gram matrix, or it cannot be factored.
        """
        if self.gram is None:
            raise PruneError(
                "SparseGPT needs Gram matrices; collect the statistics with need='both'"
            )
        if damping not in self._compensations:
            self._compensations[damping] = compensate(self.gram, damping)
        return self._compensations[damping]


@dataclass(frozen=True, slots=True)
class Statistics:
    """One-pass statistics of a dense model, good for every method and sparsity.

    Attributes
    ----------
    inputs
        By the name of the matrix; matrices that share an input share the object.
    need
        Squared norms, Gram matrices, or both.
    tokens
        Length of the calibration text in tokens.
    """

    inputs: Mapping[str, InputStatistics]
    need: Collected
    tokens: int


def on_device(
    inputs: Mapping[str, InputStatistics], device: torch.device | None
) -> dict[str, InputStatistics]:
    """Return statistics on another device (None: as they are); what is shared stays shared."""
    there: dict[int, InputStatistics] = {}
    for value in inputs.values():
        home = value.squared_norms.device
        if device is None or device == home:
            there[id(value)] = value
        elif id(value) not in there:
            squares, gram = (
                None if sums is None else sums.to(device) for sums in (value.squares, value.gram)
            )
            there[id(value)] = InputStatistics(value.tokens, squares, gram)
    return {name: there[id(value)] for name, value in inputs.items()}


class _LastInputKnown(Exception):
    """Stops a block whose inputs are all known."""


class Collector:
    """While entered, adds up the inputs of the given matrices as the model runs.

    A block's pass within `until_last_input` ends when its last input is known: what the block makes
    of it is looked at by nobody. The first pass runs to its end and shows which input is the last.

    Raises
    ------
    PruneError
        At run time, when two layers shared an input in one batch and not in another.
    """

    def __init__(self, matrices: Iterable[Matrix], need: Collected) -> None:
        self._matrices = tuple(matrices)
        self._need = need
        self._found: dict[str, InputStatistics] = {}
        self._leaders: dict[int, str] = {}  # id of the statistics: the matrix that first saw them
        # Inputs that are still alive, with their version and their statistics.
        self._seen: MutableMapping[torch.Tensor, tuple[int, InputStatistics]] = (
            WeakTensorKeyDictionary()
        )
        self._called: list[str] = []  # the matrices in the order of this pass
        self._last: str | None = None  # the matrix that every pass ends with
        self._stack = ExitStack()

    def __enter__(self) -> Collector:
        experts = {}
        for matrix in self._matrices:
            if matrix.expert is None:
                hook = matrix.module.register_forward_pre_hook(self._hook(matrix), with_kwargs=True)
                self._stack.callback(hook.remove)
            else:
                experts[matrix.read().data_ptr()] = matrix
        if experts:
            self._stack.enter_context(_ExpertInputs(experts, self._add))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def until_last_input(self) -> Iterator[None]:
        """Let a block's pass stop where nothing that follows is needed."""
        self._called.clear()
        with suppress(_LastInputKnown):
            yield
        plain = all(matrix.expert is None for matrix in self._matrices)
        each_once = sorted(self._called) == sorted(matrix.name for matrix in self._matrices)
        self._last = self._called[-1] if plain and each_once else None

    @property
    def inputs(self) -> dict[str, InputStatistics]:
        """The sums so far, by matrix name; those of a matrix that saw no token are empty."""
        return {
            m.name: self._found.get(m.name)
            or InputStatistics.empty(m.columns, "norms", m.read().device)
            for m in self._matrices
        }

    def _hook(self, matrix: Matrix) -> Callable[..., None]:
        def before(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._add(matrix, args[0] if args else next(iter(kwargs.values())))
            self._called.append(matrix.name)
            if matrix.name == self._last and len(self._called) == len(self._matrices):
                raise _LastInputKnown

        return before

    def _add(self, matrix: Matrix, inputs: torch.Tensor) -> None:
        """Count `inputs` once, however many matrices read them."""
        version, shared = self._seen.get(inputs, (None, None))
        known = self._found.get(matrix.name)
        if shared is not None and version == inputs._version and known in (None, shared):
            self._found[matrix.name] = shared
            return
        if known is None:
            known = InputStatistics.empty(matrix.columns, self._need, inputs.device)
            self._found[matrix.name] = known
            self._leaders[id(known)] = matrix.name
        if self._leaders[id(known)] != matrix.name:
            raise PruneError(
                f"layers {self._leaders[id(known)]} and {matrix.name} read one input in one batch "
                "and different ones in another; prune with a single batch of calibration text"
            )
        known.add(inputs)
        self._seen[inputs] = (inputs._version, known)


class _ExpertInputs(TorchFunctionMode):
    """Sees the products with slices of fused expert weights, which no module hook can see."""

    _PRODUCTS = (
        torch.nn.functional.linear,
        torch.matmul,
        torch.Tensor.matmul,
        torch.Tensor.__matmul__,
        torch.mm,
    )

    def __init__(
        self, experts: dict[int, Matrix], add: Callable[[Matrix, torch.Tensor], None]
    ) -> None:
        super().__init__()
        self._experts = experts  # by the address of their weights
        self._add = add

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in self._PRODUCTS and len(args) > 1 and isinstance(args[1], torch.Tensor):
            matrix = self._experts.get(args[1].data_ptr())
            if matrix is not None and args[0].numel():
                self._add(matrix, args[0])
        return func(*args, **(kwargs or {}))
