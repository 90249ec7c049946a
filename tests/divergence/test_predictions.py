import pandas as pd

from illusion_lib.divergence import predictions


def verdicts(records: pd.DataFrame) -> dict[str, str]:
    table = predictions(records, resamples=1000)
    assert table["numbers"].str.len().gt(0).all()
    assert table["prediction"].tolist() == list("abcde")
    return dict(zip(table["prediction"], table["verdict"], strict=True))


def test_all_supported_where_planted(study: pd.DataFrame) -> None:
    assert verdicts(study) == dict.fromkeys("abcde", "supported")


def test_contradicted_where_the_opposite_is_planted(planted) -> None:
    cells = {
        "wanda-s030": ("wanda", 0.3, 0.3, 0.9),
        "wanda-s060": ("wanda", 0.6, 0.0, 0.9),
        "sparsegpt-s060": ("sparsegpt", 0.6, 1.0, 0.5),
    }
    records = planted(n=200, cells=cells, demoted=0.0, control=0.0)
    rank = (records["probe"] == "rank") & (records["target_rank"] == 500)
    assert rank.any()
    found = verdicts(records)
    assert found["a"] == "contradicted"
    assert found["b"] == "contradicted"
    assert found["d"] != "supported"


def test_nothing_to_judge_is_undecided_with_a_reason(planted) -> None:
    records = planted(n=20, recovery=False, cells={"wanda-s050": ("wanda", 0.5, 1.0, 1.0)})
    table = predictions(records).set_index("prediction")
    assert (table.loc[["a", "b", "c", "d"], "verdict"] == "undecided").all()
    assert table.loc[["a", "b", "c", "d"], "reason"].notna().all()
    dense_only = records[records["cell"] == "dense"]
    assert set(predictions(dense_only)["reason"]) == {"no pruned cell"}


def test_no_growth_is_not_supported(planted) -> None:
    cells = {f"wanda-s0{s}0": ("wanda", s / 10, 0.9, 0.9) for s in (3, 5, 7)}
    assert verdicts(planted(n=200, cells=cells))["d"] != "supported"
