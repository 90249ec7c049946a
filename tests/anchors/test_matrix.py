import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from illusion_lib.anchors import AnchorError, ResponseMatrix
from illusion_lib.anchors.matrix import fill_missing


def test_the_error_names_the_cell():
    scores = np.zeros((3, 4))
    scores[1, 2] = 1.5
    with pytest.raises(AnchorError, match=r"scores\[1, 2\] \(model 'b', item 'q2'\) is 1\.5"):
        ResponseMatrix(scores, ("a", "b", "c"), tuple(f"q{i}" for i in range(4)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("a", "a")}, "model name 'a' is used twice, at 0 and 1"),
        ({"models": ("a",)}, "1 model names for 2 models"),
        ({"items": ("x", " ", "z")}, "item 1 has an empty name"),
        ({"families": ("f",)}, "families: 1 labels for 2 models"),
        ({"weights": np.array([1.0, -1.0, 1.0])}, r"weights\[1\].*is -1"),
        ({"weights": np.zeros(3)}, "sum to zero"),
        ({"full_scores": np.array([0.5, 1.2])}, r"full_scores\[1\] \(model 'model_1'\) is 1.2"),
        ({"scores": np.array([[np.nan] * 3, [0.0] * 3])}, "model 'model_0' has no answer at all"),
        ({"scores": np.array([[np.nan, 1, 1], [np.nan, 0, 1]])}, "item 'item_0' has no answer"),
        ({"scores": np.zeros(3)}, r"shape \(3,\)"),
        ({"scores": [["a", "b"]]}, "must be numbers"),
    ],
)
def test_malformed_matrices_are_refused(change, message):
    with pytest.raises(AnchorError, match=message):
        ResponseMatrix(**({"scores": np.zeros((2, 3))} | change))


def test_it_is_frozen_and_owns_its_numbers():
    source = np.zeros((2, 3))
    matrix = ResponseMatrix(source)
    source[0, 0] = 7
    assert matrix.scores[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        matrix.scores[0, 0] = 1


def test_target_is_the_weighted_mean_or_the_given_full_score():
    scores = np.array([[1.0, 0, 0], [1, 1, 0]])
    assert ResponseMatrix(scores).target == pytest.approx([1 / 3, 2 / 3])
    assert ResponseMatrix(scores).plain
    weighted = ResponseMatrix(scores, weights=np.array([2.0, 1, 1]))
    assert weighted.target == pytest.approx([0.5, 0.75])
    assert not weighted.plain
    assert ResponseMatrix(scores, full_scores=np.array([0.1, 0.2])).target.tolist() == [0.1, 0.2]


def test_rows_keep_names_families_and_scores_together():
    matrix = ResponseMatrix(np.eye(3), ("a", "b", "c"), families=("f", "g", "h"))
    part = matrix.rows([2, 0])
    assert part.models == ("c", "a")
    assert part.families == ("h", "f")
    assert part.scores.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_missing_cells_of_an_additive_table_are_restored():
    row, column = np.array([0.1, 0.2, 0.3, 0.25]), np.array([0.1, 0.3, 0.5, 0.2, 0.4])
    whole = row[:, None] + column
    holed = whole.copy()
    holed[0, 1] = holed[2, 4] = np.nan
    assert fill_missing(holed) == pytest.approx(whole, abs=1e-4)
    assert fill_missing(whole) is whole


@given(hnp.arrays(float, (5, 6), elements=st.sampled_from([0.0, 0.5, 1.0, np.nan])))
def test_filling_changes_missing_cells_only_and_stays_in_range(scores):
    filled = fill_missing(scores)
    seen = ~np.isnan(scores)
    assert (filled[seen] == scores[seen]).all()
    assert ((filled >= 0) & (filled <= 1)).all()
