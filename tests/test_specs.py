"""Specs refuse what cannot be run, and the content key follows what determines the records."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.errors import SpecError
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import (
    CalibrationSpec,
    CellSpec,
    ModelSpec,
    ProbeSpec,
    PruneSpec,
    StudySpec,
    TaskSpec,
    build,
    parse_pattern,
)


def key(cell):
    return cell.key("checkpoint", "items")


CELL = CellSpec(ModelSpec("owner/Some-Model-1.5B"), PruneSpec("wanda", 0.5))


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, float("nan"), float("inf"), "0.5", None])
def test_sparsity_outside_the_unit_interval_is_refused(sparsity):
    with pytest.raises(SpecError, match=r"\[0, 1\)"):
        PruneSpec("wanda", sparsity)


@pytest.mark.parametrize("pattern", ["4:4", "0:4", "2-4", "4:2", "a:b", ""])
def test_a_pattern_that_is_not_n_of_m_is_refused(pattern):
    with pytest.raises(SpecError, match="n:m"):
        PruneSpec("wanda", pattern=pattern)


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_pattern_implies_its_sparsity(kept, more):
    spec = PruneSpec("wanda", pattern=f"{kept}:{kept + more}")
    assert parse_pattern(spec.pattern) == (kept, kept + more)
    assert spec.sparsity == pytest.approx(more / (kept + more))


def test_a_pattern_and_another_sparsity_are_refused():
    with pytest.raises(SpecError, match="leave sparsity out"):
        PruneSpec("wanda", 0.3, "2:4")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PruneSpec("nonsense", 0.5), "unknown pruning method 'nonsense'; choose one of"),
        (lambda: PruneSpec("dense", 0.5), "makes no zeros"),
        (lambda: PruneSpec("wanda", 0.5, statistics="both"), "unknown statistics mode"),
        (lambda: ProbeSpec(probes=("open", "guess")), "unknown probe 'guess'"),
        (lambda: ProbeSpec(beams=0), "beams must be at least 1"),
        (lambda: ProbeSpec(temperature=0.0), "temperature must be positive"),
        (lambda: ModelSpec(" "), "name is empty"),
        (lambda: ModelSpec("m", dtype="float16"), "unknown dtype"),
        (lambda: TaskSpec(limit=0), "at least 1 item"),
        (lambda: CalibrationSpec(length=1), "at least 2"),
    ],
)
def test_each_refusal_names_what_is_wrong(make, message):
    with pytest.raises(SpecError, match=message.replace("[", r"\[")):
        make()


@pytest.mark.parametrize(
    ("spec", "slug", "label"),
    [
        (PruneSpec(), "dense", "dense"),
        (PruneSpec("wanda", 0.5), "wanda-s050", "Wanda 50 %"),
        (PruneSpec("magnitude", 0.05), "magnitude-s005", "magnitude 5 %"),
        (PruneSpec("magnitude", 0.333), "magnitude-s0333", "magnitude 33.3 %"),
        (PruneSpec("sparsegpt", pattern="2:4"), "sparsegpt-2of4", "SparseGPT 2:4"),
    ],
)
def test_slug_and_label(spec, slug, label):
    assert (spec.slug, spec.label) == (slug, label)


def test_model_slug_is_a_safe_file_name():
    assert ModelSpec("owner/Some Model_1.5B/").slug == "some-model-1-5b"
    assert ModelSpec("../../etc/пароль").slug.isalnum()
    assert "/" not in ModelSpec("a/../..").slug


def test_key_ignores_what_the_method_ignores():
    dense = CELL.dense
    assert key(dense) == key(replace(dense, calibration=CalibrationSpec(seed=7)))
    magnitude = replace(CELL, prune=PruneSpec("magnitude", 0.5))
    other = replace(magnitude, prune=PruneSpec("magnitude", 0.5, damping=0.5))
    assert key(magnitude) == key(other)
    sized = replace(CELL, model=replace(CELL.model, parameters=1e9))
    assert key(CELL) == key(sized)
    moved = replace(CELL, model=replace(CELL.model, name="/elsewhere/model"))
    assert key(CELL) == key(moved)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CELL, prune=PruneSpec("wanda", 0.4)),
        replace(CELL, prune=PruneSpec("wanda", 0.5, statistics="one_pass")),
        replace(CELL, calibration=CalibrationSpec(seed=1)),
        replace(CELL, probe=ProbeSpec(beams=2)),
        replace(CELL, model=replace(CELL.model, dtype="bfloat16")),
    ],
)
def test_key_follows_what_changes_the_records(changed):
    assert key(changed) != key(CELL)


def test_key_follows_checkpoint_items_and_text():
    keys = {CELL.key(*parts) for parts in (("a", "b"), ("b", "a"), ("a", "b", "c"))}
    assert len(keys) == 3


def test_every_setting_named_in_the_registry_is_a_field():
    for method in METHODS.values():
        for setting in method.settings:
            assert hasattr(PruneSpec(), setting)


def test_study_lists_each_cell_once_dense_first():
    study = StudySpec(
        "s",
        "S",
        (ModelSpec("a"),),
        (PruneSpec("magnitude", 0.5), PruneSpec("wanda", 0.5)),
        (CalibrationSpec(seed=0), CalibrationSpec(seed=1)),
    )
    slugs = [cell.slug for cell in study.cells()]
    assert slugs == ["dense", "magnitude-s050", "wanda-s050", "wanda-s050-c1"]


def test_study_refuses_two_models_of_one_short_name():
    with pytest.raises(SpecError, match="same short name"):
        StudySpec("s", "S", (ModelSpec("a/m"), ModelSpec("b/m")), ())


def test_build_names_the_place_and_the_known_fields():
    with pytest.raises(SpecError, match=r"my.yml: unknown field 'sparcity'; known are: method"):
        build(PruneSpec, {"sparcity": 0.5}, "my.yml")
    with pytest.raises(SpecError, match="expected a mapping"):
        build(PruneSpec, [1], "my.yml")
