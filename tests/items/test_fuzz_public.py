"""Whatever a public set's or an evaluator's file holds: valid items, or one clear line.

Each file is valid but for a few bytes or one value: 3,600 inputs in all, the same each time.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import logging
import os
import random
import tarfile
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illusion_lib.anchors.logs import load_inspect, load_lighteval
from illusion_lib.anchors.matrix import ResponseMatrix
from illusion_lib.errors import IllusionError
from illusion_lib.items import Item, load_items

# 12 layouts of 50 inputs an example; ILLUSION_FUZZ multiplies them.
EXAMPLES = 6 * int(os.environ.get("ILLUSION_FUZZ", "1"))
INPUTS = 50
NAMES = ("Ada Moran", "Ben Kovac", "Cleo Lindt", "Dora Nowak", "Egon Perez")
STRANGE = (None, True, -1, 10**400, 1e308, float("nan"), "", " ", "\ud800", "\0", "a" * 3000)
STRANGE += ("\u202e", "١٢", [], {}, [[]], {"text": None}, "A. x\nB. y")
ODD = (b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"null", b"-1", b"1e999", b"NaN", b"{}")
ODD += (b"[]", b'""', b"[" * 3000, b"9" * 5000, b"\r\n", b",", b":", b"PAR1", b"\x1f\x8b", b"PK")


def squad(language, prefix=""):
    asked = [
        {
            "context": f"{name} built tower {i}.",
            "qas": [
                {
                    "id": f"{prefix}{i}",
                    "question": f"Who built tower {i} ({language})?",
                    "answers": [{"text": name, "answer_start": 0}],
                }
            ],
        }
        for i, name in enumerate(NAMES)
    ]
    return {"version": "1.1", "data": [{"title": "Towers", "paragraphs": asked}]}


def flat(content):
    """The columns of the hub's tables."""
    return [
        {"id": qa["id"], "context": part["context"], "question": qa["question"]}
        | {"answers": {"text": [a["text"] for a in qa["answers"]], "answer_start": [0]}}
        for part in content["data"][0]["paragraphs"]
        for qa in part["qas"]
    ]


TRUTHFUL = [
    {
        "id": key,
        "question": f"What is it, number {key}?",
        "mc1_targets": {
            "choices": [f"Nothing {key}", *(f"Wrong {key} {i}" for i in range(3))],
            "labels": [1, 0, 0, 0],
        },
        "best_answer": f"Nothing {key}",
        "correct_answers": [f"Something {key}"],
    }
    for key in range(3)
]
MKQA = [
    {
        "query": f"who sang song {i}",
        "example_id": i,
        "queries": dict.fromkeys(("en", "ru"), f"who sang song {i}"),
        "answers": {
            code: [{"type": "entity", "text": name, "aliases": []}] for code in ("en", "ru")
        },
    }
    for i, name in enumerate(NAMES)
]
EXAMS = [
    {
        "id": f"exam-{i}",
        "answerKey": "B",
        "info": {"grade": 12, "subject": "Biology", "language": "Spanish"},
        "question": {
            "stem": f"¿Qué río pasa por la ciudad {i}?",
            "choices": [
                {"label": label, "text": f"el {text} {i}", "para": ""}
                for label, text in zip("ABCD", ("Ebro", "Duero", "Tajo", "Sil"), strict=True)
            ],
        },
    }
    for i in range(3)
]
EVALS = [
    {
        "input": [
            {"role": "system", "content": "Answer."},
            {"role": "user", "content": f"¿Qué río {i}?\nA. Ebro\nB. Duero\nC. Tajo\nAnswer:"},
        ],
        "ideal": "[B]",
    }
    for i in range(3)
]
LIGHTEVAL = [
    {"doc": {"id": str(i), "query": "Q?"}, "metric": {"acc": float(i % 2), "em": 0.0}}
    for i in range(3)
]
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"model": "owner/m", "task": "t", "created": "2026-01-01T00:00:00+00:00"},
    "samples": [
        {"id": i, "epoch": 1, "scores": {"choice": {"value": "C"}}, "error": None} for i in range(3)
    ],
}


def as_json(content):
    return json.dumps(content).encode()


def as_lines(content):
    return b"\n".join(json.dumps(row).encode() for row in content)


def as_gzip(content):
    return gzip.compress(as_lines(content), 1)


def as_tar(content):
    lines, out = as_lines(content), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        entry = tarfile.TarInfo("exams/test.jsonl")
        entry.size = len(lines)
        archive.addfile(entry, io.BytesIO(lines))
    return out.getvalue()


def as_parquet(content):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content), out)
    return out.getvalue()


def as_archive(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        head = {k: v for k, v in content.items() if k != "samples"}
        archive.writestr("header.json", json.dumps(head))
        for number, sample in enumerate(content["samples"]):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return out.getvalue()


def items(name, languages=()):
    def load(folder, chance):
        passage = chance.random() < 0.5
        found = load_items(name, languages, [], path=str(folder), passage=passage)
        assert found
        assert all(isinstance(item, Item) for item in found)
        assert len({item.id for item in found}) == len(found)

    return load


def log(reader):
    def load(folder, chance):
        found = reader(folder)
        assert isinstance(found, ResponseMatrix)

    return load


TYDIQA = squad("en", "english-")
# Per layout: how it is read, its files (all valid), and the one that is spoilt, with its writer.
LAYOUTS = {
    "xquad json": (items("xquad"), {"xquad.en.json": squad("en")}, "xquad.es.json", as_json),
    "xquad parquet": (
        items("xquad"),
        {"xquad.en.json": squad("en")},
        "xquad.es/validation-00000-of-00001.parquet",
        as_parquet,
    ),
    "tydiqa json": (items("tydiqa"), {}, "tydiqa-goldp-dev-english.json", as_json),
    "tydiqa parquet": (
        items("tydiqa", ["en"]),
        {},
        "secondary_task/validation-00000-of-00001.parquet",
        as_parquet,
    ),
    "truthfulqa": (
        items("truthfulqa"),
        {"en/validation.json": TRUTHFUL},
        "es/validation.json",
        as_json,
    ),
    "mkqa": (items("mkqa", ["en", "ru"]), {}, "mkqa.jsonl.gz", as_gzip),
    "exams": (items("exams"), {}, "test.jsonl", as_lines),
    "exams archive": (items("exams"), {}, "test.jsonl.tar.gz", as_tar),
    "exams evals": (items("exams"), {}, "spanish-exams-qa/samples.jsonl", as_lines),
    "lighteval": (
        log(load_lighteval),
        {},
        "details/owner/m/2026-01-01T00-00-00/details_t_2026-01-01T00-00-00.parquet",
        as_parquet,
    ),
    "inspect json": (log(load_inspect), {}, "log.json", as_json),
    "inspect archive": (log(load_inspect), {}, "log.eval", as_archive),
}
SPOILT = {
    "xquad json": squad("es"),
    "xquad parquet": flat(squad("es")),
    "tydiqa json": TYDIQA,
    "tydiqa parquet": flat(TYDIQA),
    "truthfulqa": TRUTHFUL,
    "mkqa": MKQA,
    "exams": EXAMS,
    "exams archive": EXAMS,
    "exams evals": EVALS,
    "lighteval": LIGHTEVAL,
    "inspect json": INSPECT,
    "inspect archive": INSPECT,
}


def spoil_value(content, chance):
    """Return JSON like `content` with one value, anywhere in it, strange, gone or doubled."""
    content = copy.deepcopy(content)
    here = content
    while True:
        if not isinstance(here, dict | list) or not here:
            return chance.choice(STRANGE)  # only where the whole of it is one value
        key = chance.choice(list(here)) if isinstance(here, dict) else chance.randrange(len(here))
        deeper = here[key]
        if isinstance(deeper, dict | list) and deeper and chance.random() < 0.85:
            here = deeper
            continue
        fate = chance.random()
        if fate < 0.2:
            del here[key]
        elif fate < 0.3 and isinstance(here, list):
            here.append(copy.deepcopy(deeper))
        else:
            here[key] = chance.choice(STRANGE)
        return content


def spoil_bytes(content, chance):
    """Return bytes a few steps away from `content`."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(changed) + 1)
        end = start + chance.choice([0, 1, 1, 8, 200])
        changed[start:end] = chance.choice([*ODD, bytes([chance.randrange(256)])])
    end = chance.randrange(len(changed) + 1) if chance.random() < 0.2 else len(changed)
    return bytes(changed[:end])


def spoilt(name, write, chance):
    if chance.random() < 0.6:
        try:
            return write(spoil_value(SPOILT[name], chance))
        except (pa.ArrowException, ValueError, TypeError, AttributeError, KeyError, OverflowError):
            pass  # no table or archive can hold it: spoil the bytes of a valid one
    return spoil_bytes(write(SPOILT[name]), chance)


@pytest.fixture(autouse=True)
def quiet():
    """Keep warnings out of the test's report: mutated bytes in them cannot be sent as UTF-8."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_unspoilt_files_are_read(tmp_path, name):
    read, others, file, write = LAYOUTS[name]
    for other, content in others.items():
        put(tmp_path, other, as_json(content))
    put(tmp_path, file, write(SPOILT[name]))
    read(tmp_path, random.Random(0))


@pytest.mark.parametrize("name", LAYOUTS)
@given(seed=st.integers(0, 2**32))
@settings(
    derandomize=True,
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_spoilt_file_is_read_or_refused(tmp_path_factory, name, seed):
    read, others, file, write = LAYOUTS[name]
    chance, root = random.Random(seed), tmp_path_factory.mktemp("spoilt")
    for number in range(INPUTS):
        folder = root / str(number)  # digests of files are remembered by path, size and time
        for other, content in others.items():
            put(folder, other, as_json(content))
        put(folder, file, spoilt(name, write, chance))
        try_one(read, folder, chance)


def try_one(read, folder, chance):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(folder, chance)
        except IllusionError as error:
            said = str(error)
        else:
            return
    assert said.strip()
    assert "\n" not in said, said
