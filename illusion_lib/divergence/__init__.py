"""Paired statistics of recognition against production: arrays and data frames in, tables out.

Everything starts from a table of results (`tidy` says which columns):

>>> items = outcomes(records)          # doctest: +SKIP
>>> paired = pairs(items)              # doctest: +SKIP
>>> gaps(items)                        # doctest: +SKIP

Nothing here imports torch.
"""

from illusion_lib.divergence.agreement import format_agreement
from illusion_lib.divergence.answers import Answers
from illusion_lib.divergence.asking import asking, shift
from illusion_lib.divergence.budget import budget_curve, pass_at_k
from illusion_lib.divergence.chance import above_chance, latent_recognition, recognition_only_rate
from illusion_lib.divergence.compare import compare
from illusion_lib.divergence.draws import calibration_draws
from illusion_lib.divergence.fates import FateRule, fate_counts, item_fates
from illusion_lib.divergence.frames import combine, tidy
from illusion_lib.divergence.gap_power import gap_power
from illusion_lib.divergence.gaps import MEASURES, gap, gaps
from illusion_lib.divergence.harness import read_results
from illusion_lib.divergence.interaction import interactions, sparsity_models
from illusion_lib.divergence.outcomes import (
    OUTCOMES,
    accuracy,
    outcome_counts,
    outcomes,
    pairs,
    transitions,
    unpaired,
)
from illusion_lib.divergence.paired import (
    changes,
    holm,
    mcnemar,
    paired_tost,
    sign_flip,
)
from illusion_lib.divergence.power import items_needed, power_of, power_table
from illusion_lib.divergence.predictions import predictions
from illusion_lib.divergence.recovery import excess_recovery, reached, recovery
from illusion_lib.divergence.verdict import Rule, method_verdicts, model_verdicts, pruning_verdicts

__all__ = [
    "MEASURES",
    "OUTCOMES",
    "Answers",
    "FateRule",
    "Rule",
    "above_chance",
    "accuracy",
    "asking",
    "budget_curve",
    "calibration_draws",
    "changes",
    "combine",
    "compare",
    "excess_recovery",
    "fate_counts",
    "format_agreement",
    "gap",
    "gap_power",
    "gaps",
    "holm",
    "interactions",
    "item_fates",
    "items_needed",
    "latent_recognition",
    "mcnemar",
    "method_verdicts",
    "model_verdicts",
    "outcome_counts",
    "outcomes",
    "paired_tost",
    "pairs",
    "pass_at_k",
    "power_of",
    "power_table",
    "predictions",
    "pruning_verdicts",
    "reached",
    "read_results",
    "recognition_only_rate",
    "recovery",
    "shift",
    "sign_flip",
    "sparsity_models",
    "tidy",
    "transitions",
    "unpaired",
]
