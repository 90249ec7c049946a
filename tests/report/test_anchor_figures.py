"""The figures of the anchors: what they say is what the tables hold."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from illusion_lib import anchors
from illusion_lib.report import anchor_parts, figures
from illusion_lib.report.anchor_study import plan
from illusion_lib.report.numerals import percent


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(0)
    chance = 1 / (1 + np.exp(-(rng.normal(size=(40, 1)) - rng.normal(size=50)) * 1.5))
    return anchors.ResponseMatrix((rng.random((40, 50)) < chance).astype(float))


def test_the_item_map_marks_the_anchors(matrix):
    fitted = anchors.ForwardRidge(6).fit(matrix.scores)
    items = anchors.item_map(matrix, fitted)
    shown = figures.item_map(items)
    rest, chosen = shown.figure.axes[0].lines
    assert sorted(chosen.get_xdata()) == sorted(items["difficulty"][fitted.anchors_])
    assert len(rest.get_xdata()) == 44
    assert f"{items['discrimination'][items['anchor']].mean():.2f}" in shown.caption
    assert shown.n == "50 questions, 6 anchors"


def test_stability_is_drawn_most_frequent_first(matrix):
    frequency = anchors.stability(matrix, anchors.ForwardRidge(6), draws=5)
    shown = figures.anchor_stability(frequency, 6)
    heights = shown.figure.axes[0].lines[0].get_ydata()
    assert (np.diff(heights) <= 0).all()
    assert percent(frequency["frequency"][:6].mean()) in shown.caption


def test_paired_differences_count_the_clear_ones():
    pairs = pd.DataFrame(
        {
            "estimator": ["worse", "<b>same</b>", "better"],
            "difference": [0.02, 0.001, -0.01],
            "low": [0.01, -0.01, -0.02],
            "high": [0.03, 0.01, -0.005],
            "n_models": 30,
        }
    )
    shown = figures.paired_errors(pairs, "best")
    assert "less than 1 of 3 other estimators" in shown.caption
    assert "more than 1 of them" in shown.caption
    ET.fromstring(shown.svg())
    assert "<b>" not in shown._repr_html_()


def test_the_page_maps_the_questions_and_how_stable_their_choice_is(matrix):
    for part in (anchor_parts.item_map_figure, anchor_parts.stability_figure):
        assert isinstance(part(matrix), figures.Exhibit)


def test_a_plan_says_what_it_leaves_out(matrix):
    wanted = plan(matrix, (10, 99), fast=True)
    assert wanted.n_anchors == (10,)
    assert wanted.splits == ("random", "clone_free", "extrapolation")
    assert "sparseeval" not in wanted.estimators
    assert list(wanted.estimators)[:3] == list(anchors.ALWAYS)
    assert len(wanted.notes) == 2
    assert wanted.size == 3 * 5 * len(wanted.estimators)
    with pytest.raises(anchors.AnchorError, match="unknown split"):
        plan(matrix, (10,), ["x"])
    with pytest.raises(anchors.AnchorError, match="no number of anchors in 1 to 50"):
        plan(matrix, (99,))
