"""What every estimator must keep, whichever it is."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from illusion_lib.anchors import ESTIMATORS, AnchorError, Estimator, RandomRidge

K = 12


QUICK = {  # the published step counts take minutes; even so these two are marked slow
    "sparseeval": {"proxy_steps": 20, "final_steps": 500, "swaps": 1},
    "sparseeval-linear": {"proxy_steps": 20, "final_steps": 1000, "swaps": 1},
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in QUICK else name for name in ESTIMATORS
    ]
)
def estimator(request):
    settings = QUICK.get(request.param, {})
    return replace(ESTIMATORS[request.param], n_anchors=K, seed=3, **settings)


# SparseEval as published wants hundreds of models: its stopping rule rests on the few held out of
# these 80 and stops at once. It is measured on real matrices by benchmarks/anchors.py.
@pytest.fixture(params=[name for name in ESTIMATORS if name not in QUICK])
def accurate(request):
    return replace(ESTIMATORS[request.param], n_anchors=K, seed=3)


def test_interface(estimator, scores, new_scores):
    assert estimator.fit(scores) is estimator
    assert isinstance(estimator, Estimator)
    assert estimator.anchors_.shape == (K,)
    assert len(set(estimator.anchors_.tolist())) == K
    answers = new_scores[:, estimator.anchors_]
    guess = estimator.predict(answers)
    assert guess.shape == (len(new_scores),)
    low, high = estimator.interval(answers, 0.8)
    assert (low <= guess + 1e-9).all()
    assert (guess <= high + 1e-9).all()
    assert (low >= 0).all()
    assert (high <= 1).all()


def test_the_same_seed_gives_the_same_result(estimator, scores, new_scores):
    first, again = replace(estimator).fit(scores), replace(estimator).fit(scores)
    assert first.anchors_.tolist() == again.anchors_.tolist()
    assert first.assess(new_scores).tolist() == again.assess(new_scores).tolist()


def test_permuting_models_leaves_the_anchors(estimator, scores):
    order = np.random.default_rng(5).permutation(len(scores))
    straight, shuffled = replace(estimator).fit(scores), replace(estimator).fit(scores[order])
    assert straight.anchors_.tolist() == shuffled.anchors_.tolist()


def test_it_beats_knowing_nothing(accurate, scores, new_scores):
    """Better than always guessing the training models' mean score, by a third with 20 items."""
    truth = new_scores.mean(1)
    guess = replace(accurate, n_anchors=20).fit(scores).assess(new_scores)
    assert np.abs(guess - truth).mean() < np.abs(scores.mean() - truth).mean() / 1.5


def test_constant_and_duplicate_columns_do_no_harm(estimator, scores, new_scores):
    ties, new_ties = (np.column_stack([s, s[:, :20]]) for s in (scores, new_scores))
    for table in (ties, new_ties):
        table[:, 5] = 1
        table[:, 6] = 0
    truth = new_ties.mean(1)
    guess = replace(estimator, n_anchors=20).fit(ties).assess(new_ties)
    assert np.abs(guess - truth).mean() < np.abs(ties.mean() - truth).mean()


def test_fewer_models_than_anchors_is_said(estimator, scores):
    estimator.fit(scores[:9])
    assert any("only 9 training models for 12 anchors" in note for note in estimator.notes_)
    assert np.isfinite(estimator.predict(scores[9:12][:, estimator.anchors_])).all()


def test_missing_answers_are_filled_and_said(estimator, scores):
    holed = scores.copy()
    holed[np.random.default_rng(0).random(holed.shape) < 0.05] = np.nan
    estimator.fit(holed)
    assert any("missing answers filled" in note for note in estimator.notes_)
    answers = scores[:3, estimator.anchors_].copy()
    answers[0, 0] = np.nan
    assert np.isfinite(estimator.predict(answers)).all()


def test_another_target_is_met_on_average(accurate, scores, new_scores):
    """The full benchmark is harder than the items at hand: a line from one to the other."""
    truth = 0.1 + 0.5 * new_scores.mean(1)
    guess = accurate.fit(scores, 0.1 + 0.5 * scores.mean(1)).assess(new_scores)
    assert abs((guess - truth).mean()) < 0.05
    assert np.abs(guess - truth).mean() < 0.08


@pytest.mark.parametrize(
    ("n_anchors", "shape", "message"),
    [
        (0, (5, 4), "at least 1"),
        (5, (5, 4), "5 anchors asked of 4 items"),
        (2, (1, 4), "needs? at"),
    ],
)
def test_impossible_requests_are_refused(n_anchors, shape, message):
    with pytest.raises(AnchorError, match=message.replace("needs? at", "need at least 2")):
        RandomRidge(n_anchors=n_anchors).fit(np.zeros(shape))


def test_bad_answers_are_refused(scores):
    with pytest.raises(AnchorError, match="not fitted"):
        RandomRidge().predict(np.zeros((1, 50)))
    fitted = RandomRidge(n_anchors=5).fit(scores)
    with pytest.raises(AnchorError, match="4 columns for 5 anchors"):
        fitted.predict(np.zeros((1, 4)))
    with pytest.raises(AnchorError, match=r"answers\[0, 2\] is 2"):
        fitted.predict(np.array([[0, 0, 2, 0, 0]]))
    with pytest.raises(AnchorError, match="has no answer at all"):
        fitted.predict(np.full((1, 5), np.nan))
    with pytest.raises(AnchorError, match="level must lie between 0 and 1"):
        fitted.interval(np.zeros((1, 5)), 90)


def test_the_room_imports_without_torch():
    heavy = "any(m in sys.modules for m in ('torch', 'transformers'))"
    code = f"import sys, illusion_lib.anchors; sys.exit({heavy})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
