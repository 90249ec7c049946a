import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from illusion_lib.anchors.linear import PENALTIES, fit_line


def data(n=40, k=6):
    rng = np.random.default_rng(1)
    x = rng.random((n, k))
    return x, x @ rng.random(k) / k + rng.normal(0, 0.05, n)


@pytest.mark.parametrize(("n", "k"), [(40, 6), (8, 20)])
def test_equals_scikit_learn_at_its_penalty_and_chooses_the_same_one(n, k):
    x, y = data(n, k)
    line = fit_line(x, y)
    unit = ((x - x.mean(0)) ** 2).sum() / k
    reference = RidgeCV(PENALTIES * unit).fit(x, y)
    assert line.penalty == pytest.approx(reference.alpha_)
    assert line.weights == pytest.approx(Ridge(line.penalty).fit(x, y).coef_, abs=1e-8)
    assert line(x) == pytest.approx(reference.predict(x), abs=1e-8)


def test_leave_one_out_is_what_leaving_one_out_gives():
    x, y = data()
    line = fit_line(x, y, penalties=np.array([0.3]))
    errors = []
    for m in range(len(y)):
        rest = np.arange(len(y)) != m
        errors.append(y[m] - Ridge(0.3).fit(x[rest], y[rest]).predict(x[m : m + 1])[0])
    assert line.leave_one_out == pytest.approx(np.sqrt(np.mean(np.square(errors))))


def test_constant_answers_give_the_mean():
    line = fit_line(np.ones((5, 3)), np.arange(5) / 5)
    assert line(np.ones((1, 3))) == pytest.approx([0.4])
