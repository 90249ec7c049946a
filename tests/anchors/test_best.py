import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from illusion_lib import anchors
from illusion_lib.anchors.factors import fit_factors, shrunk_equations


def factor_world(n_models, n_items=40, rank=2, seed=0):
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0, 0.1, (n_items, rank))
    own = rng.uniform(0.005, 0.02, n_items)
    factors = rng.normal(size=(n_models, rank))
    noise = rng.normal(size=(n_models, n_items)) * np.sqrt(own)
    return 0.5 + factors @ loadings.T + noise, loadings, own


def test_the_factor_model_recovers_a_covariance_from_few_models():
    scores, loadings, own = factor_world(2000)
    found = fit_factors(scores, scores.mean(1), True, rank=2, rounds=40)
    truth = loadings @ loadings.T + np.diag(own)
    gap = found.loadings @ found.loadings.T + np.diag(found.own) - truth
    assert np.abs(gap).max() < 0.06 * np.abs(truth).max()
    few = factor_world(60)[0]
    shrunk = fit_factors(few, few.mean(1), True, rank=2, rounds=40)
    sample = np.cov(few.T, bias=True)
    model = shrunk.loadings @ shrunk.loadings.T + np.diag(shrunk.own)
    off = ~np.eye(40, dtype=bool)
    assert ((model - truth)[off] ** 2).sum() < 0.85 * ((sample - truth)[off] ** 2).sum()


def test_its_line_is_the_conditional_mean():
    scores, _, _ = factor_world(300)
    found = fit_factors(scores, scores.mean(1), True, rank=2, rounds=40)
    covariance = found.loadings @ found.loadings.T + np.diag(found.own)
    picked = np.array([3, 11, 25])
    # The mean of all items: covariance with an item is that row's mean.
    expected = np.linalg.solve(covariance[np.ix_(picked, picked)], covariance[picked].mean(1))
    weights, intercept = found.line(picked)
    assert weights == pytest.approx(expected, rel=0.05)
    assert intercept + scores[:, picked].mean(0) @ weights == pytest.approx(scores.mean())


def test_mixed_equations_are_the_mixture_of_the_two_covariances(scores):
    target = scores.mean(1)
    factors = fit_factors(scores, target, True, rank=3)
    mixed = shrunk_equations(scores, target, factors, 0.4)
    sample = np.cov(scores.T, bias=True)
    model = factors.loadings @ factors.loadings.T + np.diag(factors.own)
    gram = mixed.columns.T @ mixed.columns + np.diag(mixed.penalty)
    assert gram / 80 == pytest.approx(0.6 * sample + 0.4 * model, abs=1e-10)
    assert mixed.lengths == pytest.approx(np.diag(mixed.columns.T @ mixed.columns))
    shared = 0.6 * sample.mean(1) + 0.4 * (factors.loadings @ factors.target + factors.own / 60)
    assert mixed.products / 80 == pytest.approx(shared, abs=1e-10)


def test_best_beats_random_items_and_a_line(simulate):
    """In an item response world of 150 models, over five draws of new models."""
    errors = {"best-fixed": [], "random-ridge": []}
    for seed in range(5):
        world = simulate(250, 120, seed)
        for name, held in errors.items():
            estimator = anchors.ESTIMATORS[name]
            fitted = replace(estimator, n_anchors=20, seed=seed).fit(world[:150])
            held.append(np.abs(fitted.assess(world[150:]) - world[150:].mean(1)).mean())
    assert np.mean(errors["best-fixed"]) < 0.85 * np.mean(errors["random-ridge"])


def test_beyond_all_training_models_rasch_reads(simulate):
    """The better half teaches, the worst are judged; within the training models nothing changes."""
    world = simulate(300, 150, 3)
    world = world[np.argsort(world.mean(1))]
    worst, train = world[:60], world[150:]
    fitted = anchors.best(n_anchors=40).fit(train)
    answers = worst[:, fitted.anchors_]
    line = fitted._line(answers) + fitted.curve_(answers)
    share = fitted._handed_over(answers)
    means = train[:, fitted.anchors_].mean(1)
    assert (share[answers.mean(1) >= means.min()] == 0).all()
    assert (share[answers.mean(1) < means.min() - 0.5 * means.std()] == 1).all()
    assert (fitted._handed_over(train[:, fitted.anchors_]) == 0).all()
    truth, beyond = worst.mean(1), share > 0
    assert beyond.sum() > 20
    error = np.abs(fitted.predict(answers) - truth)[beyond].mean()
    assert error < 0.8 * np.abs(line - truth)[beyond].mean()


def test_best_is_the_named_estimator_with_its_settings(scores):
    fitted = anchors.best(n_anchors=7, seed=4).fit(scores)
    assert fitted.anchors_.shape == (7,)
    assert fitted.swaps_ <= 14


@pytest.mark.slow
def test_five_seconds_and_three_matrices_at_1000_by_1400(simulate):
    scores = simulate(1000, 1400)
    start = time.process_time()
    anchors.best(n_anchors=100).fit(scores)
    assert time.process_time() - start <= 5
    tracemalloc.start()
    anchors.best(n_anchors=100).fit(scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 3 * scores.nbytes
