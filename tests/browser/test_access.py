"""axe-core on every page, light and dark: no serious or critical violation of WCAG A and AA."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
THEMES = ("light", "dark")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
GRAVE = {"serious", "critical"}


def pages(folder):
    return sorted(str(path.relative_to(folder)) for path in (folder / "book").rglob("*.html"))


@pytest.fixture(scope="session")
def axe():
    module = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    return (Path(module.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", THEMES)
def test_no_page_shuts_anybody_out(browser, address, site_folder, axe, theme):
    found = {}
    for name in pages(site_folder):
        context = browser.new_context(viewport={"width": 1366, "height": 900}, color_scheme=theme)
        context.add_init_script(f"localStorage.mode = '{theme}'; localStorage.theme = '{theme}'")
        page = context.new_page()
        page.goto(f"{address}/{name}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        page.evaluate(axe)
        result = page.evaluate(f"axe.run(document, {json.dumps(RULES)})")
        for violation in result["violations"]:
            if violation["impact"] in GRAVE:
                for node in violation["nodes"][:3]:
                    where = f"{name}: {node['html'][:160]} | {node['failureSummary'][:200]}"
                    found.setdefault(violation["id"], []).append(where)
        assert result["passes"], f"{name}: axe checked nothing"
        context.close()
    assert found == {}, json.dumps(found, indent=1)
