"""A manifest whose numbers are no numbers is refused before the report reckons with them."""

import dataclasses
import json

import pytest

from illusion_lib.errors import StoreError
from illusion_lib.runs.manifest import MANIFEST, Manifest, read_manifest

WHOLE = Manifest(
    key="k",
    spec={},
    created="now",
    versions={},
    device="cpu",
    dtype="bfloat16",
    threads=1,
    checkpoint="c",
    checkpoint_note="",
    weights_before="a",
    weights_after="b",
    pruning={},
    calibration_sha256=None,
    items={"count": 1},
    prompts={},
    scoring_path="packed",
    memory_halvings=1,
    batch_flips={"items": 40, "choice": 1, "open": 2, "nats": 0.5},
    seconds={"probe": 1.0},
)


def write(folder, **changes):
    content = dataclasses.asdict(WHOLE) | changes
    (folder / MANIFEST).write_text(json.dumps(content))
    return folder


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    assert read_manifest(write(tmp_path)) == WHOLE


def test_manifests_from_before_halvings_were_recorded_are_read(tmp_path):
    old = dataclasses.asdict(WHOLE)
    del old["memory_halvings"]
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    assert read_manifest(tmp_path).memory_halvings == 0


@pytest.mark.parametrize("name", ["seconds", "batch_flips"])
def test_what_is_no_number_is_refused(tmp_path, name):
    with pytest.raises(StoreError, match=f"'{name}' holds something that is no number"):
        read_manifest(write(tmp_path, **{name: {"items": "many"}}))
