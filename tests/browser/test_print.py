"""Pages on paper: dark text whatever the screen shows, no menus, nothing cut off at the side."""

import pytest

from tests.browser.conftest import settle

pytestmark = pytest.mark.slow
PAPER = 718  # CSS pixels: A4 between margins of a centimetre
_INK = """() => [...document.querySelectorAll('article p, article td, article h2')]
  .filter(e => e.checkVisibility())
  .map(e => getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3).map(Number))
  .filter(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b > 140).length"""
_SEEN = """() => ['.bd-sidebar-primary', '.bd-sidebar-secondary', '.bd-header-article',
  '.prev-next-footer'].filter(s => [...document.querySelectorAll(s)]
  .some(e => e.checkVisibility()))"""


def run_pages(folder):
    pages = [folder / "book" / f"{name}.html" for name in ("intro", "items", "developer")]
    return [*pages, *sorted((folder / "book" / "runs").rglob("*.html"))[:3]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_print(browser, address, site_folder, theme):
    for file in run_pages(site_folder):
        name = str(file.relative_to(site_folder))
        context = browser.new_context(viewport={"width": PAPER, "height": 1000})
        context.add_init_script(f"localStorage.mode = '{theme}'; localStorage.theme = '{theme}'")
        page = context.new_page()
        settle(page, f"{address}/{name}")
        page.emulate_media(media="print")
        assert page.evaluate(_INK) == 0, f"{name}: pale text on white paper ({theme})"
        assert page.evaluate(_SEEN) == [], name
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than the paper"
        assert page.locator(".imprint", has_text="To repeat it").is_visible(), name
        assert page.pdf(format="A4").startswith(b"%PDF")
        context.close()
