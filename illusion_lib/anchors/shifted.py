"""What wins when the new model is unlike all others? An even draw, read in two unlike ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.anchors.aipw import Aipw
from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.rasch import EvenRasch
from illusion_lib.anchors.training import Training


@dataclass(eq=False)
class Shifted(AnchorEstimator):
    """Items drawn evenly along their difficulty; the mean of two ways of filling in the rest.

    One way shifts all items' log-odds by one number (`EvenRasch`), the other draws a ridge line
    over items for each model (`Aipw`). Both rest on the draw of items, not on the new model's
    being like the training models, and they err differently: their mean errs less than either.
    """

    label: ClassVar[str] = "best under shift"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        return EvenRasch(self.n_anchors)._select(training, rng)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self._ways: tuple[AnchorEstimator, ...] = (EvenRasch(self.n_anchors), Aipw(self.n_anchors))
        for way in self._ways:
            way.adopt(training, self.anchors_)

    def _read(self, answers: FloatArray) -> FloatArray:
        first, second = (way.predict(answers) for way in self._ways)
        return (first + second) / 2

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return the sampling interval of the draw of items; `shift` changes nothing.

        The mean of the two ways' intervals: a mean's error is at most the mean of the errors.
        """
        first, second = (way.interval(answers, level, shift) for way in self._ways)
        return (first[0] + second[0]) / 2, (first[1] + second[1]) / 2
