"""Items load in a fixed order, and every malformed file is refused with one clear line."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illusion_lib.errors import ItemError
from illusion_lib.items import Item, items_hash, load_items
from illusion_lib.items.read import LINE_LIMIT, read_items

ROW = {
    "id": "q1",
    "language": "en",
    "relation": "colour",
    "question": "Which colour has the sky?",
    "answer": "blue",
    "distractors": ["red", "green"],
}


def own(path, languages=(), relations=(), **rest):
    return load_items(str(path), languages=languages, relations=relations, **rest)


@pytest.fixture
def write(tmp_path):
    def write(content, name="items.jsonl"):
        path = tmp_path / name
        if isinstance(content, list):
            content = "\n".join(json.dumps(row) for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_default_is_english_and_spanish_capitals_on_the_same_facts():
    items = load_items(limit=40)
    english = [item.parallel_id for item in items if item.language == "en"]
    assert len(english) == 40
    assert english == [item.parallel_id for item in items if item.language == "es"]
    assert [item.language for item in items] == ["en"] * 40 + ["es"] * 40


def test_a_smaller_limit_is_a_prefix_and_languages_do_not_interfere():
    large = load_items(languages=["de"], limit=60)
    assert load_items(languages=["de"], limit=25) == large[:25]
    both = load_items(languages=["fr", "de"], limit=25)
    assert both[25:] == large[:25]


def test_seed_changes_the_draw_and_nothing_else():
    first, again, other = (load_items(limit=30, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert {item.id for item in first} != {item.id for item in other}
    everything = {item.id for item in load_items(seed=0)}
    assert everything == {item.id for item in load_items(seed=1)}


def test_empty_selection_keeps_all():
    items = load_items(languages=(), relations=())
    assert {item.language for item in items} >= {"de", "sw", "zh"}
    assert {item.relation for item in items} >= {"capital", "currency"}


def test_languages_asked_for_twice_count_once():
    assert load_items(languages=["en", "en"], limit=5) == load_items(languages=["en"], limit=5)


def test_hash_depends_on_content_and_order():
    items = load_items(limit=3)
    assert items_hash(items) == items_hash(list(items))
    assert len(items_hash(items)) == 64
    assert items_hash(items) != items_hash(items[::-1])
    assert items_hash(items) != items_hash((replace(items[0], aliases=("x",)), *items[1:]))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"name": "fact"},
            "unknown items 'fact'; give 'facts', 'xquad', 'tydiqa', 'truthfulqa', 'mkqa', 'exams'",
        ),
        ({"name": "nowhere.jsonl"}, "nowhere.jsonl: cannot be read (No such file"),
        ({"languages": ["xx"]}, "facts has no language 'xx'; it has: ar, de, en, es, fr, hi,"),
        ({"relations": ["river"]}, "facts has no relation 'river'; it has: capital, continent"),
        ({"languages": "en"}, "languages must be a list, got the text 'en'; write ['en']"),
        ({"limit": 0}, "limit must be at least 1"),
    ],
)
def test_refused_requests(asked, says):
    with pytest.raises(ItemError) as refusal:
        load_items(**asked)
    assert says in str(refusal.value)


def test_a_limit_beyond_the_set_names_what_there_is():
    there = len(load_items(languages=["it"]))
    assert len(load_items(languages=["it"], limit=there)) == there
    with pytest.raises(ItemError, match=f"lower the limit to {there} or leave it out"):
        load_items(languages=["it"], limit=there + 1)


def test_own_file_fills_the_optional_fields(write):
    (item,) = own(write([ROW]))
    assert item == Item(
        **{**ROW, "distractors": ("red", "green")},
        parallel_id="q1",
        aliases=(),
        source="items.jsonl",
    )


def test_items_survive_a_round_trip(write):
    items = load_items(limit=10)
    path = write([asdict(item) for item in items])
    assert own(path, ["en", "es"], ["capital"]) == items


def test_byte_order_mark_blank_lines_and_windows_line_ends_are_fine(write):
    text = "\ufeff" + json.dumps(ROW) + "\r\n\r\n" + json.dumps({**ROW, "id": "q2"}) + "\r\n"
    assert len(own(write(text))) == 2


def test_csv_holds_the_same_items(write, tmp_path):
    items = load_items(languages=["fr"], limit=5)
    path = tmp_path / "items.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(items[0])))
        writer.writeheader()
        for item in items:
            row = asdict(item)
            row |= {name: "|".join(row[name]) for name in ("aliases", "distractors")}
            writer.writerow(row)
    assert own(path) == items


HEADER = "id,language,relation,question,answer,distractors"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER, "no items in the file"),
        (f"{HEADER},id\n", "line 1: field 'id' is given twice"),
        (f"{HEADER}\nq,en,r,What, then?,a,b\n", "line 2: 7 cells under 6 columns; quote"),
        (f"{HEADER}\nq,en,r,What?,a,\n", "line 2: item 'q': fewer than two options"),
        (f"{HEADER}\nq,en,r,What?,,b\n", "line 2: field 'answer' must hold text, got an empty"),
        (f'{HEADER}\nq,en,r,"What?,a,b\n', "not CSV"),
        (f"{HEADER}\nq,en,r,What?,a,b|b\n", "line 2: item 'q': a distractor is listed twice"),
        ("id;language\n", "no items"),
        ("id;language\nq;en\n", "line 2: unknown field 'id;language'"),
    ],
)
def test_refused_csv(write, text, says):
    with pytest.raises(ItemError) as refusal:
        own(write(text, "items.csv"))
    assert says in str(refusal.value)


def without(field):
    return {key: value for key, value in ROW.items() if key != field}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "items.jsonl: no items in the file"),
        (b"\xff\xfe", "line 1: not UTF-8"),
        (b"{}\0", "line 1: holds a NUL character"),
        (
            json.dumps(ROW | {"language": "english"}).encode(),
            "is 'english'; write a CLDR code such as en",
        ),
        (json.dumps(ROW | {"kind": "essay"}).encode(), "'kind' is 'essay'; write one of: name,"),
        (b"{", "line 1: not JSON"),
        (b"[1]", "line 1: not a JSON object"),
        (b"[" * 100_000, "line 1: not JSON (nested too deeply"),
        (b'{"id": ' + b"1" * 5000 + b"}", "line 1: not JSON"),
        (b" " * LINE_LIMIT + b"{}", "line 1: longer than 1,000,000 bytes"),
        (b'{"id": "a", "id": "b"}', "line 1: field 'id' is given twice"),
        ([without("answer")], "line 1: field 'answer' is missing; an item needs: id, language"),
        ([without("distractors")], "field 'distractors' is missing"),
        ([{**ROW, "answers": "x"}], "unknown field 'answers'; the fields are: id, language"),
        ([{**ROW, "id": 7}], "field 'id' must hold text, got 7"),
        ([{**ROW, "question": "  "}], "field 'question' must hold text, got an empty text"),
        ([{**ROW, "distractors": "red"}], "field 'distractors' is not a list"),
        ([{**ROW, "distractors": ["red", None]}], "'distractors' must hold text, got None"),
        ([{**ROW, "distractors": []}], "fewer than two options"),
        ([{**ROW, "distractors": ["Ｂlue"]}], "distractor 'Ｂlue' is the gold answer or an alias"),
        ([{**ROW, "distractors": ["'blue'"]}], "the gold answer or one of its aliases but for"),
        ([{**ROW, "aliases": ["azure"], "distractors": ["AZURE"]}], "an alias of it"),
        ([{**ROW, "distractors": ["red", "RED"]}], "a distractor is listed twice"),
        ([{**ROW, "answer": "?!"}], "answer '?!' holds no letter or digit"),
        ([{**ROW, "question": "\ud800"}], "holds half of a surrogate pair"),
        ([{**ROW, "question": "a\0b"}], "field 'question' holds a NUL"),
        ([ROW, {**ROW, "id": "Ｑ1"}], "line 2: id 'Ｑ1' was used before"),
        (
            [{**ROW, "parallel_id": "p"}, {**ROW, "id": "q2", "parallel_id": "P"}],
            "line 2: parallel_id 'P' occurs twice in language 'en'",
        ),
    ],
)
def test_refused_jsonl(write, content, says):
    with pytest.raises(ItemError) as refusal:
        own(write(content))
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(ItemError, match="cannot be read"):
        own(tmp_path / "x.jsonl")


FIELD = st.sampled_from(
    ["id", "language", "relation", "question", "answer", "distractors", "aliases", "source", "x"]
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
CHANGED = st.builds(lambda change: {**ROW, **change}, st.dictionaries(FIELD, VALUE, max_size=2))
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def items_or_refusal(path):
    items, refusal = (), str(path)
    try:
        items = read_items(path)
    except ItemError as error:
        refusal = str(error)
    assert refusal.startswith(str(path))
    assert bool(items) == (refusal == str(path))
    items_hash(items)


@FUZZ
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["jsonl", "csv"]))
def test_any_bytes_are_items_or_a_refusal(tmp_path, content, suffix):
    path = tmp_path / f"fuzz.{suffix}"
    path.write_bytes(content)
    items_or_refusal(path)


@FUZZ
@given(rows=st.lists(CHANGED | VALUE, min_size=1, max_size=3))
def test_any_json_is_items_or_a_refusal(tmp_path, rows):
    path = tmp_path / "fuzz.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    items_or_refusal(path)


@FUZZ
@given(cells=st.lists(st.text(max_size=6), min_size=6, max_size=6))
def test_any_csv_cells_are_items_or_a_refusal(tmp_path, cells):
    path = tmp_path / "fuzz.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        csv.writer(file).writerows([HEADER.split(","), cells])
    items_or_refusal(path)


def test_without_a_seed_the_most_populous_countries_come_first():
    listed = load_items("facts", ["en", "es"], limit=3, seed=None)
    assert [item.parallel_id for item in listed] == 2 * ["capital/CN", "capital/IN", "capital/US"]
