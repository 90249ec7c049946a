"""What a cell's process does in tests of the machinery around it; importing this is cheap."""

import os
import time
from pathlib import Path

from illusion_lib.runs.job import Outcome


def sees_gpus(job):
    return Outcome(job, "done", os.environ["CUDA_VISIBLE_DEVICES"])


class Destructor:
    """What is raised in here is ignored."""

    def __init__(self, mark):
        self.mark = mark

    def __del__(self):
        self.mark.touch()
        time.sleep(60)


def sits_in_a_destructor(job):
    Destructor(Path(job.root) / "inside")
    return Outcome(job, "done")


def hangs_at_zero(job):
    time.sleep(600 if job.key == "0" else 0)
    return Outcome(job, "done")
