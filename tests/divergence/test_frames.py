import subprocess
import sys

import pandas as pd
import pytest

from illusion_lib.divergence import combine, outcomes, tidy
from illusion_lib.errors import RecordError


def test_minimal_table_is_filled() -> None:
    frame = tidy(pd.DataFrame({"item": [1, 2], "format": ["mc", "open"], "correct": [1, 0]}))
    assert list(frame["probe"]) == ["choice", "open"]
    row = frame.iloc[0]
    assert (row["model"], row["cell"], row["language"], row["parallel_id"]) == (
        "model",
        "dense",
        "und",
        "1",
    )
    assert row["sparsity"] == 0
    assert frame["correct"].dtype == "boolean"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="item_id"), "lacks item_id"),
        (lambda f: f.drop(columns="correct"), "lacks correct"),
        (lambda f: f.iloc[:0], "no row"),
        (lambda f: f.assign(correct=0.5), "holds 0.5"),
        (lambda f: f.assign(correct="yes"), "true/false"),
        (lambda f: pd.concat([f, f]), "2 rows are doubled, the first is model 'model'"),
    ],
)
def test_bad_tables_are_refused(change, message: str) -> None:
    frame = pd.DataFrame({"item_id": ["a", "b"], "probe": "open", "correct": [True, False]})
    with pytest.raises(RecordError, match=message):
        tidy(change(frame))


def test_input_is_not_changed() -> None:
    frame = pd.DataFrame({"item_id": ["a"], "format": ["mc"], "correct": [True]})
    before = frame.copy()
    tidy(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_combine_names_the_cells() -> None:
    cell = pd.DataFrame({"item_id": ["a"], "probe": ["open"], "correct": [True]})
    both = combine(cell, {"wanda-s050": cell.assign(correct=False)}, model="m")
    items = outcomes(both)
    assert list(items["cell"]) == ["dense", "wanda-s050"]
    assert list(items["method"]) == ["dense", "wanda-s050"]
    assert items["sparsity"].isna().tolist() == [False, True]


def test_imports_without_torch() -> None:
    code = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Refuse())
import illusion_lib.divergence as divergence
assert all(hasattr(divergence, name) for name in divergence.__all__)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
