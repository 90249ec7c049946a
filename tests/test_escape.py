import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.escape import attribute, plain, shorten, visible


@pytest.mark.parametrize(
    "payload",
    ["<script>alert(1)</script>", '" onmouseover="x', "a & b", "<b>", "</bdi><i>"],
)
def test_markup_is_shown_as_text(payload):
    shown = plain(payload)
    inside = shown.removeprefix('<bdi class="tex2jax_ignore">').removesuffix("</bdi>")
    assert "<" not in inside
    assert '"' not in inside


@given(st.text())
def test_no_text_opens_a_tag_or_ends_an_attribute(text):
    assert "<" not in attribute(text)
    assert '"' not in attribute(text)
    assert "\n" not in visible(text)


def test_formulas_stay_out_of_mathjax():
    assert 'class="tex2jax_ignore"' in plain(r"$\frac{1}{2}$")


def test_invisible_characters_become_visible():
    assert visible("a\u202eb\x07") == "a\\u202eb\\x07"


def test_long_text_is_cut_with_an_ellipsis():
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
