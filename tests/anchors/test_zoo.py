import hashlib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from illusion_lib.anchors.guess import CHEAP
from illusion_lib.anchors.zoo import DENSE, MANIFEST, TABLE, load_zoo
from illusion_lib.runs.studies import find_study, study_from
from illusion_lib.specs import StudySpec


@pytest.fixture(scope="module")
def zoo():
    return load_zoo()


def test_it_is_as_large_as_promised_and_whole(zoo):
    assert len(zoo.variants) >= 120
    sizes = zoo.rows.groupby("variant")["item_id"].nunique()
    assert sizes.min() == sizes.max() >= 200
    assert not zoo.rows[["said", *CHEAP]].isna().any().any()
    assert (zoo.rows["method"].nunique(), zoo.rows["calibration_seed"].nunique()) >= (8, 4)


def test_it_is_the_shipped_study_and_the_manifest_tells_the_weights(zoo):
    study = study_from(zoo.manifest["study"], MANIFEST)
    assert isinstance(study, StudySpec)
    shipped = find_study("zoo")
    assert [model.name for model in study.models] == [model.name for model in shipped.models]
    assert replace(study, models=shipped.models) == shipped  # the run's names its dtype
    assert {cell.slug for cell in study.cells()} == set(zoo.variants)
    table = (files("illusion_lib") / "data" / TABLE).read_bytes()
    assert hashlib.sha256(table).hexdigest() == zoo.manifest["table_sha256"]
    assert set(zoo.manifest["weights"]) == set(zoo.variants)
    assert len(set(zoo.manifest["weights"].values())) == len(zoo.variants)
    assert len(table) < 2_000_000


def test_both_formats_come_as_matrices(zoo):
    said, picked = zoo.matrix("open"), zoo.matrix("choice")
    assert said.shape == picked.shape == (len(zoo.variants), zoo.rows["item_id"].nunique())
    dense = zoo.of(DENSE)
    assert said.scores[said.models.index(DENSE)].mean() == dense["said"].mean()
    assert picked.scores[picked.models.index(DENSE)].mean() == dense["picked"].mean()
    # The illusion itself: harsh pruning takes far more of what is said than of what is picked.
    harsh = zoo.rows[zoo.rows["variant"].str.startswith("wanda-s050")]
    kept = (
        harsh["said"].mean() / dense["said"].mean(),
        harsh["picked"].mean() / dense["picked"].mean(),
    )
    assert kept[0] < 0.5 * kept[1]


def test_multiple_choice_agrees_with_itself(zoo):
    rows = zoo.rows
    assert ((rows["ahead"] > 0) == rows["picked"]).mean() > 0.999  # a tie goes to the first
    assert ((rows["rank"] == 1) == (rows["margin"] == 0)).all()
    assert (rows["worst_rank"] >= rows["rank"]).all()
    assert np.isfinite(rows["log_prob"]).all()
