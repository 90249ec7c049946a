"""How is a choice of items kept until the new model has answered? As a small file, refitted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.best import Best
from illusion_lib.anchors.catalogue import ESTIMATORS
from illusion_lib.anchors.matrix import FloatArray, ResponseMatrix, refuse
from illusion_lib.errors import AnchorError
from illusion_lib.foreign import understood


@dataclass(frozen=True)
class Choice:
    """What is written down: enough to choose the same items again.

    Attributes
    ----------
    items
        Ids of the chosen items, in the order in which answers are read.
    estimator, n_anchors, seed
        Who chose them; `ESTIMATORS` names it.
    matrix, metric, probe
        Where the training models' answers lay, and which of them were used.
    fingerprint
        SHA-256 of the matrix that was read from there.
    """

    items: tuple[str, ...]
    estimator: str
    n_anchors: int
    seed: int
    matrix: str
    metric: str | None
    probe: str
    fingerprint: str


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator beside the matrix that taught it."""

    fitted: AnchorEstimator
    matrix: ResponseMatrix

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of the chosen items."""
        return tuple(self.matrix.items[place] for place in self.fitted.anchors_)

    def estimates(
        self, models: Sequence[str], answers: FloatArray, level: float = 0.9, shift: bool = False
    ) -> pd.DataFrame:
        """Return model, estimate, low, high and the plain mean of the answers, a row a model.

        Parameters
        ----------
        models
            Names of the rows.
        answers
            float (models, anchors); NaN where missing.
        level, shift
            As for `AnchorEstimator.interval`.
        """
        low, high = self.fitted.interval(answers, level, shift)
        columns = {"estimate": self.fitted.predict(answers), "low": low, "high": high}
        return pd.DataFrame({"model": models} | columns | {"mean": np.nanmean(answers, axis=1)})


def choose_anchors(matrix: ResponseMatrix, estimator: str, n_anchors: int, seed: int) -> Fitted:
    """Fit a named estimator to a whole matrix.

    Raises
    ------
    AnchorError
        The name is unknown, or its items depend on the answers, so that none can be written down.
    """
    refuse(
        estimator not in ESTIMATORS,
        f"unknown estimator {estimator!r}; choose one of: {', '.join(ESTIMATORS)}",
    )
    refuse(
        estimator in ("adaptive", "tailored"),
        f"{estimator} asks each model other items as it goes; choose another to write items down",
    )
    unfitted = replace(ESTIMATORS[estimator], n_anchors=n_anchors, seed=seed)
    if isinstance(unfitted, Best):
        unfitted = replace(unfitted, in_turn=False)  # written down before any answer is known
    fitted = unfitted.fit(matrix.scores, None if matrix.plain else matrix.target)
    return Fitted(fitted, matrix)


def fingerprint(matrix: ResponseMatrix) -> str:
    """Return the SHA-256 of all that an estimator can learn from a matrix."""
    digest = hashlib.sha256(json.dumps([matrix.models, matrix.items]).encode())
    digest.update(np.ascontiguousarray(matrix.scores).tobytes())
    digest.update(np.ascontiguousarray(matrix.target).tobytes())
    return digest.hexdigest()


def describe(known: Fitted, name: str, source: Path, metric: str | None, probe: str) -> Choice:
    """Return what to write down of a choice that the estimator `name` made from `source`."""
    fitted = known.fitted
    return Choice(
        items=known.items,
        estimator=name,
        n_anchors=fitted.n_anchors,
        seed=fitted.seed,
        matrix=str(source.resolve()),
        metric=metric,
        probe=probe,
        fingerprint=fingerprint(known.matrix),
    )


def read_choice(file: Path) -> Choice:
    """Read a `Choice` that was written as JSON.

    Raises
    ------
    AnchorError
        The file is missing, no JSON, or lacks what a choice needs.
    """
    with understood(file, AnchorError):
        held = json.loads(file.read_text("utf-8"))
        choice = Choice(**held | {"items": tuple(map(str, held["items"]))})
    numbers = (choice.n_anchors, choice.seed)
    texts = (choice.estimator, choice.matrix, choice.probe, choice.fingerprint)
    sound = all(type(number) is int and number >= 0 for number in numbers)
    sound = sound and all(isinstance(text, str) for text in texts)
    refuse(not sound, f"{file} is no choice of items: a field has the wrong type; choose again")
    return choice


def restore(choice: Choice, matrix: ResponseMatrix) -> Fitted:
    """Fit again as when the choice was made.

    Raises
    ------
    AnchorError
        The matrix is another one, or the same fit now chooses other items.
    """
    refuse(
        fingerprint(matrix) != choice.fingerprint,
        f"the matrix is not the one that the items were chosen from ({choice.matrix}): its answers "
        "differ; choose again",
    )
    known = choose_anchors(matrix, choice.estimator, choice.n_anchors, choice.seed)
    refuse(
        known.items != choice.items,
        "this version chooses other items from the same matrix; choose again",
    )
    return known


def answers_on(given: ResponseMatrix, items: Sequence[str]) -> FloatArray:
    """Return the answers of `given` to `items`: float (models, items) in that order.

    Raises
    ------
    AnchorError
        Some of the items have not been answered by anybody.
    """
    place = {name: column for column, name in enumerate(given.items)}
    absent = [name for name in items if name not in place]
    refuse(
        bool(absent),
        f"{len(absent)} of the {len(items)} chosen items were not answered, such as "
        f"{absent[0]!r}; put all of them to the model"
        if absent
        else "",
    )
    picked: FloatArray = given.scores[:, [place[name] for name in items]]
    return picked
