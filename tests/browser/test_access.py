"""axe-core on every page: no serious or critical violation of WCAG A and AA, light or dark."""

import json
from pathlib import Path

import pytest

from tests.browser.conftest import newest_site, settle

pytestmark = pytest.mark.slow
# What a page says is the same in both themes, so that dark asks only what colours can break.
RULES = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
GRAVE = {"serious", "critical"}


def pytest_generate_tests(metafunc):
    """Make a test of each page: a site of many pages then meets no time limit as a whole."""
    if "name" in metafunc.fixturenames:
        folder = newest_site()
        pages = sorted((folder / "book").rglob("*.html")) if folder else []
        names = [str(path.relative_to(folder)) for path in pages]
        metafunc.parametrize("name", names or [pytest.param("", id="no report")])


@pytest.fixture(scope="module")
def axe():
    module = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    return (Path(module.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=RULES)
def themed(request, browser, axe):
    """Return a theme and a window in which it is on and axe is loaded."""
    theme = request.param
    context = browser.new_context(viewport={"width": 1366, "height": 900}, color_scheme=theme)
    context.add_init_script(f"localStorage.mode = '{theme}'; localStorage.theme = '{theme}'")
    yield theme, context
    context.close()


def test_page_shuts_nobody_out(themed, address, axe, name):
    theme, context = themed
    page = context.new_page()
    settle(page, f"{address}/{name}")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.evaluate(axe)
    result = page.evaluate(f"axe.run(document, {json.dumps({'runOnly': RULES[theme]})})")
    page.close()
    found = [
        f"{violation['id']}: {node['html'][:160]} | {node['failureSummary'][:200]}"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"][:3]
    ]
    assert found == []
    assert result["passes"], "axe checked nothing"
