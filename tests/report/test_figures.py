import xml.etree.ElementTree as ET

import numpy as np
import pytest

from illusion_lib import divergence
from illusion_lib.report import figures
from illusion_lib.report.cheap_test import cheapest, few_questions
from illusion_lib.report.figures.flow import _tops
from illusion_lib.report.figures.strip import outcome_grid


@pytest.fixture(scope="module")
def tables(records):
    items = divergence.outcomes(records)
    return {
        "accuracy": divergence.accuracy(records),
        "gaps": divergence.gaps(items, resamples=200),
        "recovery": divergence.recovery(records),
        "budget": divergence.budget_curve(records, resamples=200),
        "transitions": divergence.transitions(divergence.pairs(items)),
    }


@pytest.fixture(scope="module")
def exhibits(records, tables):
    cell = "wanda-s050"
    study = few_questions(records, seeds=2)
    at = {name: table[table["cell"] == cell] for name, table in tables.items()}
    return {
        "accuracy": figures.accuracy(tables["accuracy"]),
        "dense": figures.accuracy(tables["accuracy"].query("method == 'dense'")),
        "language": figures.accuracy_by_language(tables["accuracy"]),
        "forest": figures.gap_forest(tables["gaps"]),
        "by_language": figures.gap_by_language(tables["gaps"]),
        "strip": figures.heat_strip(divergence.outcomes(records)),
        "budget": figures.budget_curves(at["budget"]),
        "flow": figures.flow(at["transitions"]),
        "recovery": figures.recovery(at["recovery"]),
        "recovery_by_cell": figures.recovery_by_cell(tables["recovery"]),
        "ranks": figures.rank_distribution(records, cell),
        "error": figures.anchor_error(study.table),
        "agreement": figures.agreement(study.estimates, study.table["estimator"].iloc[0], 8),
    }


NAMES = ("accuracy", "dense", "language", "forest", "by_language", "strip", "budget", "flow",
         "recovery", "recovery_by_cell", "ranks", "error", "agreement")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_its_words_and_valid_svg(exhibits, name):
    shown = exhibits[name]
    assert shown.caption.endswith(".")
    assert len(shown.alt) > 40
    assert any(character.isdigit() for character in shown.n)
    svg = ET.fromstring(shown.svg())
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == shown.alt[:2000]
    assert "records" in shown._repr_html_()


def test_drawings_of_one_page_share_no_id(exhibits):
    ids = [
        element.get("id")
        for shown in exhibits.values()
        for element in ET.fromstring(shown.svg()).iter()
        if element.get("id")
    ]
    assert len(ids) == len(set(ids))


def test_axes_are_labelled(exhibits):
    for name in ("accuracy", "forest", "recovery", "ranks", "error", "agreement"):
        axes = exhibits[name].figure.axes[0]
        assert axes.get_xlabel()
        assert axes.get_ylabel() or len(axes.get_yticklabels()) > 1


def test_caption_of_accuracy_states_the_largest_parting(exhibits, records):
    gold = records[records["target"] == "gold"]
    wide = gold.pivot_table(index="label", columns="probe", values="correct", aggfunc="mean")
    worst = (wide["choice"] - wide["open"]).astype(float).drop("dense").idxmax()
    said = f"{100 * wide.loc[worst, 'open']:.0f}\u00a0%"
    assert f"part most at {worst}" in exhibits["accuracy"].caption
    assert said in exhibits["accuracy"].caption


def test_caption_of_flow_counts_the_lost(exhibits, records):
    paired = divergence.pairs(divergence.outcomes(records))
    paired = paired[paired["cell"] == "wanda-s050"]
    able = int((paired["outcome_dense"] == "both").sum())
    lost = int((paired["flow"] == "lost").sum())
    assert f"Of {able} answers" in exhibits["flow"].caption
    assert f"{lost} (" in exhibits["flow"].caption


def test_stacked_blocks_do_not_overlap():
    heights = np.array([0.5, 0.0, 0.3, 0.2])
    tops = _tops(heights)
    bottoms = tops - heights
    drawn = heights > 0
    assert tops[0] == 0
    assert np.all(tops[drawn][1:] < bottoms[drawn][:-1])


def test_cheapest_test_is_the_smallest_that_reaches(records):
    study = few_questions(records, seeds=2)
    found = cheapest(study, 24, margin=1.0)
    assert found.questions == min(study.table["K"])
    assert cheapest(study, 24, margin=-1.0).questions is None


def test_few_variants_teach_nothing(records):
    assert few_questions(records[records["cell"].isin(["dense", "wanda-s050"])]) is None


def test_strip_orders_questions_by_the_dense_model(records):
    items = divergence.outcomes(records)
    grid = outcome_grid(items[items["language"] == "en"])
    assert grid.shape == (items["cell"].nunique(), (items["language"] == "en").sum() // len(grid))
    assert (np.diff(grid[0]) >= 0).all()


def test_a_cell_without_lost_answers_has_a_budget_figure(records):
    table = divergence.budget_curve(records, resamples=200)
    shown = figures.budget_curves(table[table["group"] != "lost"].query("cell == 'wanda-s050'"))
    assert "nothing to bring back" in shown.caption
    assert shown.svg()
