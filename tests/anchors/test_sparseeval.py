import numpy as np
import pytest
import torch

from illusion_lib.anchors.sparseeval import (
    CHECK_EVERY,
    PATIENCE,
    Checks,
    SparseEval,
    errors_and_slopes,
    swap_once,
)

QUICK = {"n_anchors": 8, "proxy_steps": 30, "final_steps": 500}


def test_published_settings_are_the_defaults():
    estimator = SparseEval()
    assert (estimator.swaps, estimator.proxy_steps, estimator.final_steps) == (10, 2000, 20000)
    assert (CHECK_EVERY, PATIENCE) == (500, 30)


def test_importances_equal_their_definitions():
    """AIS from autograd of the loss itself, CIS by loops."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    scores = (rng.random((20, 9)) < 0.5).astype(float)
    anchors, target = np.array([2, 5, 7]), rng.random(20)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 1))
    error, slopes = errors_and_slopes(network, scores[:, anchors], target)
    x = torch.tensor(scores[:, anchors], dtype=torch.float32, requires_grad=True)
    loss = ((network(x)[:, 0] - torch.tensor(target, dtype=torch.float32)) ** 2).mean()
    loss.backward()
    ais = x.grad.abs().mean(0).numpy()
    formula = 2 / 20**2 * (np.abs(error)[:, None] * np.abs(slopes)).sum(0)
    assert formula == pytest.approx(ais, rel=1e-4)
    cis = [abs(sum((scores[m, j] - 0.5) * error[m] for m in range(20))) for j in range(9)]
    best = max((j for j in range(9) if j not in anchors), key=lambda j: cis[j])
    expected = anchors.copy()
    expected[int(np.argmin(ais))] = best
    assert swap_once(anchors, scores, error, slopes).tolist() == expected.tolist()


def test_a_constant_item_may_enter():
    """Defect B6, kept on purpose: an uncentred candidate score rewards a constant column."""
    scores = np.zeros((6, 3))
    scores[:, 1] = [0, 1, 0, 1, 0, 1]
    scores[:, 2] = 1
    error = np.full(6, 0.3)
    swapped = swap_once(np.array([0]), scores, error, np.ones((6, 1)))
    assert swapped.tolist() == [2]


def test_a_check_counts_only_if_loss_and_rank_are_no_worse():
    network = torch.nn.Linear(1, 1, bias=False)
    held = np.array([[0.0], [0.5], [1.0]]), np.array([0.0, 0.5, 1.0])
    checks = Checks(network, held)

    def at(weight):
        with torch.no_grad():
            network.weight.fill_(weight)
        return checks.stop()

    assert not any(at(weight) for weight in (0.5, 0.9, -1.0, 0.7))  # two count, two do not
    assert checks._patience == 2
    checks.restore()
    assert network.weight.item() == pytest.approx(0.9)
    for _ in range(PATIENCE - 3):
        assert not at(-1.0)
    assert at(-1.0)


def test_test_models_enter_only_through_the_named_leak(scores, new_scores):
    clean = SparseEval(**QUICK, swaps=0).fit(scores)
    everyone = np.vstack([scores, 1 - new_scores])
    leaked = SparseEval(**QUICK, swaps=0, leaked_scores=everyone).fit(scores)
    assert clean.anchors_.tolist() != leaked.anchors_.tolist()


def test_ten_swaps_change_the_anchors_and_nothing_global(scores):
    before = torch.random.get_rng_state()
    start = SparseEval(**QUICK, swaps=0, network="linear").fit(scores)
    end = SparseEval(**QUICK, network="linear").fit(scores)
    assert torch.equal(before, torch.random.get_rng_state())
    assert 1 <= len(set(end.anchors_) - set(start.anchors_)) <= 10


def test_the_linear_network_is_a_line(scores):
    fitted = SparseEval(**QUICK, network="linear", swaps=0).fit(scores)
    zero, half, one = (fitted._read(np.full((1, 8), v))[0] for v in (0.0, 0.5, 1.0))
    assert half == pytest.approx((zero + one) / 2, abs=1e-6)
