"""How likely does the model say an answer? A guess from what multiple choice told of it.

Option scoring reads the gold right after the prompt, where an open answer would begin: if each of
its tokens is the model's first choice there, greedy generation writes it. The map from cheap
answers to the chance of saying it is learned on some variants and used on others; it misses models
that write a lead-in first. A wrong guess costs width, never honesty: see `production_estimate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from illusion_lib.anchors.matrix import FloatArray, refuse
from illusion_lib.records import RECOGNITION

CHEAP = ("picked", "log_prob", "tokens", "rank", "worst_rank", "margin", "ahead")
"""What is kept of an item's option scores; see `cheap_answers`."""
KNOWN = "known"
"""Optional column: the share of neighbouring variants that said the item's answer."""
_FLOOR = -50.0  # nats; a log-prob below says no more


def cheap_answers(records: pd.DataFrame) -> pd.DataFrame:
    """Return what multiple choice told of every item.

    Parameters
    ----------
    records
        Records of one variant; only those of option scoring for the gold are read.

    Returns
    -------
    DataFrame
        By item_id in the records' order: ``picked``, whether the gold was picked; ``log_prob`` of
        the gold in nats and its number of ``tokens``; ``rank`` of its first token right after the
        prompt and ``worst_rank`` of any of its tokens (1 = top); ``margin``, the first token's
        log-prob minus that of the top token; ``ahead``, the gold's log-prob minus that of the best
        other option.

    Raises
    ------
    AnchorError
        There are no such records, or they are of a version that did not keep the gold's ranks.
    """
    rows = records[(records["probe"] == RECOGNITION) & (records["target"] == "gold")]
    refuse(rows.empty, "no records of option scoring; put the items as multiple choice first")
    refuse(
        bool(rows["target_rank"].isna().any()),
        "the records of option scoring hold no ranks; an older version made them: probe again",
    )
    scores = [np.asarray(one, dtype=np.float64) for one in rows["log_prob_sum"]]
    gold = rows["gold_index"].astype(int)
    others = [
        np.delete(one, place).max(initial=-np.inf) for one, place in zip(scores, gold, strict=True)
    ]
    log_prob = rows["target_log_prob"].astype(float).to_numpy()
    return pd.DataFrame(
        {
            "picked": rows["correct"].astype(bool).to_numpy(),
            "log_prob": log_prob,
            "tokens": rows["target_ranks"].map(len).to_numpy(),
            "rank": rows["target_rank"].astype(int).to_numpy(),
            "worst_rank": rows["target_ranks"].map(max).astype(int).to_numpy(),
            "margin": rows["target_margin"].astype(float).to_numpy(),
            "ahead": log_prob - np.array(others),
        },
        index=pd.Index(rows["item_id"].astype(str), name="item_id"),
    )


@dataclass(frozen=True)
class Guess:
    """A fitted map from cheap answers to the chance that the answer is said."""

    line: Pipeline

    @classmethod
    def of(cls, cheap: pd.DataFrame, said: pd.Series[bool]) -> Guess:
        """Fit a logistic line to items whose open answers are known.

        Parameters
        ----------
        cheap
            Columns `CHEAP`, a row per item and variant; with the column `KNOWN` the guess reads
            it too, and asks for it.
        said
            Whether the open answer was right, row by row.

        Raises
        ------
        AnchorError
            All answers are equal: nothing can be learned.
        """
        refuse(said.nunique() < 2, "all open answers are equal; a guess needs right and wrong ones")
        line = make_pipeline(
            StandardScaler(), LogisticRegression(solver="newton-cholesky", max_iter=1000)
        )
        return cls(line.fit(_features(cheap), said.astype(bool).to_numpy()))

    def __call__(self, cheap: pd.DataFrame) -> FloatArray:
        """Return the chance of saying each item's answer: float (items,) in (0, 1)."""
        chance: FloatArray = self.line.predict_proba(_features(cheap))[:, 1]
        return chance


@cache
def shipped_guess() -> Guess:
    """Return the guess learned on the shipped zoo, for a model that nobody has generated from."""
    from illusion_lib.anchors.zoo import load_zoo

    rows = load_zoo().rows
    return Guess.of(rows[list(CHEAP)], rows["said"])


def _features(cheap: pd.DataFrame) -> FloatArray:
    picked, log_prob, tokens, rank, worst, margin, ahead = (
        cheap[name].to_numpy(dtype=np.float64) for name in CHEAP
    )
    log_prob, margin = np.maximum(log_prob, _FLOOR), np.maximum(margin, _FLOOR)
    ahead = np.clip(ahead, _FLOOR, -_FLOOR)
    columns = [picked, log_prob, log_prob / tokens, np.log(rank), np.log(worst), worst == 1]
    columns += [margin, ahead]
    if KNOWN in cheap.columns:
        columns.append(logit(cheap[KNOWN].to_numpy(dtype=np.float64).clip(0.01, 0.99)))
    return np.column_stack(columns)
