"""Names and files from strangers: nothing leaves its folder, nothing explodes, nothing runs."""

import ast
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.checkpoints import find_checkpoint
from illusion_lib.errors import IllusionError, ItemError, SpecError
from illusion_lib.escape import visible
from illusion_lib.items.read import read_items
from illusion_lib.runs.store import Store
from illusion_lib.runs.studies import find_study
from illusion_lib.specs import CellSpec, ModelSpec, StudySpec

NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "a/../../b",
    "C:\\windows\\x",
    "\\\\host\\share",
    "~/x",
    "a\0b",
    "x" * 5000,
    "..\u2215..",
    "％2e％2e/",
    "a\nb",
    "\u202egnp.exe",
]


@given(st.one_of(st.sampled_from(NAMES), st.text(min_size=1)))
def test_a_model_s_name_never_leads_out_of_the_store(name):
    try:
        model = ModelSpec(name)
    except SpecError:
        return
    folder = Store("root").cell_folder(CellSpec(model), "0" * 32)
    assert folder.parts[:2] == ("root", "cells")
    assert len(folder.parts) == 4
    assert not {"..", "."} & set(folder.parts)
    assert all(len(part.encode()) <= 255 and part.isprintable() for part in folder.parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_s_name_is_no_path(name):
    with pytest.raises(SpecError, match="lower-case letters"):
        StudySpec(name, "", (ModelSpec("m"),), ())


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_checkpoint_name_is_refused(name):
    with pytest.raises(IllusionError) as refusal:
        find_checkpoint(ModelSpec(name))
    assert str(refusal.value)


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n",
    "merge": "a: &a {x: 1}\nb: {<<: *a}\n",
    "python": "name: !!python/object/apply:os.system ['touch owned']\n",
    "deep": "[" * 20000,
    "deep maps": "{a: " * 3000,
    "deep blocks": "- " * 3000,
    "many entries": "models:\n" + "- a\n" * 15_000,
    "NUL": "name: a\0b\n",
    "two documents": "name: a\n---\nname: b\n",
    "date": "name: 2026-01-01\nmodels: [a]\nprunings: []\n",
    "long line": "name: " + "a" * 60_000 + "\nmodels: [a]\nprunings: []\n",
    "number": "name: " + "9" * 9000 + "\nmodels: [a]\nprunings: []\n",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_yaml_bomb_is_one_line_and_soon(tmp_path, bomb, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.yml"
    path.write_text(bomb)
    start = time.process_time()
    with pytest.raises(SpecError) as refusal:
        find_study(path)
    assert time.process_time() - start < 5
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "owned").exists()


def test_a_study_beyond_its_limit_is_not_read(tmp_path):
    path = tmp_path / "s.yml"
    path.write_bytes(b"#" * (1 << 16) + b"\n")
    with pytest.raises(SpecError, match="larger than 64 KiB"):
        find_study(path)


def test_a_line_of_a_hundred_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "i.jsonl"
    with path.open("wb") as file:
        file.seek(100_000_000)
        file.write(b"\n")
    start = time.process_time()
    with pytest.raises(ItemError, match="longer than"):
        read_items(path)
    assert time.process_time() - start < 1


def item(**changes):
    fields = {
        "id": "1",
        "language": "en",
        "relation": "r",
        "question": "Q?",
        "answer": "café",
        "distractors": ["tea", "milk"],
    }
    return json.dumps(fields | changes)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([item(question="a\0b")], "NUL"),
        ([item(question="a\ud800b")], "surrogate"),
        ([item(distractors=["cafe\u0301", "tea"])], "distractor"),
        ([item(id="é"), item(id="e\u0301", parallel_id="2")], "used before"),
        ([item() + item()], "not JSON"),
        (['{"id": 1, "id": 2}'], "given twice"),
        (["[" * 100_000], "not JSON"),
    ],
)
def test_odd_unicode_and_json_in_items_are_said(tmp_path, lines, said):
    path = tmp_path / "i.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ItemError, match=said):
        read_items(path)


def test_what_reorders_or_hides_text_is_kept_and_shown(tmp_path):
    path = tmp_path / "i.jsonl"
    path.write_text(item(question="Is this \u202esdrawkcab\u202c\u2066?"), encoding="utf-8")
    (read,) = read_items(path)
    assert "\u202e" in read.question
    assert visible(read.question) == "Is this \\u202esdrawkcab\\u202c\\u2066?"


SOURCES = sorted((Path(__file__).parents[2] / "illusion_lib").rglob("*.py"))


FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "marshal.loads"),
    *("pickle.load", "pickle.loads", "torch.load", "joblib.load", "pd.read_pickle"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load"),
}
DANGEROUS = {"shell": True, "allow_pickle": True, "weights_only": False, "trust_remote_code": True}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_is_unpickled_evaluated_or_trusted(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN, f"line {node.lineno}"
            for word in node.keywords:
                said = word.value.value if isinstance(word.value, ast.Constant) else None
                assert (word.arg, said) not in DANGEROUS.items(), f"line {node.lineno}"


def test_remote_code_is_off_unless_asked_for_by_model():
    assert ModelSpec("m").trust_remote_code is False
