"""A figure's phone form: narrow, stacked, nothing lost, and its own form given back."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.phone import FITS, WIDTH, narrow
from illusion_lib.report.style import drawing, new_figure

LONG = "share of its ability kept: multiple choice minus open answers"


@pytest.fixture
def figure():
    with drawing():
        made = new_figure(7.2, 3.0)
        panels = made.subplots(1, 3, sharey=True)
        for axes, name in zip(panels, "abc", strict=True):
            axes.plot([0, 1], [0, 1], label="a line with a long name")
            axes.set(title=name, xlabel=LONG)
        panels[0].set_ylabel("share")
        panels[1].legend()
        made.legend(handles=panels[0].get_lines(), loc="outside upper left", ncols=2)
    return made


def form(figure):
    """Return all that the phone form may change."""
    figure.draw_without_rendering()
    return [
        tuple(figure.get_size_inches()),
        len(figure.legends),
        *(
            (
                axes.get_subplotspec().get_geometry(),
                axes.get_xlabel(),
                axes.get_ylabel(),
                axes.get_legend() is not None and axes.get_legend().get_visible(),
                [t.get_visible() and t.label1.get_visible() for t in axes.yaxis.get_major_ticks()],
            )
            for axes in figure.axes
        ),
    ]


def test_panels_are_stacked_and_each_has_its_numbers(figure):
    with drawing(), narrow(figure):
        figure.draw_without_rendering()
        assert figure.get_figwidth() == WIDTH
        boxes = [axes.get_position() for axes in figure.axes]
        assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
        assert all(box.width > 0.7 for box in boxes)
        for axes in figure.axes:
            assert axes.get_ylabel() == "share"
            assert all(tick.label1.get_visible() for tick in axes.yaxis.get_major_ticks())
        assert [axes.get_xlabel().replace("\n", " ") for axes in figure.axes] == ["", "", LONG]
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["a line with a long name"]


def test_nothing_leaves_the_drawing(figure):
    with drawing(), narrow(figure):
        figure.draw_without_rendering()
        inside = figure.get_tightbbox()
        assert inside.x0 >= -0.02
        assert inside.x1 <= WIDTH + 0.02


def test_the_own_form_is_given_back_also_after_an_error(figure):
    before = form(figure)
    with pytest.raises(ZeroDivisionError), drawing(), narrow(figure):
        raise ZeroDivisionError
    assert form(figure) == before


def test_a_wide_figure_has_both_forms_and_a_small_one_its_own(figure):
    both = Exhibit(figure, "It rises.", "A line.", "2")._repr_html_()
    assert (both.count("<svg "), both.count("for-phone"), both.count("for-desk")) == (2, 1, 1)
    ids = [e.get("id") for e in ET.fromstring(both).iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    with drawing():
        small = new_figure(FITS, 3.0)
        small.subplots().plot([0, 1])
    assert Exhibit(small, "It rises.", "A line.", "2")._repr_html_().count("<svg ") == 1
