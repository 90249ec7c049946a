import pandas as pd
import pytest

from illusion_lib.report.numerals import (
    absent,
    count,
    interval,
    p_value,
    percent,
    share,
    signed,
    with_interval,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.125, "+0.13"), (-0.125, "−0.13"), (-0.5, "−0.50"), (0.001, "0.00"), (-0.001, "0.00")],
)
def test_differences_carry_a_true_sign(value, shown):
    assert signed(value) == shown


def test_a_half_is_rounded_alike_everywhere():
    for of_80 in range(81):
        assert share(of_80 / 80) == f"{int(percent(of_80 / 80)[:-2]) / 100:.2f}"
    assert share(-0.35) == "−0.35"
    assert share(-0.001) == "0.00"


def test_numbers_read_well():
    assert count(12345) == "12\u202f345"
    assert percent(0.625) == "63\u00a0%"
    assert p_value(0.0004) == "< 0.001"
    assert with_interval(0.5, 0.4, 0.6) == "0.50 [0.40, 0.60]"


@pytest.mark.parametrize("nothing", [None, pd.NA, float("nan")])
def test_what_is_missing_is_a_dash(nothing):
    assert absent(nothing)
    assert interval(nothing, 0.5) == "–"
    assert with_interval(nothing, 0.1, 0.5) == "–"
    assert with_interval(0.3, nothing, nothing) == "0.30"
