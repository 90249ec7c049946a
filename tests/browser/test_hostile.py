"""Every stranger's text tries to act: no script runs, no directive fires, all of it can be read.

Questions, options, model output, the model's folder, the store's folder, the file of questions, the
relation and the study's title are hostile. The pages that read a store are built and visited.
"""

import functools
import http.server
import json
import re
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from illusion_lib.checkpoints import find_checkpoint
from illusion_lib.escape import shorten, visible
from illusion_lib.report import book
from illusion_lib.report.render import is_executable, parameter_names, read_template
from illusion_lib.report.sources import book_sources
from illusion_lib.runs import Store, run_study
from illusion_lib.runs.studies import find_study
from illusion_lib.specs import ModelSpec
from tests.browser.conftest import settle

sys.path.insert(0, str(Path(__file__).parent))
from payloads import PAYLOADS  # beside this file

pytestmark = pytest.mark.slow
# A name that acts wherever it is taken for HTML, a formula, Jinja or Markdown.
NAME = "P{} <img src=x onerror=window.owned={}> $x^2$ {{{{7*7}}}} **b** {{doc}}`x`"


def write_items(path):
    """Write a question of each payload; options and a relation are payloads too."""
    rows = [
        {
            "id": f"{number} {text}",
            "parallel_id": text,
            "language": "en",
            "relation": NAME.format("005", 5) if number % 2 else "capital",
            "question": text,
            "answer": f"right {text}",
            "distractors": [f"{word} {text}" for word in ("wrong", "worse")],
            "source": NAME.format("006", 6),
        }
        for number, text in enumerate(PAYLOADS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def study_file(folder):
    """Write a study of strangers' names; return its path."""
    questions = folder / f"{NAME.format('002', 2)}.jsonl"
    write_items(questions)
    model = folder / NAME.format("003", 3)
    shutil.copytree(find_checkpoint(ModelSpec("tiny-random")).folder, model)
    content = {
        "name": "hostile",
        "title": NAME.format("004", 4),
        "models": [{"name": str(model), "dtype": "float32"}],
        "prunings": [{"method": "magnitude", "sparsity": 0.5}],
        "tasks": [{"name": str(questions), "languages": [], "relations": [], "limit": None}],
        "probe": {
            "probes": ["open", "choice", "rank", "sample"],
            "samples": 2,
            "max_new_tokens": 2,
        },
    }
    path = folder / "study.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def speak(store, cell):
    """Put payloads into a finished cell's mouth; only the dense model is right."""
    rows = cell.table.to_pylist()
    for row in rows:
        if row["probe"] == "open":
            row["correct"] = cell.spec.prune.method == "dense"
            row["output"] = f"said {row['question']}"
            row["output_class"] = "ok"
        elif row["outputs"] is not None:
            row["outputs"] = [f"sampled {row['question']}"] * len(row["outputs"])
            row["output"] = row["outputs"][0]
    table = pa.Table.from_pylist(rows, cell.table.schema)
    manifest = replace(cell.manifest, checkpoint_note=NAME.format("007", 7))
    shutil.rmtree(cell.folder)
    store.put(cell.spec, table, manifest)


def pages_of_records(folder):
    """Copy the book's sources without the pages that show no records: strangers write no others."""
    sources = book_sources()
    folder.mkdir()
    for name in ("_config.yml", "notebooks"):
        take = shutil.copytree if (sources / name).is_dir() else shutil.copyfile
        take(sources / name, folder / name)
    shutil.copytree(sources / "book" / "_static", folder / "book" / "_static")
    kept = []
    for path in sorted((sources / "book").rglob("*.md")):
        if is_executable(path) and "store" in parameter_names(read_template(path)):
            place = path.relative_to(sources)
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / place)
            kept.append(str(place.with_suffix("")))
    kept.remove("book/intro")
    parts = [{"caption": "This run", "chapters": [{"file": page} for page in kept]}]
    toc = {"format": "jb-book", "root": "book/intro", "parts": parts}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("hostile")
    store = Store(folder / NAME.format("001", 1))
    study = find_study(study_file(folder))
    result = run_study(study, store)
    assert result.failures == ()
    for cell in result.cells:
        speak(store, cell)
    sources = pages_of_records(folder / "sources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "book_sources", lambda: sources)
        # Links to pages that are left out here would be warnings.
        index = book.build_report(store.root, folder / "site", strict=False)
    return index.parent


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def hostile_address(hostile_site):
    handler = functools.partial(_Quiet, directory=str(hostile_site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, hostile_address):
    """Return a function that opens a page and tells what it did that a text must not do."""
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    page, deeds = context.new_page(), []

    def route(request):
        inside = request.request.url.startswith((hostile_address, "data:", "blob:"))
        if not inside:
            deeds.append(f"asked {request.request.url}")
        request.continue_() if inside else request.abort()

    def answer(dialog):
        deeds.append(f"dialog {dialog.message}")
        dialog.dismiss()

    context.route("**/*", route)
    page.on("dialog", answer)
    page.on("download", lambda load: deeds.append(f"download {load.url}"))

    def opened(name):
        deeds.clear()
        settle(page, f"{hostile_address}/{name}")
        return page

    yield opened, lambda: deeds + page.evaluate(DEEDS)
    context.close()


# What a payload leaves behind when a browser, MathJax or the book builder obeys it. The book's own
# formulas, notes and links hold no payload's number.
DEEDS = r"""() => {
  const found = [];
  if (window.owned !== undefined) found.push(`owned ${window.owned}`);
  if ({}.owned !== undefined) found.push('prototype');
  for (const e of document.querySelectorAll('*'))
    for (const a of e.attributes)
      if (/^on/.test(a.name) && /owned/.test(a.value)) found.push(`handler ${e.outerHTML}`);
      else if (/^(href|src|srcset|data|action|poster|style|background)$/.test(a.name)
               && /\/\/evil|script:window\.owned/.test(a.value)) found.push(`address ${a.value}`);
      else if (/^(id|class)$/.test(a.name) && /^owned/.test(a.value)) found.push(a.value);
  for (const s of ['mjx-container', '.math', '.admonition', '.footnote', 'a.reference', 'em'])
    for (const e of document.querySelectorAll(`article ${s}`))
      if (/P\d\d\d |owned/.test(e.innerHTML)) found.push(`${s}: ${e.outerHTML.slice(0, 200)}`);
  for (const e of document.querySelectorAll('.dt-container mjx-container')) found.push('formula');
  return found;
}"""


def html_pages(site):
    return sorted(str(path.relative_to(site)) for path in (site / "book").rglob("*.html"))


def test_there_are_over_a_hundred_payloads_and_all_differ():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 100


def test_no_page_obeys_a_text(hostile_site, visit):
    opened, deeds = visit
    pages = html_pages(hostile_site)
    assert len(pages) >= 6
    for name in pages:
        page = opened(name)
        assert deeds() == [], name
        # A formula, Jinja or Markdown that fired would have changed the name.
        for text in page.locator("text=/P00\\d /").all_inner_texts():
            assert "window.owned=" in text, f"{name}: {text}"


def test_every_payload_is_read_as_it_was_written(visit):
    opened, deeds = visit
    page = opened("book/items.html")
    page.wait_for_selector(".dt-length select")
    page.select_option(".dt-length select", "100")
    seen = []
    while True:
        seen += page.locator(".dt-container tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        assert deeds() == []
        following = page.locator(".dt-paging button.next")
        if "disabled" in (following.get_attribute("class") or ""):
            break
        following.click()
    cells = {squeezed(cell) for row in seen for cell in row}
    said = [form for text in PAYLOADS for form in (text, f"right {text}", f"said {text}")]
    assert [text for text in said if squeezed(shorten(visible(text), 300)) not in cells] == []


def squeezed(text):
    """Return a text with one space for any white space; the table writes a tab as an escape."""
    return re.sub(r"(\\[tnr]|\s)+", " ", text)


def test_a_search_for_a_payload_does_not_act(visit):
    opened, deeds = visit
    for text in ("<img src=x onerror=window.owned=1>", "');window.owned=1;//", "owned"):
        page = opened("search.html")
        settle(page, f"{page.url}?q={text}")
        page.wait_for_timeout(300)
        assert deeds() == []


def test_nothing_was_executed_or_included_while_building(hostile_site):
    built = hostile_site.parents[3]
    assert not any(Path.cwd().glob("owned*"))
    assert not list(built.rglob("owned*"))
    for path in (hostile_site / "book").rglob("*.html"):
        assert "root:x:0:0" not in path.read_text(encoding="utf-8")
