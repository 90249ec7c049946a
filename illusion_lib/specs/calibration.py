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
        ``"self"`` samples text from the dense model; else a text, ``.jsonl`` or ``.npy`` file,
        ``"c4"`` or ``"hub:owner/name/path"``: see `illusion_lib.calibrate`.
    samples, length
        Number of windows and their length in tokens; explicit, never the model's maximum.
    seed
        Draw of the windows; several draws show how much of a result is calibration noise.
    languages
        Of self-sampled text: its windows begin with questions in these languages.
    """

    source: str = "self"
    samples: int = 16
    length: int = 256
    seed: int = 0
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse(self.samples < 1, f"calibration samples must be at least 1, got {self.samples}")
        refuse(self.length < 2, f"calibration length must be at least 2, got {self.length}")
        refuse(
            bool(self.languages) and self.source != "self",
            f"languages steer self-sampled text, not {self.source!r}; leave them out",
        )
