import json
import math
import struct
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from illusion_lib.anchors import AnchorError, load_inspect, load_lighteval, load_lm_eval


def lm_eval(folder, model, task, scores, time="2025-01-02T03-04-05.678901", **extra):
    """Write what `EvaluationTracker.save_results_samples` of lm-evaluation-harness writes."""
    path = folder / model.replace("/", "__")
    path.mkdir(exist_ok=True)
    with (path / f"samples_{task}_{time}.jsonl").open("w") as file:
        for doc, score in enumerate(scores):
            row = {
                "doc_id": doc,
                "doc": {
                    "question": f"q{doc}",
                    "choices": {"text": ["x", "y"]},
                },
                "target": "0",
                "arguments": {"gen_args_0": {"arg_0": f"q{doc}", "arg_1": " x"}},
                "resps": [[["-1.5", "False"]], [["-0.5", "True"]]],
                "filtered_resps": [["-1.5", "False"], ["-0.5", "True"]],
                "filter": "none",
                "metrics": ["acc", "acc_norm"],
                "doc_hash": f"{task}{doc}",
                "prompt_hash": "p",
                "target_hash": "t",
                "acc": 0.0,
                "acc_norm": score,
            } | extra
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


def test_lm_eval_takes_the_name_from_the_results_beside(tmp_path):
    """With ``--output_path x.json`` the samples lie in that file's own folder."""
    lm_eval(tmp_path, "anywhere", "arc", [1.0, 0.0])
    results = {"model_name": "/ckpt/pruned__50", "results": {}, "config": {}}
    file = tmp_path / "anywhere" / "x_2025-01-02T03-04-05.678901.json"
    file.write_text(json.dumps(results))
    lm_eval(tmp_path, "again", "arc", [1.0, 1.0], time="2025-02-02T03-04-05.678901")
    late = tmp_path / "again" / "results_2025-02-02T03-04-05.678901.json"
    late.write_text(json.dumps(results))
    matrix = load_lm_eval(tmp_path)
    assert matrix.models == ("/ckpt/pruned__50",)
    assert matrix.scores.tolist() == [[1, 1]]


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


def details(folder, model, rows, time="2025-01-02T03-04-05.678901", task="lighteval|arc:c|0"):
    """Write what `EvaluationTracker.save_details` of lighteval writes."""
    path = folder / "details" / model / time
    path.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path / f"details_{task}_{time}.parquet")


def newer(place, metric):
    doc = {"id": f"q{place}", "query": "?", "choices": ["x", "y"], "gold_index": 0}
    return {"doc": doc, "metric": metric, "model_response": {"text": ["x"], "logprobs": [-0.5]}}


def older(place, metric):
    row = {"choices": ["x", "y"], "cont_tokens": [[1]], "example": f"q{place}", "gold": ["x"]}
    return row | {"metrics": metric, "specifics": {"k": None}, "truncated": [0]}


@pytest.mark.parametrize("row", [newer, older])
def test_lighteval_details(tmp_path, row):
    for model, scores in (("org/a", [1, 0]), ("org/b", [0, 1])):
        details(tmp_path, model, [row(i, {"acc": s}) for i, s in enumerate(scores)])
    details(tmp_path, "org/b", [row(0, {"acc": 0.0})], "2024-01-02T03-04-05.678901")
    matrix = load_lighteval(tmp_path)
    assert matrix.models == ("org/a", "org/b")
    names = ("q0", "q1") if row is newer else ("0", "1")
    assert matrix.items == tuple(f"lighteval|arc:c|0/{name}" for name in names)
    assert matrix.scores.tolist() == [[1, 0], [0, 1]]


def test_lighteval_metrics_that_are_absent_or_one_text(tmp_path):
    rows = [newer(0, {"em": 1.0, "acc": None}), newer(1, {"em": None, "acc": 1.0})]
    details(tmp_path / "gaps", "a", rows)
    assert load_lighteval(tmp_path / "gaps").scores.tolist() == [[1, 1]]
    details(tmp_path / "text", "a", [newer(0, "{'acc': 1.0}")])
    with pytest.raises(AnchorError, match="has its metrics as one text"):
        load_lighteval(tmp_path / "text")


def inspect_log(model, values, created="2025-01-01T10:00:00+00:00"):
    about = {"model": model, "task": "quiz", "created": created, "run_id": "r", "task_id": "t"}
    head = {"version": 2, "status": "success", "eval": about, "plan": {}}
    samples = [
        {
            "id": i,
            "epoch": epoch,
            "input": "?",
            "target": "x",
            "scores": {"match": {"value": value}},
        }
        for i, answers in enumerate(values)
        for epoch, value in enumerate(answers, 1)
    ]
    return head, samples


def eval_archive(file, head, samples):
    """Write what `EvalRecorder` of inspect_ai writes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps(head))
        archive.writestr("_journal/summaries/1.json", "[]")
        for sample in samples:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(name, json.dumps(sample))
        archive.writestr("summaries.json", "[]")
        archive.writestr("reductions.json", "[]")
        archive.writestr("header.json", json.dumps(head))


def to_zstandard(file):
    """Turn every entry of an archive into a Zstandard one, as newer versions write them."""
    with zipfile.ZipFile(file) as archive:
        whole = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    codec = pa.Codec("zstd")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in whole.items():
            archive.writestr(name, codec.compress(content, asbytes=True))
    with zipfile.ZipFile(file) as archive:
        entries, place = archive.infolist(), archive.start_dir
    raw = bytearray(file.read_bytes())
    for entry in entries:
        content = whole[entry.filename]
        for start, method, crc in ((entry.header_offset, 8, 14), (place, 10, 16)):
            raw[start + method : start + method + 2] = struct.pack("<H", 93)
            raw[start + crc : start + crc + 4] = struct.pack("<L", zlib.crc32(content))
            raw[start + crc + 8 : start + crc + 12] = struct.pack("<L", len(content))
        place += 46 + len(entry.filename)
    file.write_bytes(raw)


def test_inspect_logs_of_both_kinds(tmp_path):
    head, samples = inspect_log("a", [["C", "I"], ["P", "P"]])
    eval_archive(tmp_path / "one.eval", head, samples)
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


def test_inspect_archives_in_zstandard(tmp_path):
    file = tmp_path / "new.eval"
    eval_archive(file, *inspect_log("a", [["C"], ["I"], [0.25]]))
    to_zstandard(file)
    with zipfile.ZipFile(file) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {93}
    assert load_inspect(tmp_path).scores.tolist() == [[1.0, 0.0, 0.25]]
    raw = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        start = archive.start_dir
    raw[start + 16] ^= 1  # the CRC of the first entry, which is the journal's
    raw[raw.rindex(b"header.json") - 30] ^= 1  # and of the last one, the header
    file.write_bytes(raw)
    with pytest.raises(AnchorError, match=r"header\.json is damaged"):
        load_inspect(tmp_path)


def test_inspect_samples_that_failed_are_missing_answers(tmp_path):
    head, samples = inspect_log("a", [["C"], ["no"], [math.nan], ["C", "I"], ["yes"]])
    samples[4] |= {"scores": None, "error": {"message": "out of time"}}  # the second epoch of 3
    samples[0] |= {"scores": {}, "error": {"message": "out of time"}}
    eval_archive(tmp_path / "a.eval", head, samples)
    eval_archive(tmp_path / "b.eval", *inspect_log("b", [["C"]] * 5))
    matrix = load_inspect(tmp_path)
    scores = dict(zip(matrix.models, matrix.scores, strict=True))
    np.testing.assert_array_equal(scores["a"], [np.nan, 0, np.nan, 1, 1])
    np.testing.assert_array_equal(scores["b"], np.ones(5))


def test_an_archive_that_is_no_log_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.eval", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(AnchorError, match=r"no header\.json in it"):
        load_inspect(tmp_path)
