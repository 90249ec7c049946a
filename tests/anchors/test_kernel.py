import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from illusion_lib.anchors.kernel import NOISES, Kernel, _leave_one_out, _solve, fit_curve


def data(n=30, k=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, k))
    return x, np.sin(3 * x[:, 0]) * x[:, 1] + rng.normal(0, 0.02, n)


def test_the_kernel_is_what_it_says():
    x, _ = data()
    kernel = Kernel(x.mean(0), 0.4, 0.3, 1.2)
    linear = (x - x.mean(0)) @ (x - x.mean(0)).T / 0.4
    gaussian = rbf_kernel(x, gamma=1 / (2 * 1.2**2 * 2 * 0.4))
    assert kernel(x, x) == pytest.approx(0.7 * linear + 0.3 * gaussian)


def test_equals_scikit_learns_kernel_ridge_on_the_centred_kernel():
    x, y = data()
    z, _ = data(seed=1)
    kernel = Kernel(x.mean(0), 0.4, 0.5, 1.0)
    curve = _solve(x, y, kernel, 0.1, 0.0)
    gram, cross = kernel(x, x), kernel(z, x)
    inner = gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
    outer = cross - gram.mean(0) - cross.mean(1)[:, None] + gram.mean()
    reference = KernelRidge(alpha=0.1, kernel="precomputed").fit(inner, y - y.mean())
    assert curve(z) == pytest.approx(y.mean() + reference.predict(outer))


def test_leave_one_out_is_what_leaving_one_out_gives():
    """Against refits without each row, the intercept included; the kernel stays as it is."""
    x, y = data(14)
    kernel = Kernel(x.mean(0), 0.4, 0.5, 1.0)
    level = 18
    errors = []
    for m in range(len(y)):
        rest = np.arange(len(y)) != m
        errors.append(y[m] - _solve(x[rest], y[rest], kernel, NOISES[level], 0.0)(x[m : m + 1])[0])
    assert _leave_one_out(kernel(x, x), y)[level] == pytest.approx(np.mean(np.square(errors)))


def test_a_curve_is_found_where_there_is_one_and_none_where_not():
    x, y = data(120)
    z, truth = data(80, seed=3)
    curve = fit_curve(x, y)
    line = np.linalg.lstsq(np.column_stack([x, np.ones(120)]), y, rcond=None)[0]
    straight = np.column_stack([z, np.ones(80)]) @ line
    assert curve.kernel.share > 0
    assert np.abs(curve(z) - truth).mean() < 0.7 * np.abs(straight - truth).mean()
    assert fit_curve(x, np.full(120, 0.3))(z) == pytest.approx(0.3)
