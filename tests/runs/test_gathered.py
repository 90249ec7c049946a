"""The records of many cells in one file: never others than those in the cells' own folders."""

import logging

import fake_cells
import pandas as pd
import pytest

from illusion_lib.errors import StoreError
from illusion_lib.runs import cell as cell_module
from illusion_lib.runs import result as result_module
from illusion_lib.runs import sweep as sweep_module
from illusion_lib.runs.gathered import GATHERED
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.store import RECORDS, Store
from illusion_lib.runs.sweep import load_study, run_study

STUDY = fake_cells.study(6)


@pytest.fixture(autouse=True)
def many(monkeypatch):
    """Let six cells be many; note which cells are read one by one."""
    monkeypatch.setattr(cell_module, "_compute", fake_cells.compute)
    monkeypatch.setattr(fake_cells, "LONGEST", 0)
    monkeypatch.setattr(sweep_module, "MANY", 3)
    read, real = [], Store.get
    monkeypatch.setattr(Store, "get", lambda *a: read.append(a[1].slug) or real(*a))
    return read


@pytest.fixture
def swept(tmp_path, many):
    result = run_study(STUDY, Store(tmp_path))
    many.clear()
    return result


def gathered(root):
    return [path / "content" for path in (root / GATHERED).iterdir()]


def test_a_second_look_reads_one_file_and_finds_the_same(swept, tmp_path, many):
    again = load_study(tmp_path)
    assert many == []
    pd.testing.assert_frame_equal(again.records, swept.records)
    for cell, before in zip(again.cells, swept.cells, strict=True):
        assert cell.manifest == before.manifest
        assert cell.table.equals(before.table)
        pd.testing.assert_frame_equal(cell.records, before.records)


def test_a_part_of_the_study_and_another_order_are_found_too(swept, tmp_path, many):
    part = fake_cells.study(4)
    backwards = type(part)(**{**vars_of(part), "prunings": part.prunings[::-1]})
    found = run_study(backwards, Store(tmp_path))
    assert many == []
    expected = {cell.spec.slug: cell.table for cell in swept.cells}
    assert [cell.spec.slug for cell in found.cells][1:] == [p.slug for p in backwards.prunings]
    assert all(cell.table.equals(expected[cell.spec.slug]) for cell in found.cells)
    assert len(gathered(tmp_path)) == 1


def vars_of(study):
    return {name: getattr(study, name) for name in study.__dataclass_fields__}


@pytest.mark.parametrize("name", [RECORDS, MANIFEST])
def test_a_damaged_cell_is_never_served_from_the_copy(swept, tmp_path, many, name, monkeypatch):
    path = swept.cells[2].folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    computed, real = [], fake_cells.compute
    monkeypatch.setattr(
        cell_module, "_compute", lambda plan, *r: computed.append(plan.spec.slug) or real(plan, *r)
    )
    again = load_study(tmp_path)
    assert set(many) <= {swept.cells[2].spec.slug}
    assert again.failures == ()
    pd.testing.assert_frame_equal(again.records, swept.records)
    if name == RECORDS:
        assert computed == [swept.cells[2].spec.slug]


def test_a_new_cell_is_added_and_the_old_copy_goes(swept, tmp_path, many):
    (old,) = gathered(tmp_path)
    larger = run_study(fake_cells.study(8), Store(tmp_path))
    assert len(larger.cells) == 8
    (new,) = gathered(tmp_path)
    assert new != old
    many.clear()
    pd.testing.assert_frame_equal(load_study(tmp_path).records, larger.records)
    assert many == []


def test_a_damaged_copy_is_thrown_out_and_made_again(swept, tmp_path, many):
    (copy,) = gathered(tmp_path)
    damaged = bytearray(copy.read_bytes())
    damaged[len(damaged) // 2] ^= 8
    copy.write_bytes(damaged)
    pd.testing.assert_frame_equal(load_study(tmp_path).records, swept.records)
    assert len(many) == 6
    many.clear()
    load_study(tmp_path)
    assert many == []


def test_a_copy_that_cannot_be_written_costs_time_only(swept, tmp_path, monkeypatch, caplog):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    (copy,) = gathered(tmp_path)
    copy.write_bytes(b"")
    monkeypatch.setattr("illusion_lib.runs.gathered.pq.ParquetWriter", full)
    with caplog.at_level(logging.WARNING):
        pd.testing.assert_frame_equal(load_study(tmp_path).records, swept.records)
    assert "not gathered" in caplog.text


def test_a_manifest_changed_after_the_look_is_said(swept, tmp_path):
    again = load_study(tmp_path)
    result_module._manifest.cache_clear()
    (again.cells[1].folder / MANIFEST).write_text("{}")
    with pytest.raises(StoreError, match="changed while it was read"):
        _ = again.cells[1].manifest
