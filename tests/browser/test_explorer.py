"""The explorer in a real browser: it filters and sorts rightly, also tens of thousands of rows."""

import time

import pandas as pd
import pytest

from illusion_lib.report.explorer import explorer_table

pytestmark = pytest.mark.slow
ROWS = 50_000
SLOWEST = 60  # seconds to open it, on a machine that is busy with other tests
_OUTPUT = "The capital of this land is a town on a river"
_TOWNS = ("Jakarta", "Lima", "Oslo", "Accra", "Quito", "Dakar", "Hanoi")


def many(rows):
    """Return a frame like the explorer's, of which each filter's result is known."""
    numbers = range(rows)
    return pd.DataFrame(
        {
            "language": [("en", "es")[i % 2] for i in numbers],
            "pruning": [f"Wanda {30 + 10 * (i % 5)} %" for i in numbers],
            "question": [f"What is the capital of land {i}?" for i in numbers],
            "right answer": [_TOWNS[i % 7] for i in numbers],
            "dense model says": [f"The capital of land {i} is {_TOWNS[i % 7]}." for i in numbers],
            "pruned model says": [f"Land {i} is a land with a capital." for i in numbers],
            "dense model picks": [_TOWNS[i % 7] for i in numbers],
            "pruned model picks": [_TOWNS[(i + i % 2) % 7] for i in numbers],
            "outcome": [("kept", "lost: demoted", "neither")[i % 3] for i in numbers],
            "rank, dense": [1] * rows,
            "rank, pruned": [(i * 7919) % rows + 1 for i in numbers],
            "brought back by": ["beam search"] * rows,
            "dense model's log-probabilities": ["Lima −1.0; Oslo −2.0; Accra −3.0"] * rows,
            "pruned model's log-probabilities": ["Lima −4.0; Oslo −5.0; Accra −6.0"] * rows,
            "beam search found": [f"1 of 4 right: {_OUTPUT}; {_OUTPUT}; {i}" for i in numbers],
            "sampling found": [f"0 of 4 right: {_OUTPUT}; {_OUTPUT}; {i}" for i in numbers],
            "one example shown, found": [f"1 of 1 right: Land {i}" for i in numbers],
            "item": [f"capital/{i:05d}/xx" for i in numbers],
            "model": ["some-model"] * rows,
        }
    )


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("explorer") / "many.html"
    shown = explorer_table(many(ROWS)).content
    file.write_text(f"<!doctype html><meta charset=utf-8><title>t</title>{shown}", "utf-8")
    opened = browser.new_page(viewport={"width": 1366, "height": 900})
    begun = time.monotonic()
    opened.goto(file.as_uri())
    opened.wait_for_selector(".dt-info", timeout=60_000)
    opened.seconds_to_open = time.monotonic() - begun
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _unfiltered(page):
    page.locator(".dt-search input").fill("")
    page.wait_for_function("() => !document.querySelector('.dt-info').innerText.includes('filter')")


def place(column):
    return f".dt-container tbody td:nth-child({list(many(1).columns).index(column) + 1})"


def cells(page, column):
    return page.locator(place(column)).all_inner_texts()


def shown(page):
    return page.locator(".dt-info").inner_text()


def head(page, column, button):
    return page.locator(f".dt-container thead th:has-text('{column}') .dtcc-button_{button}").first


def test_tens_of_thousands_of_rows_do_not_freeze_it(page):
    assert f"{ROWS:,}" in shown(page)
    assert page.locator(".dt-container tbody tr").count() == 10, "only these are in the document"
    assert page.seconds_to_open < SLOWEST
    begun = time.monotonic()
    page.locator(".dt-search input").fill('"land 49999?"')
    page.wait_for_function("document.querySelector('.dt-info').innerText.includes('1 to 1 of 1')")
    searched = time.monotonic() - begun
    begun = time.monotonic()
    page.locator(".dt-search input").fill("")
    page.locator(".dt-paging button.last").click()
    assert max(searched, time.monotonic() - begun) < SLOWEST / 4
    print(f"{ROWS} rows: opened in {page.seconds_to_open:.1f} s, searched in {searched:.1f} s")
    page.locator(".dt-paging button.first").click()


def test_sorting_by_a_number_is_numeric_both_ways(page):
    button = head(page, "rank, pruned", "order")
    for wanted in (range(1, 11), range(ROWS, ROWS - 10, -1)):
        button.click()
        page.wait_for_function(
            "([cell, wanted]) => [...document.querySelectorAll(cell)]"
            ".map(e => e.innerText).join() === wanted",
            arg=[place("rank, pruned"), ",".join(map(str, wanted))],
            timeout=1000 * SLOWEST,
        )


def test_a_column_is_filtered_by_its_values(page):
    head(page, "outcome", "dropdown").click()
    listed = page.locator(".dtcc-dropdown .dtcc-list-buttons button")
    assert listed.all_inner_texts() == ["kept", "lost: demoted", "neither"]
    listed.nth(1).click()
    page.wait_for_function("document.querySelector('.dt-info').innerText.includes('filtered')")
    wanted = sum(i % 3 == 1 for i in range(ROWS))
    assert f"of {wanted:,}" in shown(page)
    assert set(cells(page, "outcome")) == {"lost: demoted"}
    listed.nth(1).click()
    page.keyboard.press("Escape")


def test_what_opens_a_filter_says_so(page):
    names = {
        button.get_attribute("aria-label")
        for button in page.locator(".dt-container thead .dtcc-button_dropdown").all()
    }
    assert names == {"Filter this column"}
