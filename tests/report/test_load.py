"""A page takes what its store holds, and refuses to sweep a finished study anew."""

import shutil

import pytest
import yaml

from illusion_lib.errors import StoreError
from illusion_lib.report import load


@pytest.fixture
def misfit(study_folder, tmp_path):
    """A store of finished cells, and a study file of the same cells that asks other questions."""
    store = tmp_path / "store"
    shutil.copytree(study_folder, store, ignore=shutil.ignore_patterns("report"))
    study = yaml.safe_load((store / "study.json").read_text(encoding="utf-8"))
    for task in study["tasks"]:
        task["limit"] = 6
    changed = tmp_path / "changed.yml"
    changed.write_text(yaml.safe_dump(study), encoding="utf-8")
    return store, changed


def test_what_fits_is_taken(misfit):
    store, _ = misfit
    before = sorted((store / "cells").rglob("*"))
    assert len(load.load_all(str(store / "study.json"), str(store)).cells) > 1
    assert sorted((store / "cells").rglob("*")) == before


@pytest.mark.parametrize("models", [(), ("tiny-random",)])
def test_a_study_that_no_longer_fits_is_refused(misfit, models):
    store, changed = misfit
    before = (store / "study.json").read_text(encoding="utf-8")
    read = load.load_model_cells if models else load.load_all
    with pytest.raises(StoreError) as refused:
        read(str(changed), str(store), *models)
    said = str(refused.value)
    assert f"illusion sweep {changed} --out {store}" in said
    assert f"name the study they are of: {store / 'study.json'}" in said
    assert (store / "study.json").read_text(encoding="utf-8") == before, "nothing is overwritten"
