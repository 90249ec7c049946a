import numpy as np
import pandas as pd
import pytest

from illusion_lib.anchors import (
    AnchorError,
    ResponseMatrix,
    from_records,
    load,
    save,
)


@pytest.fixture
def matrix() -> ResponseMatrix:
    return ResponseMatrix(
        np.array([[1, 0, 1], [0, 0, 1.0]]), ("a", "b"), ("x", "y", "z"), categories=("p", "p", "q")
    )


def test_npz_round_trip(tmp_path, matrix):
    gaps = ResponseMatrix(np.array([[0.5, np.nan], [1, 0]]), full_scores=np.array([0.25, 0.5]))
    for case in (matrix, gaps):
        save(case, tmp_path / "m.npz")
        back = load(tmp_path / "m.npz")
        np.testing.assert_array_equal(back.scores, case.scores)
        assert (back.models, back.items, back.categories) == (
            case.models,
            case.items,
            case.categories,
        )
        assert back.target == pytest.approx(case.target)


def test_pickled_arrays_are_refused(tmp_path):
    names = np.array(["a", None], dtype=object)
    np.savez(tmp_path / "m.npz", scores=np.eye(2), model_names=names, item_ids=np.array(["x", "y"]))
    with pytest.raises(AnchorError, match=r"m\.npz does not hold what it should"):
        load(tmp_path / "m.npz")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("shape", ["wide", "long"])
def test_tables_wide_and_long(tmp_path, matrix, kind, shape):
    wide = pd.DataFrame(matrix.scores, index=list(matrix.models), columns=list(matrix.items))
    frame = wide.rename_axis("name").reset_index()
    if shape == "long":
        frame = wide.rename_axis("source").reset_index().melt("source", var_name="item")
        frame = frame.rename(columns={"value": "correct"})
    path = tmp_path / f"m.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    back = load(path)
    assert back.models == ("a", "b")
    assert back.items == ("x", "y", "z")
    np.testing.assert_array_equal(back.scores, matrix.scores)


def test_a_bad_cell_in_a_file_is_named(tmp_path):
    (tmp_path / "m.csv").write_text("model,x,y\na,1,0\nb,3,0\n")
    with pytest.raises(AnchorError, match=r"m.csv: scores\[1, 0\] \(model 'b', item 'x'\) is 3"):
        load(tmp_path / "m.csv")


def test_a_model_that_answers_twice_is_refused(tmp_path):
    (tmp_path / "m.csv").write_text("model,item,score\na,x,1\na,x,0\n")
    with pytest.raises(AnchorError, match="model 'a' answers item 'x' twice"):
        load(tmp_path / "m.csv")


def test_absent_long_rows_are_missing(tmp_path):
    (tmp_path / "m.csv").write_text("model,item,score\na,x,1\na,y,0\nb,x,1\n")
    assert np.isnan(load(tmp_path / "m.csv").scores).tolist() == [[False, False], [False, True]]


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(AnchorError, match="no file at"):
        load(tmp_path / "none.npz")
    (tmp_path / "m.txt").write_text("")
    with pytest.raises(AnchorError, match=r"unknown kind '\.txt'"):
        load(tmp_path / "m.txt")


def records() -> pd.DataFrame:
    rows = [
        ("m", cell, f"capital/{i}/en", "capital", "en", probe, target, (i + len(cell)) % 2 == 0)
        for cell in ("dense", "wanda-s050")
        for i in range(3)
        for probe, target in (("open", "gold"), ("choice", "gold"), ("beam", "distractor"))
    ]
    columns = ["model", "cell", "item_id", "relation", "language", "probe", "target", "correct"]
    return pd.DataFrame(rows, columns=columns).astype({"correct": "boolean"})


def test_records_become_cells_by_items():
    frame = records()
    frame.loc[0, "correct"] = pd.NA
    matrix = from_records(frame)
    assert matrix.models == ("m/dense", "m/wanda-s050")
    assert matrix.items == tuple(f"capital/{i}/en" for i in range(3))
    assert matrix.families == ("m", "m")
    assert matrix.categories == ("capital/en",) * 3
    np.testing.assert_array_equal(matrix.scores, [[np.nan, 1, 0], [1, 0, 1]])


def test_a_probe_without_records_is_named():
    with pytest.raises(AnchorError, match="no 'candidates' records"):
        from_records(records(), probe="candidates")
