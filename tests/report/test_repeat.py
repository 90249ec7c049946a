"""The command that a page shows finds the very study that was run."""

from dataclasses import replace

from illusion_lib.report.repeat import repeat_commands
from illusion_lib.runs.studies import find_study
from illusion_lib.specs import ModelSpec


def test_a_study_of_the_package_goes_by_its_name_whatever_dtype_it_ran_in():
    quick = find_study("quick")
    ran = replace(quick, models=tuple(replace(m, dtype="float32") for m in quick.models))
    assert repeat_commands(ran) == (
        "illusion sweep quick --out runs/quick",
        "illusion report runs/quick",
    )


def test_any_other_goes_by_its_spec_even_under_a_known_name():
    quick = find_study("quick")
    other = replace(quick, models=(ModelSpec("tiny-random"),))
    for study in (other, replace(other, name="quick-tiny-random")):
        sweep, report = repeat_commands(study)
        assert sweep == f"illusion sweep study.json --out runs/{study.name}"
        assert report == f"illusion report runs/{study.name}"
