"""What is an anchor estimator? One interface: fit, anchors_, predict, interval."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.anchors.intervals import ErrorQuantiles, Refit, error_quantiles
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training, checked_table
from illusion_lib.errors import AnchorError

Respond = Callable[[IntArray], FloatArray]
"""Puts some items to the new model: int (n,) item indices -> float (n,) scores."""


@runtime_checkable
class Estimator(Protocol):
    """What every estimator of this room can do."""

    n_anchors: int
    seed: int
    anchors_: IntArray
    notes_: tuple[str, ...]

    def fit(self, scores: ArrayLike, target: ArrayLike | None = None) -> Self:
        """Choose anchors and learn to read them from the training models."""
        ...

    def predict(self, answers: ArrayLike) -> FloatArray:
        """Estimate full scores from the answers on the anchors."""
        ...

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return prediction intervals (low, high) of the full scores."""
        ...


@dataclass(eq=False)
class AnchorEstimator(ABC):
    """Shared half of all estimators; a subclass fills in `_select`, `_learn` and `_read`.

    Parameters
    ----------
    n_anchors
        How many items a new model answers.
    seed
        Of every random choice; the same seed, rows and target give the same anchors.

    Attributes
    ----------
    anchors_
        int (n_anchors,): the chosen items; ``predict`` takes the answers in this order.
    notes_
        What had to be degraded, one sentence each; empty if nothing.
    """

    n_anchors: int = 50
    seed: int = 0
    anchors_: IntArray = field(init=False, repr=False)
    notes_: tuple[str, ...] = field(init=False, repr=False, default=())

    label: ClassVar[str] = ""
    calibration_folds: ClassVar[int] = 10

    def fit(self, scores: ArrayLike, target: ArrayLike | None = None) -> Self:
        """Choose the anchors and learn to read them.

        Parameters
        ----------
        scores
            float (models, items) in [0, 1]; NaN where missing.
        target
            float (models,): the full scores to estimate; the row means if None.

        Returns
        -------
        Self

        Raises
        ------
        AnchorError
            More anchors than items, fewer than 2 models, or a malformed table.
        """
        self.start(scores, target)
        self.choose()
        self.learn()
        return self

    def start(self, scores: ArrayLike, target: ArrayLike | None = None) -> None:
        """Take in and check the training rows: the first third of `fit`."""
        training = Training.of(scores, target)
        n_models, n_items = training.scores.shape
        refuse(self.n_anchors < 1, f"n_anchors must be at least 1, got {self.n_anchors}")
        refuse(
            self.n_anchors > n_items,
            f"{self.n_anchors} anchors asked of {n_items} items; ask for at most {n_items}",
        )
        self.training_ = training
        self.notes_ = training.notes
        if n_models <= self.n_anchors:
            self.note(
                f"only {n_models} training models for {self.n_anchors} anchors: "
                "the fit leans on its penalty"
            )
        self._quantiles: dict[tuple[Refit, float, bool], ErrorQuantiles] = {}

    def choose(self) -> None:
        """Set `anchors_`: the second third of `fit`."""
        anchors = np.asarray(self._select(self.training_, np.random.default_rng(self.seed)))
        assert len(set(anchors.tolist())) == len(anchors)
        self.anchors_ = anchors.astype(np.int64)

    def learn(self) -> None:
        """Learn to read the answers on `anchors_`: the last third of `fit`."""
        self._learn(self.training_, self.training_.scores[:, self.anchors_])

    def adopt(self, training: Training, anchors: IntArray) -> None:
        """Learn to read `anchors` that somebody else has chosen, instead of `fit`."""
        self.training_, self.anchors_, self.notes_ = training, anchors, training.notes
        self._quantiles = {}
        self.learn()

    def note(self, text: str) -> None:
        """Record one degraded step."""
        self.notes_ = (*self.notes_, text)

    @abstractmethod
    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        """Return int (n_anchors,): the items a new model is to answer."""

    @abstractmethod
    def _learn(self, training: Training, answers: FloatArray) -> None:
        """Learn to read the training models' `answers` (models, n_anchors) on the anchors."""

    @abstractmethod
    def _read(self, answers: FloatArray) -> FloatArray:
        """Return float (models,): estimates, not yet clipped to [0, 1]."""

    def _from_mean(self, mean: FloatArray) -> FloatArray:
        """Turn estimated row means into estimates of the target."""
        estimate: FloatArray = self.training_.slope * mean + self.training_.intercept
        return estimate

    def predict(self, answers: ArrayLike) -> FloatArray:
        """Estimate full scores.

        Parameters
        ----------
        answers
            float (models, n_anchors): scores on `anchors_`, in that order. A missing answer (NaN)
            counts as the training models' item and this model's effect say.

        Returns
        -------
        float (models,) in [0, 1]
        """
        return np.clip(self._read(self._complete(answers)), 0, 1)

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return prediction intervals of full scores.

        Parameters
        ----------
        answers
            As for `predict`.
        level
            Nominal coverage in (0, 1).
        shift
            False: the new model is drawn like the training models (cross-conformal, the whole
            pipeline refitted without each fold). True: it may be better or worse than all of
            them; errors then come from fits on one end of the training models, judged on the
            other end. Wider.

        Returns
        -------
        low, high
            float (models,) each, in [0, 1].
        """
        estimate = self.predict(answers)
        below, above = self._error_quantiles(self._refit, level, shift)
        return np.clip(estimate + below, 0, 1), np.clip(estimate + above, 0, 1)

    def ask(self, respond: Respond) -> float:
        """Put the anchors to one new model and estimate its full score.

        Adaptive estimators override this: their next item depends on the answers so far.
        """
        return float(self.predict(respond(self.anchors_)[None])[0])

    def ask_interval(
        self, respond: Respond, level: float = 0.9, shift: bool = False
    ) -> tuple[float, float, float]:
        """Return estimate, low and high of one new model; see `ask` and `interval`."""
        answers = respond(self.anchors_)[None]
        low, high = self.interval(answers, level, shift)
        return float(self.predict(answers)[0]), float(low[0]), float(high[0])

    def assess(self, scores: FloatArray) -> FloatArray:
        """Estimate full scores of models (rows) whose answers to every item are at hand.

        Only the answers the estimator asks for are looked at; this is what a study calls.
        """
        return self.predict(np.asarray(scores)[:, self.anchors_])

    def assess_interval(
        self, scores: FloatArray, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return intervals for models whose answers to every item are at hand; see `assess`."""
        return self.interval(np.asarray(scores)[:, self.anchors_], level, shift)

    def _refit(self, train: IntArray, test: IntArray) -> FloatArray:
        """Return estimates of training rows `test` by this pipeline fitted on rows `train`."""
        fresh = self._fitted_on(train)
        return fresh.predict(self.training_.scores[test][:, fresh.anchors_])

    def _fitted_on(self, train: IntArray) -> Self:
        return replace(self).fit(*self.training_.rows(train))

    def _error_quantiles(self, refit: Refit, level: float, shift: bool) -> ErrorQuantiles:
        refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
        key = refit, level, shift
        if key not in self._quantiles:
            self._quantiles[key] = error_quantiles(
                refit, self.training_, level, shift, self.calibration_folds
            )
        return self._quantiles[key]

    def _complete(self, answers: ArrayLike) -> FloatArray:
        if not hasattr(self, "anchors_"):
            raise AnchorError(f"{type(self).__name__} is not fitted; call fit(scores) first")
        table = checked_table(answers, "answers")
        refuse(
            table.shape[1] != len(self.anchors_),
            f"answers has {table.shape[1]} columns for {len(self.anchors_)} anchors; pass "
            "scores[:, estimator.anchors_]",
        )
        if not np.isnan(table).any():
            return table
        known = self.training_.scores[:, self.anchors_].mean(axis=0)
        effect = np.nanmean(np.where(np.isnan(table), np.nan, table - known), axis=1, keepdims=True)
        filled: FloatArray = np.where(np.isnan(table), np.clip(known + effect, 0, 1), table)
        return filled
