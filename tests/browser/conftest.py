"""A browser, a built site and a local server; each missing piece is a reason to skip."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def newest_site():
    """Return the HTML folder in ``ILLUSION_SITE``, else the newest below ``runs``; None without."""
    named = os.environ.get("ILLUSION_SITE")
    if named:
        return Path(named).resolve()
    built = Path(__file__).parents[2].glob("runs/*/report/_build/html/index.html")
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


@pytest.fixture(scope="session")
def site_folder():
    """Return the HTML folder to check."""
    folder = newest_site()
    if folder is None:
        pytest.skip(
            "no report is built; run `make report` or name its HTML folder in ILLUSION_SITE"
        )
    return folder


@pytest.fixture(scope="session")
def browser():
    api = pytest.importorskip(
        "playwright.sync_api", reason="the package playwright is not installed"
    )
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


def settle(page, page_address):
    """Open a page and wait until its scripts have run and its formulas are set.

    On a busy machine half a second may pass without a request before a page has read its scripts,
    and Playwright takes that for an idle network; so its load is waited for first.
    """
    page.goto(page_address, wait_until="load")
    page.wait_for_load_state("networkidle")
    page.evaluate("window.MathJax?.startup?.promise")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site_folder):
    handler = functools.partial(_Quiet, directory=str(site_folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
