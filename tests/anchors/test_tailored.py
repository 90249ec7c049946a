import numpy as np
import pytest

from illusion_lib.anchors.tailored import Tailored


def test_only_asked_items_are_looked_at(scores, new_scores):
    fitted = Tailored(n_anchors=14, probes=6).fit(scores)
    asked = []

    def respond(items):
        asked.extend(items.tolist())
        return new_scores[0, items]

    guess = fitted.ask(respond)
    assert len(asked) == len(set(asked)) == 14
    hidden = np.full_like(new_scores[:1], 0.5)
    hidden[0, asked] = new_scores[0, asked]
    assert fitted.assess(hidden)[0] == guess


def test_a_models_clone_gets_its_score(simulate):
    """With one neighbour that answers alike, every cluster's ratio is 1."""
    base = simulate(6, 50, 4)
    scores = np.repeat(base, 5, axis=0)
    fitted = Tailored(n_anchors=20, probes=10).fit(scores)
    fitted._n_near = 5
    assert fitted.assess(base) == pytest.approx(base.mean(1), abs=1e-9)


def test_the_estimate_by_hand():
    scores = np.array([[1.0, 1, 0, 0], [1, 1, 1, 0]])
    fitted = Tailored(n_anchors=2, probes=1).fit(scores)
    # Means of the neighbours 1, 1, 1/2, 0; item 0 stands for itself and 1, item 2 for itself, and
    # item 3 (0, 0) is as far from 2 as from nothing nearer. Answers 0 and 1:
    # item 1: (1 + .5) * (0 + .5) / 1.5 - .5 = 0; item 3: .5 * 1.5 / 1 - .5 = .25
    guess = fitted._estimate(np.array([0, 1]), np.array([0, 2]), np.array([0.0, 1.0]))
    assert guess == pytest.approx((0 + 0 + 1 + 0.25) / 4)
