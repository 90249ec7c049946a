import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from illusion_lib.anchors.adaptive import ABILITIES, AdaptiveTest, ability_posterior
from illusion_lib.anchors.irt_model import (
    TwoParameter,
    _logistic_ridge,
    fit_two_parameter,
)
from illusion_lib.anchors.item_response import ItemResponse, fill_unseen


def test_newton_finds_the_penalised_maximum():
    """Against scipy's optimiser, problem by problem."""
    rng = np.random.default_rng(0)
    x, offset = rng.normal(size=(30, 2)), rng.normal(size=30)
    answers = (rng.random((4, 30)) < 0.6).astype(float)
    prior = np.array([1.0, 0.3])
    ours = _logistic_ridge(x, offset, answers, np.zeros((4, 2)), prior, rounds=50)
    for row, found in zip(answers, ours, strict=True):

        def loss(w, row=row):
            logit = x @ w + offset
            return (np.logaddexp(0, logit) - row * logit).sum() + 0.5 * (prior * w**2).sum()

        assert found == pytest.approx(minimize(loss, np.zeros(2)).x, abs=1e-4)


def test_recovers_the_world_it_was_drawn_from():
    rng = np.random.default_rng(1)
    ability = rng.normal(size=(500, 1))
    slopes, ease = rng.uniform(0.5, 2, (60, 1)), rng.normal(size=60)
    scores = (rng.random((500, 60)) < expit(ability @ slopes.T + ease)).astype(float)
    model, found = fit_two_parameter(scores)
    assert np.corrcoef(found[:, 0], ability[:, 0])[0, 1] > 0.95
    assert np.corrcoef(model.slopes[:, 0], slopes[:, 0])[0, 1] > 0.8
    assert np.corrcoef(model.ease, ease)[0, 1] > 0.97
    assert model.probability(found).mean(0) == pytest.approx(scores.mean(0), abs=0.03)


def test_two_dimensions_fit_two_skills():
    rng = np.random.default_rng(2)
    ability = rng.normal(size=(300, 2))
    slopes = np.repeat(np.eye(2) * 2, 20, axis=0)
    scores = (rng.random((300, 40)) < expit(ability @ slopes.T)).astype(float)
    gap = []
    for dimensions in (1, 2):
        model, found = fit_two_parameter(scores, dimensions)
        gap.append(np.abs(model.probability(found) - expit(ability @ slopes.T)).mean())
    assert gap[1] < 0.75 * gap[0]


def test_posterior_equals_quadrature_by_hand():
    model = TwoParameter(np.array([[1.5], [0.7]]), np.array([0.2, -1.0]))
    mean, spread = ability_posterior(model, np.array([0, 1]), np.array([1.0, 0.0]))
    density = np.exp(-0.5 * ABILITIES**2)
    density *= expit(1.5 * ABILITIES + 0.2) * (1 - expit(0.7 * ABILITIES - 1.0))
    density /= density.sum()
    assert mean == pytest.approx((density * ABILITIES).sum())
    assert spread == pytest.approx(np.sqrt((density * (ABILITIES - mean) ** 2).sum()))
    nothing = ability_posterior(model, np.array([], dtype=int), np.array([]))
    assert nothing == pytest.approx((0, 1), abs=1e-2)


def test_p_irt_uses_seen_answers_exactly(scores):
    fitted = ItemResponse(n_anchors=60, reading="p-irt").fit(scores)
    assert fitted.assess(scores) == pytest.approx(scores.mean(1))
    model = fitted.model_
    mean = fill_unseen(model, np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.array([3, 5]))
    rest = np.delete(expit(model.ease), [3, 5]).sum()
    assert mean[0] == pytest.approx((1 + rest) / 60)


def test_gp_irt_lies_between_its_parts(scores, new_scores):
    both = ItemResponse(n_anchors=15).fit(scores)
    alone = ItemResponse(n_anchors=15, reading="p-irt").fit(scores)
    assert both.anchors_.tolist() == alone.anchors_.tolist()
    assert 0 < both.share_ < 1
    answers = new_scores[:, both.anchors_]
    mixed = both.share_ * (answers @ both.weights_) + (1 - both.share_) * alone.predict(answers)
    assert both.predict(answers) == pytest.approx(mixed)


def test_each_adaptive_item_has_the_greatest_information(scores, new_scores):
    fitted = AdaptiveTest(n_anchors=6).fit(scores)
    sitting = fitted.sit(lambda items: new_scores[0, items])
    for step in range(6):
        ability, _ = fitted._posterior(sitting.items[:step], sitting.answers[:step])
        at = ABILITIES[np.argmin(np.abs(ABILITIES - ability))]
        p = fitted.model_.probability(np.array([[at]]))[0]
        worth = fitted.model_.slopes[:, 0] ** 2 * p * (1 - p)
        worth[sitting.items[:step]] = -1
        assert worth[sitting.items[step]] == pytest.approx(worth.max(), abs=1e-8)


def test_adaptive_testing_stops_at_the_wanted_error(scores, new_scores):
    fitted = AdaptiveTest(n_anchors=60, standard_error=0.45).fit(scores)
    sitting = fitted.sit(lambda items: new_scores[0, items])
    assert sitting.standard_error <= 0.45
    assert len(sitting.items) < 30
    before = fitted._posterior(sitting.items[:-1], sitting.answers[:-1])
    assert before[1] > 0.45


def test_a_twin_is_not_asked_while_other_items_are_left(scores, new_scores):
    doubled, new = np.column_stack([scores, scores]), np.column_stack([new_scores, new_scores])
    fitted = AdaptiveTest(n_anchors=30).fit(doubled)
    sitting = fitted.sit(lambda items: new[0, items])
    for items in (sitting.items, fitted.anchors_):
        assert len(set((items % 60).tolist())) == 30
