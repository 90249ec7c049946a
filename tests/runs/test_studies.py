"""Studies are read by name or path; what is wrong in a file is named."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.errors import SpecError
from illusion_lib.runs.studies import (
    cell_for,
    find_study,
    shipped_studies,
    study_content,
    study_from,
)

YAML = """
name: mine
models: [tiny-random]
prunings: [{method: wanda, sparsity: [0.3, 0.5], pattern: ["2:4"]}]
calibrations: [{samples: 2, length: 16, seed: [0, 1]}]
"""


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_are_valid_and_survive_a_round_trip(name):
    study = find_study(name)
    assert study.name == name
    assert study_from(study_content(study), "copy") == study


def test_quick_is_the_study_that_the_readme_promises():
    study = find_study("quick")
    methods = {(p.method, p.sparsity) for p in study.prunings}
    assert methods == {(m, s) for m in ("magnitude", "wanda", "sparsegpt") for s in (0.3, 0.4, 0.5)}
    assert study.tasks[0].limit >= 40
    assert set(study.tasks[0].languages) == {"en", "es"}


def test_lists_are_expanded_as_alternatives(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(YAML)
    slugs = [cell.slug for cell in find_study(path).cells()]
    assert slugs == [
        "dense",
        "wanda-s030",
        "wanda-s050",
        "wanda-2of4",
        "wanda-s030-c1",
        "wanda-s050-c1",
        "wanda-2of4-c1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [a", "not valid YAML"),
        ("[1, 2]", "expected a mapping"),
        ("name: x\nmodels: 3", "models: expected a list"),
        ("name: x\nmodels: []", "names no model"),
        ("name: x\nmodels: [a]\nprunings: []\ncolour: red", "unknown field 'colour'"),
        ("name: ../x\nmodels: [a]\nprunings: []", "lower-case letters"),
        ("name: x\nmodels: [a]\nprunings: [{method: wand}]", "unknown pruning method"),
        ("name: x\nmodels: [a]\nprunings: [{method: wanda, sparsity: 2}]", r"\[0, 1\)"),
        ("a: &a [1]\nb: [*a, *a]", "aliases"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("[" * 5000, "not valid YAML|expected a mapping"),
    ],
)
def test_a_bad_file_gets_one_clear_line(tmp_path, text, message):
    path = tmp_path / "bad.yml"
    path.write_text(text)
    with pytest.raises(SpecError, match=message) as refusal:
        find_study(path)
    assert "\n" not in str(refusal.value)
    assert "bad.yml" in str(refusal.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "models",
                        "prunings",
                        "calibrations",
                        "tasks",
                        "probe",
                        "method",
                        "sparsity",
                        "seed",
                        "x",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_content_is_a_study_or_a_refusal(content):
    with contextlib.suppress(SpecError):
        study_from(content, "fuzz")


def test_unknown_study_lists_the_shipped_ones():
    with pytest.raises(SpecError, match="full, quick, tiny"):
        find_study("nonsense")


def test_a_cell_of_a_study_takes_over_its_settings():
    quick = find_study("quick")
    cell = cell_for(quick, method="wanda", sparsity=0.5)
    assert cell in quick.cells()
    other = cell_for(quick, model="owner/mine", method="sparsegpt", pattern="2:4")
    assert other.prune.statistics == "sequential"
    assert (other.model.name, other.prune.sparsity) == ("owner/mine", 0.5)
    assert other.task == quick.tasks[0]
    assert cell_for(quick, method="wanda", sparsity=0.5, calibration_seed=3).slug.endswith("-c3")
