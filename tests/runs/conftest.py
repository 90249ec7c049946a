"""A study so small that its cells run in a second."""

import sys
from pathlib import Path

import pytest

from illusion_lib.runs.executors import process
from illusion_lib.specs import (
    CalibrationSpec,
    ModelSpec,
    ProbeSpec,
    PruneSpec,
    StudySpec,
    TaskSpec,
)

# Processes that tests start find it by this path: they take it over.
sys.path.insert(0, str(Path(__file__).parent / "fakes"))
# A new process begins by importing what was run, here pytest: once in the server is enough.
process._PRELOADED.append("pytest")


@pytest.fixture(scope="session")
def small_study():
    return StudySpec(
        name="small",
        title="Small",
        models=(ModelSpec("tiny-random", dtype="float32"),),
        prunings=(
            PruneSpec("magnitude", 0.5),
            PruneSpec("wanda", 0.5, statistics="one_pass"),
            PruneSpec("sparsegpt", pattern="2:4", statistics="one_pass", block_size=16),
        ),
        calibrations=(CalibrationSpec(samples=2, length=16),),
        tasks=(TaskSpec(languages=("en",), limit=3),),
        probe=ProbeSpec(max_new_tokens=4, beams=2, samples=2, demonstrations=1),
    )
