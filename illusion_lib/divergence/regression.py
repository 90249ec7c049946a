"""How format and pruning interact in a model of every single answer.

correct ~ format x sparsity x method x language, items as clusters. The interaction of format and
pruning is the illusion: with logits, how much less the odds of a pick fall than the odds of an
open answer. Two estimators share one design: generalised estimating equations (population
averaged; independence working correlation, so that the coefficients do not hang on a guess of it,
with the small-sample covariance of Mancl & DeRouen 2001), and a logistic model with a random
intercept per item (item specific; variational Bayes as in statsmodels).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from illusion_lib.divergence.bootstrap import LEVEL, Floats

Estimator = Literal["gee", "mixed"]

# Beyond this a coefficient is running to infinity: 1 : 160,000 odds.
_DIVERGED = 12.0
# Of the fixed effects in the mixed model, in units of about one standard error: wide.
_PRIOR_SD = 100.0


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted logistic model, or the reason why there is none.

    Attributes
    ----------
    beta, covariance
        Coefficients (k,) and their covariance (k, k).
    offsets
        Random intercept of each row (rows,); zero for GEE.
    freedom
        Degrees of freedom of the t intervals.
    reason
        Why the model has no answer; None when it has one.
    """

    beta: Floats
    covariance: Floats
    offsets: Floats
    freedom: float
    reason: str | None = None


def fit_logistic(
    correct: ArrayLike, design: ArrayLike, clusters: ArrayLike, estimator: Estimator = "gee"
) -> Fit:
    """Fit a logistic model of clustered 0/1 answers.

    Parameters
    ----------
    correct
        0/1 (rows,).
    design
        Float (rows, k), the intercept included.
    clusters
        Labels (rows,).
    estimator
        ``gee`` or ``mixed``.

    Returns
    -------
    Fit
        With a `reason` where the data are separated (a coefficient runs to infinity), the design
        is not of full rank, or there are too few clusters.
    """
    y, x = np.asarray(correct, dtype=np.float64), np.asarray(design, dtype=np.float64)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(index.max()) + 1 if y.size else 0
    k = x.shape[1]
    if count < 3:
        return _no_fit(k, y.size, "fewer than three independent items")
    if np.linalg.matrix_rank(x) < k:
        return _no_fit(k, y.size, "some combination of format, sparsity and language is missing")
    try:
        with warnings.catch_warnings():
            # Separation and overflow are warnings in statsmodels; here they are a reason.
            warnings.simplefilter("error")
            fit = (_fit_gee if estimator == "gee" else _fit_mixed)(y, x, index, count)
    except (Warning, np.linalg.LinAlgError, ValueError, ArithmeticError) as problem:
        return _no_fit(k, y.size, f"no stable fit: {' '.join(str(problem).split())[:120]}")
    if not _is_sound(fit):
        return _no_fit(k, y.size, "separation: some format is answered all right or all wrong")
    return fit


def _is_sound(fit: Fit) -> bool:
    """Return whether no coefficient runs away, nor its standard error."""
    errors = np.diag(fit.covariance)
    return bool(
        np.isfinite(fit.covariance).all()
        and np.abs(fit.beta).max() <= _DIVERGED
        and errors.min() >= 0
        and np.sqrt(errors.max()) <= _DIVERGED
    )


def _no_fit(k: int, rows: int, reason: str) -> Fit:
    return Fit(np.zeros(k), np.zeros((k, k)), np.zeros(rows), 1.0, reason)


def _fit_gee(y: Floats, x: Floats, index: Any, count: int) -> Fit:
    from statsmodels.genmod.cov_struct import Independence
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_estimating_equations import GEE

    model = GEE(y, x, groups=index, family=Binomial(), cov_struct=Independence())
    found = model.fit(cov_type="bias_reduced")
    freedom = max(count - x.shape[1], 1)
    return Fit(np.asarray(found.params), np.asarray(found.cov_params()), np.zeros(y.size), freedom)


def _fit_mixed(y: Floats, x: Floats, index: Any, count: int) -> Fit:
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    members = sparse.csr_matrix((np.ones(y.size), (np.arange(y.size), index)), (y.size, count))
    # Mean-field Bayes takes coefficients as independent; in a basis that is orthogonal under the
    # plain model's weights they nearly are, and the standard errors of contrasts come out right.
    plain = GLM(y, x, family=Binomial()).fit().fittedvalues
    basis = np.linalg.inv(np.linalg.cholesky(x.T @ (x * (plain * (1 - plain))[:, None])).T)
    model = BinomialBayesMixedGLM(
        y, x @ basis, members, np.zeros(count, dtype=int), vcp_p=1.0, fe_p=_PRIOR_SD
    )
    model.exog_vc = model.exog_vc2 = _Members(index, count)
    k = x.shape[1]
    start = np.zeros(k + 1 + count)
    found = model.fit_vb(mean=start, sd=np.full_like(start, 0.5))
    covariance = basis @ np.diag(np.asarray(found.fe_sd) ** 2) @ basis.T
    return Fit(basis @ found.fe_mean, covariance, np.asarray(found.vc_mean)[index], np.inf)


@dataclass(frozen=True)
class _Members:
    """Which item each answer is about: a matrix (answers, items) of ones, its columns weighted.

    A fit multiplies by it some thousand times. By the items' numbers that takes a tenth of the time
    that a sparse matrix takes, and the same terms are added in the same order.
    """

    index: NDArray[np.int64]  # (answers,)
    count: int  # of items
    weights: Floats | None = None  # (items,); all one if None

    def dot(self, per_item: Floats) -> Floats:
        """Return the matrix times a vector (items,)."""
        return (per_item if self.weights is None else self.weights * per_item)[self.index]

    def multiply(self, weights: Floats) -> _Members:
        """Return the matrix of ones with its columns multiplied by `weights` (items,)."""
        return replace(self, weights=weights)

    def transpose(self) -> _Transposed:
        """Return the matrix (items, answers)."""
        return _Transposed(self)


@dataclass(frozen=True)
class _Transposed:
    members: _Members

    def dot(self, per_answer: Floats) -> Floats:
        """Return the matrix times a vector (answers,): weighted sums over each item's answers."""
        own = self.members
        terms = per_answer if own.weights is None else own.weights[own.index] * per_answer
        totals = np.bincount(own.index, terms, minlength=own.count)
        return totals.astype(np.float64, copy=False)


def contrast(
    fit: Fit, weights: ArrayLike, level: float = LEVEL
) -> tuple[float, float, float, float]:
    """Return a linear combination of the coefficients with its limits and two-sided p-value.

    Parameters
    ----------
    fit
        A fit without `reason`.
    weights
        Float (k,).
    level
        Coverage aimed at.

    Returns
    -------
    tuple
        Estimate, low, high, p-value; on the log-odds scale.
    """
    w = np.asarray(weights, dtype=np.float64)
    value = float(w @ fit.beta)
    return _interval(value, float(np.sqrt(w @ fit.covariance @ w)), fit.freedom, level)


def marginal_effect(
    fit: Fit, effect: Callable[[Floats], Floats], level: float = LEVEL
) -> tuple[float, float, float, float]:
    """Return an average effect on the probability scale with its limits and p-value.

    Parameters
    ----------
    fit
        A fit without `reason`.
    effect
        Maps coefficients (k,) to the effect, a scalar; its gradient is taken numerically (delta
        method).
    level
        Coverage aimed at.
    """
    step = 1e-5
    steps = step * np.eye(fit.beta.size)
    gradient = np.array([(effect(fit.beta + d) - effect(fit.beta - d)) / (2 * step) for d in steps])
    error = float(np.sqrt(gradient @ fit.covariance @ gradient))
    return _interval(float(effect(fit.beta)), error, fit.freedom, level)


def _interval(
    value: float, error: float, freedom: float, level: float
) -> tuple[float, float, float, float]:
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else 1.0
    return value, value - half, value + half, p_value


def probability(fit: Fit, design: Floats, beta: Floats) -> Floats:
    """Return the probability of a right answer for design rows (rows, k) at coefficients (k,)."""
    chance: Floats = special.expit(design @ beta + fit.offsets)
    return chance
