"""EXAMS is read in both layouts; what leans on its options or on a figure is left out."""

from __future__ import annotations

import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items import items_removed, load_items
from illusion_lib.items.exams_files import read_exams
from illusion_lib.items.standalone import leans_on_options

OPTIONS = ("Lima", "Quito", "Cuzco", "Arequipa")


def published(key, stem, options=OPTIONS, right="A", language="Spanish"):
    """A line of data/exams/multilingual/test.jsonl."""
    choices = [{"text": t, "label": "ABCDE"[i]} for i, t in enumerate(options)]
    return {
        "id": key,
        "question": {"stem": stem, "choices": choices},
        "answerKey": right,
        "info": {"grade": 10, "subject": "Geography", "language": language},
    }


def repackaged(stem, options=OPTIONS, right="A"):
    """A line of evals/registry/data/spanish-exams-qa/samples.jsonl."""
    lettered = "\n".join(f"{'ABCDE'[i]}. {text}" for i, text in enumerate(options))
    content = f"{stem}\n{lettered}\nAnswer:"
    system = {"role": "system", "content": "Please answer with the letter."}
    return {"input": [system, {"role": "user", "content": content}], "ideal": f"[{right}]"}


ROWS = [
    published("q1", "¿Cuál es la capital del Perú?"),
    published("q2", "¿Cuál de las siguientes ciudades está en el Perú?"),
    published("q3", "La capital del Perú es"),
    published("q4", "¿Cuál es la capital?", ("Lima", "lima ", "Quito", "Cuzco")),
    published("q5", "¿Dónde está el gobierno?", ("Lima", "Quito", "Cuzco", "A y B")),
    published("q6", "¿Quién gana?", ("Lima", "Quito")),
    published("q7", "¿Qué es Lima?"),
    published("q8", "¿Cuál es la capital?", right="@"),
    published("q9", "Што е главен град на Перу?", language="North Macedonian"),
    published("q10", "¿Cuánto es?", ("4", "5", "6"), right="C"),
]


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test.jsonl").write_text(lines(ROWS), encoding="utf-8")
    return str(tmp_path)


def load(folder, languages=("es",)):
    return load_items("exams", languages, [], path=folder, seed=None)


def test_the_published_layout(folder):
    first, last = load(folder)
    assert (first.id, first.answer, first.kind) == ("exams/q1", "Lima", "words")
    assert first.distractors == OPTIONS[1:]
    assert (last.answer, last.distractors, last.kind) == ("6", ("4", "5"), "number")
    assert "CC BY-SA 4.0" in first.source
    (macedonian,) = load(folder, ("mk",))
    assert macedonian.parallel_id == "exams/q9"


def test_what_is_left_out_has_its_reason(folder):
    removed = {fact.parallel_id: fact.kind for fact in items_removed("exams", ["es"], path=folder)}
    assert removed == {
        "exams/q2": "dependent",
        "exams/q3": "dependent",
        "exams/q4": "few_options",
        "exams/q5": "dependent",
        "exams/q6": "few_options",
        "exams/q7": "leak",
        "exams/q8": "disputed",
    }


def test_the_repackaged_layout_reads_the_same(tmp_path, folder):
    path = tmp_path / "evals" / "registry" / "data" / "spanish-exams-qa" / "samples.jsonl"
    path.parent.mkdir(parents=True)
    stem = "Se busca una ciudad.\n¿Cuál es la capital del Perú?"
    path.write_text(lines([repackaged(stem), repackaged("¿Y el río?", OPTIONS[:3], "B")]))
    (tmp_path / "test.jsonl").unlink()
    first, second = load(str(tmp_path))
    assert first.question == "Se busca una ciudad. ¿Cuál es la capital del Perú?"
    assert (first.answer, first.distractors) == ("Lima", OPTIONS[1:])
    assert (second.answer, second.distractors) == ("Quito", ("Lima", "Cuzco"))


def test_the_archive_and_the_hubs_table_read_the_same(tmp_path, folder, hub):
    archive = tmp_path / "packed" / "data" / "exams" / "multilingual" / "test.jsonl.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as file:
        member = tarfile.TarInfo("test.jsonl")
        content = lines(ROWS).encode()
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    table = hub.folder / "multilingual" / "exams-test.parquet"
    table.parent.mkdir(parents=True)
    columns = [
        row
        | {
            "question": {
                "stem": row["question"]["stem"],
                "choices": {
                    key: [choice[key] for choice in row["question"]["choices"]]
                    for key in ("text", "label")
                },
            }
        }
        for row in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(columns), table)

    def content(items):
        return [(item.id, item.question, item.answer, item.distractors) for item in items]

    expected = content(load(folder))
    assert content(load(str(tmp_path / "packed"))) == expected
    assert content(load_items("exams", ["es"], [], seed=None)) == expected
    assert hub.asked[0][:2] == ("mhardalov/exams", "multilingual/exams-test.parquet")


@pytest.mark.parametrize(
    ("language", "stem", "stands"),
    [
        ("bg", "Кой град е столица на Перу?", True),
        ("bg", "Кой от следните градове е столица?", False),
        ("de", "Was zeigt die Abbildung?", False),
        ("fr", "Laquelle des villes ci-dessous est la capitale?", False),
        ("fr", "Où est le gouvernement ?", True),
        ("pl", "Na rysunku pokazano co?", False),
        ("pl", "Które miasto jest stolicą Peru?", True),
        ("tr", "Aşağıdakilerden hangisi başkenttir?", False),
        ("tr", "Peru'nun başkenti neresidir?", True),
        ("vi", "Thành phố nào sau đây là thủ đô?", False),
        ("vi", "Thủ đô của Peru là thành phố nào?", True),
        ("ar", "ما هي عاصمة بيرو؟", True),
        ("ar", "أي من المدن التالية عاصمة؟", False),
        ("hr", "Glavni grad Perua je", False),
    ],
)
def test_a_stem_stands_alone(language, stem, stands):
    assert (leans_on_options(stem, OPTIONS, language) == "") == stands


@pytest.mark.parametrize(
    ("option", "points"),
    [
        ("A y C", True),
        ("A, B", True),
        ("B и Г", True),
        ("agua dulce", False),
        ("Todas las demás", True),
    ],
)
def test_an_option_that_points_to_others(option, points):
    found = leans_on_options("¿Qué?", (*OPTIONS[:3], option), "es")
    assert bool(found) == points


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no question"),
        ("{}\n", "question 1: not EXAMS"),
        ("[1]\n", "question 1: not EXAMS"),
        ("no json\n", "not EXAMS"),
        (lines([repackaged("¿Qué?", right="Z")]), "instead of a letter in brackets"),
    ],
)
def test_another_file_is_refused(tmp_path, content, says):
    path = tmp_path / "test.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ItemError, match=says):
        list(read_exams(path))


def test_a_language_that_is_not_there_is_refused(folder):
    with pytest.raises(ItemError, match="exams has no language 'fr' here; it has: es, mk"):
        load(folder, ("fr",))
