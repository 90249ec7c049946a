"""Paired statistics of recognition against production: arrays and data frames in, tables out.

Everything starts from a table of results (`tidy` says which columns):

>>> items = outcomes(records)          # doctest: +SKIP
>>> paired = pairs(items)              # doctest: +SKIP
>>> gaps(items)                        # doctest: +SKIP

Nothing here imports torch.
"""

from illusion_lib.divergence.chance import above_chance, latent_recognition, recognition_only_rate
from illusion_lib.divergence.frames import combine, tidy
from illusion_lib.divergence.gaps import MEASURES, gap, gaps
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
    items_needed,
    mcnemar,
    paired_tost,
    power_of,
    power_table,
    sign_flip,
)
from illusion_lib.divergence.predictions import predictions
from illusion_lib.divergence.recovery import excess_recovery, reached, recovery
from illusion_lib.divergence.verdict import Rule, method_verdicts, model_verdicts, pruning_verdicts

__all__ = [
    "MEASURES",
    "OUTCOMES",
    "Rule",
    "above_chance",
    "accuracy",
    "changes",
    "combine",
    "excess_recovery",
    "gap",
    "gaps",
    "holm",
    "items_needed",
    "latent_recognition",
    "mcnemar",
    "method_verdicts",
    "model_verdicts",
    "outcome_counts",
    "outcomes",
    "paired_tost",
    "pairs",
    "power_of",
    "power_table",
    "predictions",
    "pruning_verdicts",
    "reached",
    "recognition_only_rate",
    "recovery",
    "sign_flip",
    "tidy",
    "transitions",
    "unpaired",
]
