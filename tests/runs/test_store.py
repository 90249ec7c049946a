"""A cell is on disk whole or not at all, and is checked when it is read."""

import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from illusion_lib.errors import StoreError
from illusion_lib.records import Record, to_table
from illusion_lib.runs import store as store_module
from illusion_lib.runs.manifest import MANIFEST, Manifest
from illusion_lib.runs.store import RECORDS, Store
from illusion_lib.specs import CellSpec, ModelSpec, PruneSpec

SPEC = CellSpec(ModelSpec("owner/m"), PruneSpec("wanda", 0.5))
KEY = SPEC.key("checkpoint", "items")


def record(**changes):
    fields = {
        "item_id": "i/en",
        "parallel_id": "i",
        "language": "en",
        "relation": "capital",
        "question": "<b>What</b> is 1 + 1?",
        "gold": "2",
        "probe": "choice",
        "prompt_hash": "0" * 16,
        "correct": True,
        "options": ("2", "3"),
        "log_prob_sum": (-1.0, -2.5),
        "prompt_tokens": 5,
        "output_tokens": 2,
        "seconds": 0.25,
    }
    return Record(**fields | changes)


def manifest(key=KEY):
    return Manifest(
        key=key, spec=SPEC.canonical(), created="2026-01-01T00:00:00+00:00", versions={},
        device="cpu", dtype="float32", threads=1, checkpoint="c", checkpoint_note="",
        weights_before="a", weights_after="b", pruning={}, calibration_sha256=None, items={},
        prompts={}, scoring_path="packed",
    )  # fmt: skip


def put(store):
    return store.put(SPEC, to_table([record(), record(item_id="j/en", correct=None)]), manifest())


def test_what_is_put_is_got(tmp_path):
    written = put(Store(tmp_path))
    found = Store(tmp_path).get(SPEC, KEY)
    pd.testing.assert_frame_equal(found.records, written.records)
    assert found.manifest == written.manifest
    row = found.records.iloc[0]
    assert row["question"] == "<b>What</b> is 1 + 1?"
    assert list(row["log_prob_sum"]) == [-1.0, -2.5]
    assert found.records["correct"].isna().tolist() == [False, True]


def test_another_key_is_another_cell(tmp_path):
    put(Store(tmp_path))
    assert Store(tmp_path).get(SPEC, "0" * 32) is None


@pytest.mark.parametrize("name", [RECORDS, MANIFEST])
@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_cell_is_quarantined(tmp_path, name, damage):
    path = put(Store(tmp_path)).folder / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 0x20
        path.write_bytes(content[: len(content) // 2] if damage == "truncate" else content)
    if name == MANIFEST and damage == "flip":
        path.write_text(path.read_text(errors="replace").replace(KEY, "0" * 32))
    assert Store(tmp_path).get(SPEC, KEY) is None
    assert not path.parent.exists()
    assert list((tmp_path / "quarantine").iterdir())
    assert put(Store(tmp_path)).manifest.key == KEY


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module.pq, "write_table", full)
    with pytest.raises(StoreError, match="disk is full"):
        put(Store(tmp_path))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_an_interrupt_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(Store(tmp_path))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_slower_of_two_writers_keeps_the_first_ones_cell(tmp_path):
    first = put(Store(tmp_path))
    second = put(Store(tmp_path))
    assert second.manifest.created == first.manifest.created
    assert len(list(first.folder.parent.iterdir())) == 1


def test_an_unwritable_root_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        put(Store(tmp_path / "file"))


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_what_is_kept_is_checked_and_damage_quarantined(tmp_path, damage):
    store = Store(tmp_path)
    assert store.kept("calibration/k", Path.read_bytes) is None
    store.keep("calibration/k", lambda path: path.write_bytes(b"0123456789"))
    assert store.kept("calibration/k", Path.read_bytes) == b"0123456789"
    path = tmp_path / "calibration" / "k" / "content"
    damaged = {"truncate": b"01234", "flip": b"0123456799"}
    path.write_bytes(damaged[damage]) if damage in damaged else path.unlink()
    assert store.kept("calibration/k", Path.read_bytes) is None
    assert not path.parent.exists()
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_one_process_makes_what_another_waits_for(tmp_path):
    made = []

    def stored():
        return Store(tmp_path).kept("calibration/k", Path.read_bytes)

    def ask(content):
        store = Store(tmp_path)
        with store.once("k", stored) as found:
            if found is None:
                made.append(content)
                time.sleep(0.2)
                store.keep("calibration/k", lambda path: path.write_bytes(content))
            return found or content

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, [b"a", b"b", b"c", b"d"]))
    assert len(made) == 1
    assert answers == set(made)


def test_a_folder_that_is_no_study_is_refused_with_the_command_to_run(tmp_path):
    with pytest.raises(StoreError, match="illusion sweep"):
        Store(tmp_path).read_json("study.json")
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        Store(tmp_path).read_json("study.json")


def test_manifests_skip_what_cannot_be_read(tmp_path):
    folder = put(Store(tmp_path)).folder
    assert [m.key for m in Store(tmp_path).manifests()] == [KEY]
    (folder / MANIFEST).write_text(json.dumps({"key": 1}))
    assert list(Store(tmp_path).manifests()) == []


def test_a_cell_folder_never_leaves_the_store():
    spec = CellSpec(ModelSpec("../../../etc/passwd"))
    inside = Store("root").cell_folder(spec, KEY)
    assert ".." not in inside.parts
    assert inside.is_relative_to(Path("root"))
