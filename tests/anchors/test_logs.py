import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from illusion_lib.anchors import AnchorError, load_inspect, load_lighteval, load_lm_eval


def lm_eval(folder, model, task, scores, time="2025-01-02T03-04-05.678901", **extra):
    path = folder / model.replace("/", "__")
    path.mkdir(exist_ok=True)
    with (path / f"samples_{task}_{time}.jsonl").open("w") as file:
        for doc, score in enumerate(scores):
            row = {"doc_id": doc, "filter": "none", "metrics": ["acc", "acc_norm"]}
            row |= {"acc": 0.0, "acc_norm": score, "doc_hash": f"{task}{doc}"} | extra
            file.write(json.dumps(row) + "\n")


def test_lm_eval_folders(tmp_path):
    lm_eval(tmp_path, "org/a", "arc_easy", [1.0, 0.0])
    lm_eval(tmp_path, "org/a", "arc_easy", [0.0, 0.0], time="2024-01-02T03-04-05.678901")
    lm_eval(tmp_path, "org/b", "arc_easy", [0.0, 1.0])
    lm_eval(tmp_path, "org/b", "piqa", [1.0])
    matrix = load_lm_eval(tmp_path)
    assert matrix.models == ("org/a", "org/b")
    assert matrix.items == ("arc_easy/0", "arc_easy/1", "piqa/0")
    assert matrix.categories == ("arc_easy", "arc_easy", "piqa")
    np.testing.assert_array_equal(matrix.scores, [[1, 0, np.nan], [0, 1, 1]])
    assert load_lm_eval(tmp_path, metric="acc").scores[0, 0] == 0


def test_lm_eval_filters_must_be_chosen(tmp_path):
    lm_eval(tmp_path, "a", "gsm8k", [1.0])
    file = next(tmp_path.rglob("*.jsonl"))
    row = json.loads(file.read_text()) | {"filter": "strict-match", "acc_norm": 0.0}
    file.write_text(file.read_text() + json.dumps(row) + "\n")
    with pytest.raises(AnchorError, match=r"filters.*name one as filter_name"):
        load_lm_eval(tmp_path)
    assert load_lm_eval(tmp_path, filter_name="strict-match").scores.tolist() == [[0.0]]


def test_lm_eval_versions_must_agree(tmp_path):
    lm_eval(tmp_path, "a", "arc", [1.0])
    lm_eval(tmp_path, "b", "arc", [1.0], doc_hash="other")
    with pytest.raises(AnchorError, match="'arc/0' is another question"):
        load_lm_eval(tmp_path)


def test_lm_eval_refusals_say_what_and_where(tmp_path):
    with pytest.raises(AnchorError, match="no samples_"):
        load_lm_eval(tmp_path)
    lm_eval(tmp_path, "a", "arc", [1.0])
    with pytest.raises(AnchorError, match=r"'arc/0' lacks metric 'f1'.*'acc', 'acc_norm'"):
        load_lm_eval(tmp_path, metric="f1")
    next(tmp_path.rglob("*.jsonl")).write_text("{broken\n")
    with pytest.raises(AnchorError, match="is not JSON"):
        load_lm_eval(tmp_path)


@pytest.mark.parametrize("column", ["metric", "metrics"])
def test_lighteval_details(tmp_path, column):
    for model, scores in (("org/a", [1, 0]), ("org/b", [0, 1])):
        path = tmp_path / "details" / model / "2025-01-02T03-04-05"
        path.mkdir(parents=True)
        rows = [{column: {"acc": s}, "doc": {"id": f"q{i}"}} for i, s in enumerate(scores)]
        pq.write_table(
            pa.Table.from_pylist(rows), path / "details_lighteval|arc|0_2025-01-02T03-04-05.parquet"
        )
    matrix = load_lighteval(tmp_path)
    assert matrix.models == ("org/a", "org/b")
    assert matrix.items == ("lighteval|arc|0/q0", "lighteval|arc|0/q1")
    assert matrix.scores.tolist() == [[1, 0], [0, 1]]


def inspect_log(model, values, created="2025-01-01"):
    head = {"eval": {"model": model, "task": "quiz", "created": created}}
    samples = [
        {"id": i, "epoch": epoch, "scores": {"match": {"value": value}}}
        for i, answers in enumerate(values)
        for epoch, value in enumerate(answers, 1)
    ]
    return head, samples


def test_inspect_logs_of_both_kinds(tmp_path):
    head, samples = inspect_log("a", [["C", "I"], ["P", "P"]])
    with zipfile.ZipFile(tmp_path / "one.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(head))
        for i, sample in enumerate(samples):
            archive.writestr(f"samples/{i}_epoch_{sample['epoch']}.json", json.dumps(sample))
    for created, values in (("2025-01-02", [[1.0], [True]]), ("2025-01-01", [[0.0], [0.0]])):
        head, samples = inspect_log("b", values, created)
        (tmp_path / f"{created}.json").write_text(json.dumps(head | {"samples": samples}))
    (tmp_path / "other.json").write_text("[1, 2]")
    matrix = load_inspect(tmp_path)
    assert dict(zip(matrix.models, matrix.scores.tolist(), strict=True)) == {
        "a": [0.5, 0.5],
        "b": [1.0, 1.0],
    }


def test_inspect_scorers_and_failed_samples(tmp_path):
    head, samples = inspect_log("a", [["C"]])
    samples[0]["scores"]["model_graded"] = {"value": "I"}
    (tmp_path / "log.json").write_text(json.dumps(head | {"samples": samples}))
    with pytest.raises(AnchorError, match=r"scorers.*name one as scorer"):
        load_inspect(tmp_path)
    assert load_inspect(tmp_path, scorer="model_graded").scores.tolist() == [[0.0]]
    samples[0]["scores"] = {}
    (tmp_path / "log.json").write_text(json.dumps(head | {"samples": samples}))
    with pytest.raises(AnchorError, match="'quiz/0' has no score"):
        load_inspect(tmp_path)
