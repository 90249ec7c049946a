"""What the pages say: tables, examples, verdict sentence, provenance."""

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from illusion_lib import divergence
from illusion_lib.report import parts
from illusion_lib.report.examples import examples_table, item_rows, lost_examples
from illusion_lib.report.explorer import explorer, explorer_frame
from illusion_lib.report.figures.next_tokens import next_tokens
from illusion_lib.report.numerals import signed
from illusion_lib.report.offline import _LOADS
from illusion_lib.report.provenance import cell_summary, provenance, study_summary
from illusion_lib.report.render import parameter_names
from illusion_lib.report.scoring import one_question, score_marks, score_table
from illusion_lib.report.search import beams_of_one, pass_at_k
from illusion_lib.report.start import Start, onward
from illusion_lib.report.tables import table
from illusion_lib.report.teaching import curves
from illusion_lib.report.token_paths import two_formats

ROOT = Path(__file__).parents[2]
PARAMETERS = {
    "cell": ("model", "method", "sparsity", "pattern", "calibration_seed", "study", "store"),
    "divergence": ("model", "study", "store"),
    "anchors": ("study", "store"),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_notebooks_are_committed_clean(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", ()) for cell in code) == 1
    assert parameter_names(notebook) == PARAMETERS[name]
    assert not any(re.search(r"^\s*(def|for|while|class|if) ", c.source, re.M) for c in code)


def test_table_escapes_and_aligns():
    shown = table(pd.DataFrame({"a": ["<b>"], "n": [0.5]}), "cap <i>", {"n": lambda x: f"{x:.1f}"})
    assert "&lt;b&gt;" in shown.content
    assert "cap &lt;i&gt;" in shown.content
    assert '<td class="number">0.5</td>' in shown.content


def test_item_rows_pair_every_question(records):
    rows = item_rows(records)
    assert len(rows) == 5 * 24
    assert rows["dense_said"].notna().all()
    assert rows["rank_dense"].notna().all()


def test_examples_are_lost_and_of_different_facts(records):
    rows = lost_examples(records, "wanda-s050", 3)
    assert len(rows) == 3
    assert set(rows["flow"]) == {"lost"}
    assert rows["parallel_id"].is_unique
    assert rows["found_by"].iloc[0] != ""


def test_a_model_that_says_nothing_is_seen_to(records):
    silent = records.copy()
    silent.loc[(silent["probe"] == "open") & ~silent["correct"].astype("boolean"), "output"] = ""
    said = explorer_frame(silent)
    assert "(nothing)" in set(said["pruned model says"])
    assert "" not in set(said["pruned model says"]) | set(said["dense model says"])
    rows = lost_examples(silent, "wanda-s050")
    assert "(nothing)" in examples_table(rows, "c").content


def test_hostile_texts_do_not_reach_the_page_as_markup(records):
    rows = item_rows(records)
    hostile = rows[rows["question"].str.contains("onerror")]
    shown = examples_table(hostile, "all").content + explorer(records).content
    assert "<img src=x" not in shown
    assert "onerror=alert" in shown


def test_explorer_holds_every_row_and_no_address(records):
    frame = explorer_frame(records)
    assert len(frame) == 5 * 24
    shown = explorer(records).content
    assert "capital/00/es" in shown
    assert not _LOADS.search(shown)


def test_explorer_tells_what_each_search_found_and_both_scores(records):
    frame = explorer_frame(records)
    gold = records[records["target"] == "gold"]
    beam = gold[(gold["probe"] == "beam") & (gold["method"] != "dense")]
    told = frame["beam search found"] != ""
    assert told.sum() == len(beam)
    assert frame.loc[told, "beam search found"].str.match(r"\d+ of \d+ right").all()
    before = gold[(gold["probe"] == "choice") & (gold["method"] == "dense")].set_index("item_id")
    picked = frame["item"].map(before["output"])
    assert (frame["dense model picks"] == picked).all()
    assert (frame["dense model's log-probabilities"] != "").all()


def test_sentence_names_the_numbers(records):
    start = Start(records)
    quoted = records[(records["label"] == start.verdict["quoted_label"])]
    said = quoted[(quoted["probe"] == "open") & (quoted["target"] == "gold")]["correct"].mean()
    assert f"can say it for {int(100 * said + 0.5)}" in start.sentence()
    assert start.tiles().content.count('class="tile"') == 3


@pytest.mark.parametrize(
    ("kind", "trusted", "begins"),
    [
        ("illusion", 0.3, "Not beyond 30\u00a0% sparsity."),
        ("illusion", None, "No: at no sparsity tried"),
        ("no_illusion", 0.5, "Yes, as far as it was tried"),
        ("too_few", None, "Too few questions to tell."),
        ("collapsed", None, "Nothing to trust"),
        ("unmeasurable", None, "Not measurable"),
        ("reverse", None, "No illusion"),
    ],
)
def test_every_verdict_has_a_sentence(records, kind, trusted, begins):
    start = Start(records)
    start.__dict__["verdict"] = start.verdict | {"verdict": kind, "trusted_sparsity": trusted}
    assert start.sentence().startswith(begins)
    assert ("The illusion begins at" in start.sentence()) == (kind == "illusion")


def test_the_start_page_leads_on_to_every_model(records):
    shown = onward(records).content
    for name in records["model"].unique():
        for place in ("by-method", "by-language", "demoted-or-erased"):
            assert f'href="runs/{name}/divergence.html#{place}"' in shown
    assert 'href="items.html"' in shown


def test_every_method_has_its_verdict(records):
    judged = divergence.pruning_verdicts(divergence.outcomes(records), resamples=200)
    methods = divergence.method_verdicts(judged)
    shown = parts.method_table(judged).content
    assert shown.count("<tr>") - 1 == len(methods) == judged["series"].nunique()
    for row in methods.itertuples():
        assert row.quoted_label in shown
        assert signed(row.gap) in shown
    assert "nan" not in shown.lower()


def test_what_shows_one_question_leads_to_the_explorer(records):
    first = str(one_question(records).content)
    item = records[records["probe"] == "choice"]["item_id"].iloc[0]
    assert f'data-item="{item}"' in first
    assert 'data-item="capital/RU/en"' in next_tokens(two_formats("capital/RU/en"))._repr_html_()
    hostile = '"><img src=x>'
    assert "<img" not in table(pd.DataFrame({"a": [1]}), "c", item=hostile).content
    assert "data-item" not in table(pd.DataFrame({"a": [1]}), "c").content


def test_parts_of_the_divergence_page(records):
    items = divergence.outcomes(records)
    assert "Wanda 50 %" in parts.accuracy_table(records).content
    assert (
        "<table" in parts.verdict_table(divergence.pruning_verdicts(items, resamples=200)).content
    )
    assert "difference" in parts.excess_table(divergence.excess_recovery(records)).content
    shown = parts.predictions_table(divergence.predictions(records, resamples=200)).content
    assert shown.count("<tr>") == 6


def test_dense_cell_has_nothing_to_compare(records):
    dense = records[records["cell"] == "dense"]
    for part in (parts.flow, parts.recovery, parts.ranks, parts.lost_table):
        assert "nothing to compare" in part(dense, "dense").content


def test_lessons_read_the_records(records):
    assert "right-answer" in one_question(records).content
    assert score_table(records).content.count("<tr>") == 1 + records["label"].nunique()
    assert len(score_marks(records).figure.axes[0].get_yticks()) == records["label"].nunique()
    assert "picked right by the score" in score_marks(records).caption
    assert "what beam search returned" in beams_of_one(records).content
    assert "one sample" in pass_at_k(records).caption


def test_provenance_names_files_and_command(study_result):
    shown = provenance(study_result).content
    assert 'data-file="tiny-random/wanda-2of4.parquet"' in shown
    assert "illusion sweep study.json --out runs/synthetic" in shown
    assert "evidence for nothing" in study_summary(study_result).content
    assert "neither smaller nor faster" in cell_summary(study_result).content


def test_the_word_records_leads_to_the_files(study_result, records):
    assert 'href="#provenance"' in pass_at_k(records)._repr_html_()
    assert provenance(study_result).content.count('id="provenance"') == 1


LESSONS = [*sorted((ROOT / "book" / "learn").glob("*.md")), ROOT / "book" / "limits.md"]


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_a_lesson_has_text_code_something_to_see_and_an_exercise(page):
    """Narrative, definition, code in sight, a figure, an exercise with its hidden solution."""
    text = page.read_text(encoding="utf-8")
    assert "```{code-cell}" in text
    assert "$" in text or "\n| " in text, "a definition: a formula or a table of terms"
    cells = re.findall(r"```\{code-cell\} python3\n(.*?)```", text, re.DOTALL)
    assert any(not cell.startswith(":tags:") for cell in cells), "code that a reader sees"
    drawn = ("curves", "next_tokens", "heat_strip", "pass_at_k", "score_marks")
    assert any(f"{name}(" in cell for name in drawn for cell in cells), "a figure"
    assert "{admonition} Exercise" in text
    solution = text[text.index("{admonition} Solution") :]
    assert ":class: dropdown" in solution
    assert text.index("{admonition} Exercise") < text.index("{admonition} Solution")


def test_what_a_page_computes_itself_has_no_link_to_records():
    drawn = curves([1, 2], {"up": [0.1, 0.2], "down": [0.3, 0.1]}, "x", "y", "They cross.")
    assert "provenance" not in drawn._repr_html_()
    assert "up: 0.10 at 1, 0.20 at 2; down: 0.30 at 1, 0.10 at 2" in drawn.alt
