"""The dense model's distributions reach every pruned cell of a study, through the store."""

from __future__ import annotations

from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec, ModelSpec, ProbeSpec, PruneSpec, TaskSpec


def test_pruned_cells_are_compared_with_the_dense_model(tmp_path):
    store = Store(tmp_path)
    task = TaskSpec(languages=("en",), limit=4)
    probe = ProbeSpec(probes=("open", "kl"), max_new_tokens=4)
    shifts = {}
    for sparsity in (0.0, 0.3, 0.7):
        prune = PruneSpec("magnitude", sparsity=sparsity) if sparsity else PruneSpec()
        cell = CellSpec(ModelSpec("tiny-random"), prune, task=task, probe=probe)
        records = run_cell(cell, store).records
        shifts[sparsity] = records.loc[records["probe"] == "kl", "kl_dense"]
    assert (shifts[0.0] < 1e-6).all()
    assert 0 < shifts[0.3].mean() < shifts[0.7].mean()
    assert len(list(tmp_path.glob("reference/*/content"))) == 1
