"""How a comparison reads: in a terminal, as a page, and with names that strangers chose."""

import pandas as pd
import pytest

from illusion_lib import divergence
from illusion_lib.report import comparison


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    items = [f"q{i}" for i in range(40)]
    after = [i % 4 != 0 for i in range(40)]
    first = pd.DataFrame({"item_id": items * 2, "probe": ["open"] * 40 + ["choice"] * 40})
    before = first.assign(correct=True, n_options=4)
    return divergence.compare(before, first.assign(correct=after + [True] * 40, n_options=4))


def test_the_sentence_states_every_format(rows) -> None:
    text = comparison.sentence(rows)
    assert "says it (open answer) −0.25 [" in text
    assert "picks minus says +0.25 [" in text
    assert "on 40 questions" in text


def test_missing_answers_are_counted_in_the_sentence(rows) -> None:
    lacking = rows.assign(only_before=3)
    assert "9 answers are in one set only and left out" in comparison.sentence(lacking)


def test_terminal_rows_fit_their_headings(rows) -> None:
    heads, lines, key = comparison.terminal_rows(rows, 0.1)
    assert {len(line) for line in lines} == {len(heads)}
    assert lines[0][:5] == ["all", "open", "40", "1.00", "0.75"]
    assert lines[0][6] == "10/0"
    assert "±0.10" in key


@pytest.mark.parametrize(
    ("known", "told"), [(["en"], ["all"]), (["en", "es"], ["all", "en", "es"])]
)
def test_a_single_language_is_told_once(known, told) -> None:
    items = [f"q{i}" for i in range(40)]
    first = pd.DataFrame({"item_id": items, "probe": "open", "language": (known * 40)[:40]})
    rows = divergence.compare(first.assign(correct=True), first.assign(correct=False))
    _, lines, _ = comparison.terminal_rows(rows, 0.1)
    assert [line[0] for line in lines] == told
    page = comparison.comparison_page(rows, "a", "b", 0.1)
    assert page.count("<tr>") == 1 + len(told)
    assert "on 40 questions" in comparison.sentence(rows)


def test_the_page_escapes_names_and_needs_nothing_else(rows) -> None:
    page = comparison.comparison_page(rows, "<script>alert(1)</script>", "b", 0.1)
    assert "<script" not in page
    assert "http" not in page
    assert "nan" not in page.lower().replace("finance", "")
    assert page.count("<tr>") == 1 + len(comparison.told_once(rows))
