"""Every link of the built site leads somewhere: the file is there, and so is the place in it."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

# Places that a script makes when the page is open: the explorer's item.
MADE_BY_SCRIPT = ("item=",)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}
        for name in ("href", "src"):
            if found.get(name):
                self.links.append(found[name])


@cache
def read(path):
    return Page(path.read_text(encoding="utf-8"))


def broken(folder):
    """Return every link inside the site that leads nowhere, as page and address."""
    wrong = []
    for path in sorted(folder.rglob("*.html")):
        if "_static" in path.relative_to(folder).parts:
            continue
        for link in read(path).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            place = unquote(parts.fragment)
            if not target.is_file() or folder.resolve() not in target.resolve().parents:
                wrong.append(f"{path.relative_to(folder)}: {link}")
            elif (
                place
                and target.suffix == ".html"
                and not place.startswith(MADE_BY_SCRIPT)
                and place not in read(target).places
            ):
                wrong.append(f"{path.relative_to(folder)}: {link} (no such place)")
    return wrong


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")


def test_a_missing_file_and_a_missing_place_are_found(tmp_path):
    write(tmp_path, "a.html", '<a href="b.html#here">x</a><a href="https://example.org">y</a>')
    write(tmp_path, "b.html", '<p id="here"></p><a href="items.html#item=1">z</a><a href="#">t</a>')
    write(tmp_path, "items.html", "")
    assert broken(tmp_path) == []
    write(tmp_path, "c.html", '<a href="b.html#there">x</a><img src="no.png"><a href="../x">y</a>')
    assert len(broken(tmp_path)) == 3


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site_folder):
    assert broken(Path(site_folder)) == []


@pytest.mark.slow
def test_the_site_is_small(site_folder):
    size = sum(path.stat().st_size for path in Path(site_folder).rglob("*") if path.is_file())
    assert size <= 25e6
