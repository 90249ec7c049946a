import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from illusion_lib.divergence import compare, read_results, tidy
from illusion_lib.errors import RecordError


def write_log(path: Path, correct: list[float], metric: str = "acc", **extra) -> Path:
    rows = [
        {
            "doc_id": i,
            "doc": {"question": "?"},
            "target": "0",
            "filtered_resps": [["-1.0", "False"]] * 4,
            "filter": "none",
            "metrics": [metric],
            "doc_hash": f"h{i}",
            metric: hit,
            **extra,
        }
        for i, hit in enumerate(correct)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def test_two_harness_logs_are_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    before, after = (rng.random(50) < 0.7).astype(float), (rng.random(50) < 0.5).astype(float)
    one = read_results(write_log(tmp_path / "samples_arc_a.jsonl", before.tolist()))
    other = read_results(write_log(tmp_path / "samples_arc_b.jsonl", after.tolist()))
    assert set(one["probe"]) == {"choice"}
    assert set(tidy(one)["n_options"]) == {4}
    row = compare(one, other).iloc[0]
    assert row["difference"] == pytest.approx(after.mean() - before.mean())


def test_generated_answers_are_production(tmp_path: Path) -> None:
    log = write_log(tmp_path / "samples_gsm8k.jsonl", [1, 0], metric="exact_match")
    assert set(read_results(log)["probe"]) == {"open"}


def test_metric_can_be_chosen(tmp_path: Path) -> None:
    log = write_log(tmp_path / "s.jsonl", [1, 1], acc_norm=0.0)
    assert read_results(log)["correct"].sum() == 2
    assert read_results(log, metric="acc_norm")["correct"].sum() == 0
    with pytest.raises(RecordError, match="no metric 'f1'"):
        read_results(log, metric="f1")


def test_other_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": ["a"], "probe": ["open"], "correct": [True]})
    frame.to_csv(tmp_path / "r.csv", index=False)
    frame.to_parquet(tmp_path / "r.parquet")
    frame.to_json(tmp_path / "r.jsonl", orient="records", lines=True)
    for name in ("r.csv", "r.parquet", "r.jsonl"):
        assert tidy(read_results(tmp_path / name))["correct"].tolist() == [True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no line"),
        ("{not json", "line 1 is not JSON"),
        ("[1]", "line 1 is not a JSON object"),
        ('{"doc_id": 0, "metrics": ["bleu"], "bleu": 0.2}', "no right-or-wrong metric"),
        (
            '{"doc_id": 0, "filter": "a", "acc": 1}\n{"doc_id": 0, "filter": "b", "acc": 1}',
            "2 answer filters",
        ),
    ],
)
def test_bad_logs_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(RecordError, match=message):
        read_results(path)


def test_missing_and_unknown_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="does not exist"):
        read_results(tmp_path / "none.csv")
    (tmp_path / "x.pickle").touch()
    with pytest.raises(RecordError, match=r"give a \.parquet"):
        read_results(tmp_path / "x.pickle")


def test_a_folder_of_logs_reads_the_latest_of_each_task(tmp_path: Path) -> None:
    write_log(tmp_path / "samples_arc_2026-01-01T10-00-00.000001.jsonl", [0.0, 0.0])
    write_log(tmp_path / "samples_arc_2026-02-01T10-00-00.000001.jsonl", [1.0, 1.0])
    write_log(tmp_path / "samples_piqa_2026-01-01T10-00-00.000001.jsonl", [1.0])
    found = read_results(tmp_path)
    assert sorted(found["item_id"]) == ["arc:0", "arc:1", "piqa:0"]
    assert found["correct"].sum() == 3
    tidy(found)


def test_logs_of_several_models_are_not_mixed(tmp_path: Path) -> None:
    for model in ("one", "two"):
        (tmp_path / model).mkdir()
        write_log(tmp_path / model / "samples_arc.jsonl", [1.0])
    with pytest.raises(RecordError, match=r"several models; name one: .*one, .*two"):
        read_results(tmp_path)


def test_a_filter_is_named_as_the_harness_names_it(tmp_path: Path) -> None:
    rows = [
        {"doc_id": i, "filter": name, "exact_match": hit}
        for i in range(3)
        for name, hit in (("strict-match", 0.0), ("flexible-extract", 1.0))
    ]
    log = tmp_path / "samples_gsm8k.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    assert read_results(log, "exact_match,flexible-extract")["correct"].sum() == 3
    with pytest.raises(RecordError, match="exact_match,strict-match, exact_match,flexible"):
        read_results(log)


def test_a_folder_of_cells_must_name_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": ["a"], "probe": ["open"], "correct": [True]})
    for name in ("dense-1", ".writing-2", "quarantine"):
        (tmp_path / name).mkdir()
        frame.to_parquet(tmp_path / name / "records.parquet")
    assert len(read_results(tmp_path)) == 1
    (tmp_path / "wanda-2").mkdir()
    frame.to_parquet(tmp_path / "wanda-2" / "records.parquet")
    with pytest.raises(RecordError, match="holds 2 cells; name the folder of one"):
        read_results(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="neither"):
        read_results(tmp_path / "empty")
