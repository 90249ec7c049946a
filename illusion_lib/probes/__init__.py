"""Probes: the same questions as recognition and as production, and ways to recover answers."""

from illusion_lib.probes.budget import Budget
from illusion_lib.probes.engine import scoring_path
from illusion_lib.probes.ladder import probe, run_ladder
from illusion_lib.probes.prompts import describe_prompts
from illusion_lib.probes.shift import dense_reference
from illusion_lib.probes.stability import batch_flips

__all__ = [
    "Budget",
    "batch_flips",
    "dense_reference",
    "describe_prompts",
    "probe",
    "run_ladder",
    "scoring_path",
]
