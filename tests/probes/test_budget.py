"""Batches by budget, and what happens when memory runs out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.probes.budget import Budget


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 100))
def test_results_come_in_order_and_batches_fit(costs, slots):
    batches: list[list[int]] = []

    def work(jobs: list[int]) -> list[int]:
        batches.append(jobs)
        return [10 * job for job in jobs]

    told: list[int] = []
    assert Budget(slots).run(costs, work, told.append) == [10 * k for k in range(len(costs))]
    assert sum(told) == len(costs)
    for jobs in batches:
        assert len(jobs) == 1 or len(jobs) * max(costs[j] for j in jobs) <= slots


def test_out_of_memory_halves_the_budget_and_goes_on():
    sizes: list[int] = []

    def work(jobs: list[int]) -> list[int]:
        sizes.append(len(jobs))
        if len(jobs) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return jobs

    budget = Budget(100)
    assert budget.run([10] * 12, work) == list(range(12))
    assert budget.halvings == 2
    assert sizes == [10, 5, 2, 2, 2, 2, 2, 2]


def test_one_job_that_does_not_fit_is_an_error():
    def work(jobs: list[int]) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        Budget(1).run([5], work)
