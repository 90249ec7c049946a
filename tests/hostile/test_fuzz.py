"""Whatever a file holds, a loader returns a valid object or one clear line, never a traceback."""

import contextlib
import hashlib
import json
import logging
import os
import random
import warnings
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illusion_lib.anchors.load import load as load_matrix
from illusion_lib.anchors.logs import load_lm_eval
from illusion_lib.anchors.matrix import ResponseMatrix
from illusion_lib.divergence.harness import read_results
from illusion_lib.errors import IllusionError, StoreError
from illusion_lib.items.read import read_items
from illusion_lib.probes.shift import Reference, read_reference, write_reference
from illusion_lib.pruning.statistics import InputStatistics, Statistics
from illusion_lib.records import Record, to_table
from illusion_lib.runs import gathered as gathered_module
from illusion_lib.runs import shared
from illusion_lib.runs.events import Event, parse_event
from illusion_lib.runs.leases import Leases, here
from illusion_lib.runs.manifest import MANIFEST, Manifest, read_manifest
from illusion_lib.runs.result import CellResult
from illusion_lib.runs.statistics_file import read_statistics, write_statistics
from illusion_lib.runs.store import RECORDS, Store
from illusion_lib.runs.studies import find_study
from illusion_lib.specs import CellSpec, ModelSpec, PruneSpec, StudySpec

# 20 inputs an example, 14 loaders: 11,200 in all; ILLUSION_FUZZ multiplies them.
EXAMPLES = 40 * int(os.environ.get("ILLUSION_FUZZ", "1"))
INPUTS = 20
ODD = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    b"\xef\xbb\xbf",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"{}",
    b"[]",
    b'""',
    b"[" * 40,
    b"9" * 5000,
    b"\r\n",
    b",",
    b":",
    b"&a ",
    b"*a",
    b"!!",
]

STUDY = b"""name: mine
title: Mine
models: [tiny-random, {name: owner/m, dtype: float32, revision: main}]
prunings:
- {method: wanda, sparsity: [0.3, 0.5], statistics: one_pass}
- {method: sparsegpt, pattern: "2:4", block_size: 64, damping: 0.01}
calibrations: [{samples: 2, length: 16, seed: [0, 1], source: self}]
tasks: [{name: facts, languages: [en], relations: [capital], limit: 3, seed: 0}]
probe: {probes: [open, choice], beams: 2, temperature: 1.0}
"""
ITEM = {
    "id": "a/en",
    "language": "en",
    "relation": "r",
    "question": "Q?",
    "answer": "x",
    "distractors": ["y", "z"],
    "aliases": ["ex"],
    "parallel_id": "a",
}
ITEMS = "\n".join(
    json.dumps(ITEM | {"id": f"{n}", "parallel_id": f"{n}"}) for n in range(3)
).encode()
ITEMS_CSV = b"id,language,relation,question,answer,distractors\n1,en,r,Q?,x,y|z\n2,en,r,P?,x,y|z\n"
LONG_CSV = b"model,item,score\nm,1,0\nm,2,1\nn,1,1\nn,2,0.5\n"
SAMPLE = {
    "doc_id": 0,
    "doc": {"q": 1},
    "target": "0",
    "arguments": [["a", " b"]],
    "filter": "none",
    "resps": [[["-1.0", "False"]]],
    "filtered_resps": [["-1.0", "False"]],
    "acc": 1.0,
    "metrics": ["acc"],
    "doc_hash": "0",
    "prompt_hash": "0",
    "target_hash": "0",
}
SAMPLES = "\n".join(json.dumps(SAMPLE | {"doc_id": n}) for n in range(3)).encode()
CELL = CellSpec(ModelSpec("owner/m"), PruneSpec("wanda", 0.5))
KEY = CELL.key("checkpoint", "items")


def manifest():
    return Manifest(
        KEY,
        CELL.canonical(),
        "now",
        {"a": "1"},
        "cpu",
        "float32",
        1,
        "c",
        "",
        "a",
        "b",
        {},
        None,
        {"count": 1},
        {},
        "packed",
        seconds={"probe": 1.0},
    )


def mutate(content, chance):
    """Return bytes a few steps away from valid ones; JSON is also changed value by value."""
    if chance.random() < 0.3:
        with contextlib.suppress(ValueError):
            lines = content.split(b"\n")
            place = chance.randrange(len(lines))
            lines[place] = json.dumps(other(json.loads(lines[place]), chance)).encode()
            return b"\n".join(lines)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(changed) + 1)
        end = start + chance.choice([0, 0, 1, 1, 8, 200])
        changed[start:end] = chance.choice(
            [*ODD, bytes([chance.randrange(256)]), bytes(changed[:30])]
        )
    return bytes(
        changed[: chance.randrange(len(changed) + 1)] if chance.random() < 0.2 else changed
    )


def other(value, chance):
    """Return JSON like `value` with something replaced."""
    strange = [None, True, -1, 10**400, 1e308, float("nan"), "", "\ud800", "a" * 300, [], {}, [[]]]
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        if chance.random() < 0.2:
            return {k: v for k, v in value.items() if k != name}
        return value | {name: other(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.6:
        return [other(value[0], chance), *value[1:]]
    return chance.choice(strange)


def study(path, content):
    path = path / "s.yml"
    path.write_bytes(content)
    assert isinstance(find_study(path), StudySpec)


def items(path, content):
    path = path / "i.jsonl"
    path.write_bytes(content)
    assert read_items(path)


def items_csv(path, content):
    path = path / "i.csv"
    path.write_bytes(content)
    assert read_items(path)


def matrix_csv(path, content):
    path = path / "m.csv"
    path.write_bytes(content)
    assert isinstance(load_matrix(path), ResponseMatrix)


def lm_eval(path, content):
    folder = path / "owner__m"
    folder.mkdir(exist_ok=True)
    (folder / "samples_task_2026-01-01T00-00-00.jsonl").write_bytes(content)
    assert isinstance(load_lm_eval(path), ResponseMatrix)


def results(path, content):
    path = path / "samples_task.jsonl"
    path.write_bytes(content)
    assert isinstance(read_results(path), pd.DataFrame)


def manifest_file(path, content):
    (path / MANIFEST).write_bytes(content)
    assert isinstance(read_manifest(path), Manifest)


def event(path, content):
    for line in content.split(b"\n"):
        found = parse_event(line)
        assert found is None or isinstance(found, Event)


def lease(path, content):
    (path / "a.json").write_bytes(content)
    leases = Leases(path)
    assert isinstance(leases.is_free("a"), bool)
    assert all(isinstance(host, str) for host in leases.held().values())


def study_json(path, content):
    (path / "study.json").write_bytes(content)
    Store(path).read_json("study.json")


TEXTS = {
    study: STUDY,
    items: ITEMS,
    items_csv: ITEMS_CSV,
    matrix_csv: LONG_CSV,
    lm_eval: SAMPLES,
    results: SAMPLES,
    manifest_file: json.dumps(asdict(manifest())).encode(),
    event: b'{"kind": "done", "cell": "m c", "key": "k", "seconds": 1.5, "items": 3, "pid": 4}',
    study_json: b'{"name": "a", "models": []}',
    lease: json.dumps({"owner": "o", "host": here(), "pid": 4, "beat": "000000000001"}).encode(),
}
given_seeds = given(st.integers(0, 2**32))
few = settings(
    derandomize=True,
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("loader", TEXTS, ids=lambda loader: loader.__name__)
@given_seeds
@few
def test_text_files(tmp_path, loader, seed):
    chance = random.Random(seed)
    loader(tmp_path, TEXTS[loader])
    for _ in range(INPUTS):
        try_one(loader, tmp_path, mutate(TEXTS[loader], chance))


def try_one(loader, path, content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns of odd columns before the loader refuses
        try:
            loader(path, content)
        except IllusionError as error:
            said = str(error).strip()
        else:
            return
    assert said
    assert "\n" not in said, said


@given_seeds
@few
def test_a_matrix_in_npz_or_parquet(tmp_path, seed):
    chance = random.Random(seed)
    npz, parquet = tmp_path / "m.npz", tmp_path / "m.parquet"
    np.savez(
        npz, scores=np.eye(3), model_names=np.array(["a", "b", "c"]), item_ids=np.array(list("xyz"))
    )
    pd.DataFrame({"model": ["m", "n"], "item": ["1", "1"], "score": [0.0, 1.0]}).to_parquet(parquet)
    contents = {path: path.read_bytes() for path in (npz, parquet)}
    for _ in range(INPUTS):
        path = chance.choice([npz, parquet])
        path.write_bytes(mutate(contents[path], chance))
        try_one(lambda path, _: load_matrix(path), path, b"")


@pytest.fixture(autouse=True)
def quiet():
    """Keep warnings out of the test's report: mutated bytes in them cannot be sent as UTF-8."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


RECORD = Record(
    item_id="i",
    parallel_id="i",
    language="en",
    relation="r",
    question="q",
    gold="g",
    probe="open",
    prompt_hash="0",
    options=("a", "b"),
    prompt_tokens=1,
    output_tokens=1,
    seconds=0.1,
)


@given_seeds
@few
def test_a_stored_cell_is_whole_or_quarantined(tmp_path, seed):
    chance, store = random.Random(seed), Store(tmp_path)
    whole = store.put(CELL, to_table([RECORD]), manifest())
    contents = {name: (whole.folder / name).read_bytes() for name in (RECORDS, MANIFEST)}
    for _ in range(INPUTS):
        whole.folder.mkdir(exist_ok=True)
        for name, content in contents.items():
            (whole.folder / name).write_bytes(content)
        name = chance.choice(list(contents))
        (whole.folder / name).write_bytes(mutate(contents[name], chance))
        found = store.get(CELL, KEY)
        assert found is None or isinstance(found, CellResult)
        assert found is None or found.table.equals(whole.table)
        assert found is not None or not whole.folder.exists()


@given_seeds
@few
def test_records_whose_hash_somebody_has_mended_are_read_or_refused(tmp_path, seed):
    chance, store = random.Random(seed), Store(tmp_path)
    whole = store.put(CELL, to_table([RECORD]), manifest())
    content, about = (whole.folder / RECORDS).read_bytes(), asdict(whole.manifest)
    for _ in range(INPUTS):
        changed = mutate(content, chance)
        whole.folder.mkdir(exist_ok=True)
        (whole.folder / RECORDS).write_bytes(changed)
        digest = {"records_sha256": hashlib.sha256(changed).hexdigest()}
        (whole.folder / MANIFEST).write_text(json.dumps(about | digest))
        found = store.get(CELL, KEY)
        try:
            assert isinstance(found.records, pd.DataFrame)
        except StoreError:
            assert not whole.folder.exists()  # it has gone to quarantine


def gathered(path):
    return gathered_module._read(path).places


def statistics(path):
    return read_statistics(path, {"layer": torch.device("cpu")})


@pytest.fixture(scope="module")
def kept_files(tmp_path_factory):
    """Return what the store keeps beside the cells: how it is read, and its bytes."""
    folder = tmp_path_factory.mktemp("kept")
    tokens = np.arange(6).reshape(2, 3)
    norms = Statistics({"layer": InputStatistics(3, torch.ones(4), torch.eye(4))}, "gram", 3)
    cell = Store(folder).put(CELL, to_table([RECORD]), manifest())
    writes = {
        shared._read_array: lambda path: shared._write_array(path, tokens),
        read_reference: lambda path: write_reference(
            path, Reference(("i",), tokens[:1].astype("int32"), np.zeros((1, 3), "float32"))
        ),
        statistics: lambda path: write_statistics(path, norms),
        gathered: lambda path: gathered_module._write(path, [cell], [(KEY, "a", "b")]),
    }
    found = {}
    for read, write in writes.items():
        write(folder / "file")
        found[read] = (folder / "file").read_bytes()
        assert read(folder / "file") is not None
    return found


@given_seeds
@few
def test_what_is_kept_beside_the_cells_is_read_or_quarantined(tmp_path, kept_files, seed):
    chance, store = random.Random(seed), Store(tmp_path)
    folder = tmp_path / "kept" / "it"
    for _ in range(INPUTS):
        read = chance.choice(list(kept_files))
        content = mutate(kept_files[read], chance)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "content").write_bytes(content)
        (folder / "sha256").write_text(hashlib.sha256(content).hexdigest())
        assert store.kept("kept/it", read) is not None or not folder.exists()
