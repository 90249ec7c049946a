"""On which text activations are measured."""

from __future__ import annotations

from dataclasses import dataclass

from illusion_lib.specs.checks import refuse


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
        refuse(self.samples < 1, f"calibration samples must be at least 1, got {self.samples}")
        refuse(self.length < 2, f"calibration length must be at least 2, got {self.length}")
