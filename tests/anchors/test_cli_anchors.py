"""The one path on the command line: matrix, anchors, answers, estimate; and the study."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from illusion_lib import anchors
from illusion_lib.cli import main


@pytest.fixture
def illusion(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["illusion", "anchors", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def matrix(scores, tmp_path):
    file = tmp_path / "matrix.npz"
    names = tuple(f"org{i % 5}/m{i}" for i in range(80))
    anchors.save(anchors.ResponseMatrix(scores, names), file)
    return file


def answered(file, choice, new_scores, skip=0):
    """Write new models' answers to the chosen items, in another order, as a long table."""
    items = json.loads(choice.read_text())["items"][skip:][::-1]
    rows = [
        {"model": f"new{m}", "item": item, "score": new_scores[m, int(item.split("_")[1])]}
        for m in range(3)
        for item in items
    ]
    pd.DataFrame(rows).to_csv(file, index=False)


def test_choose_answer_estimate(illusion, matrix, new_scores, tmp_path, scores):
    choice, answers, out = (tmp_path / name for name in ("a.json", "new.csv", "estimates.csv"))
    code, said, _ = illusion("choose", matrix, "--n", 12, "--out", choice)
    assert code == 0
    assert "12 of 60 items" in said
    answered(answers, choice, new_scores)
    code, said, _ = illusion("estimate", choice, answers, "--out", out)
    assert code == 0
    assert "new2" in said
    found = pd.read_csv(out)
    fitted = anchors.best(n_anchors=12).fit(scores)
    expected = fitted.predict(new_scores[:3][:, fitted.anchors_])
    assert found["estimate"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert ((found["low"] <= found["estimate"]) & (found["estimate"] <= found["high"])).all()


def test_refusals_are_one_line(illusion, matrix, new_scores, tmp_path):
    choice, answers = tmp_path / "a.json", tmp_path / "new.csv"
    for arguments, message in (
        (("choose", matrix, "--out", choice, "--n", 99), "99 anchors asked of 60 items"),
        (("choose", matrix, "--out", choice, "--estimator", "x"), "unknown estimator 'x'"),
        (("choose", matrix, "--out", choice, "--estimator", "adaptive"), "as it goes"),
        (("choose", tmp_path / "no.npz", "--out", choice), "no file at"),
        (("choose", tmp_path, "--out", choice), "holds no logs"),
        (("study", matrix, "--out", tmp_path / "s", "--estimator", "x"), "unknown estimator"),
        (("study", matrix, "--out", tmp_path / "s", "--split", "x"), "unknown split ['x']"),
    ):
        code, _, said = illusion(*arguments)
        assert code == 2
        assert message in said
        assert said.count("\n") == 1
        assert not choice.exists()
    illusion("choose", matrix, "--n", 12, "--out", choice)
    assert "exists" in illusion("choose", matrix, "--n", 12, "--out", choice)[2]
    answered(answers, choice, new_scores, skip=2)
    assert "2 of the 12 chosen items were not answered" in illusion("estimate", choice, answers)[2]
    held = anchors.load(matrix)
    anchors.save(anchors.ResponseMatrix(1 - held.scores, held.models), matrix)
    assert "is not the one" in illusion("estimate", choice, answers)[2]
    held = json.loads(choice.read_text())
    for broken in ([], {}, held | {"n_anchors": "many"}, held | {"estimator": None}):
        choice.write_text(json.dumps(broken))
        code, _, said = illusion("estimate", choice, answers)
        assert code == 2
        assert said.count("\n") == 1


def test_a_study_is_kept_resumed_and_drawn(illusion, matrix, tmp_path, monkeypatch):
    out = tmp_path / "study"
    wanted = ("study", matrix, "--out", out, "--n", 8, "--n", 12, "--seeds", 2, "--estimator")
    code, said, _ = illusion(*wanted, "forward-ridge", "--split", "random", "--split", "family")
    assert code == 0
    table = pd.read_parquet(out / "table.parquet")
    assert set(table["estimator"]) == {*anchors.ALWAYS, "forward-ridge"}
    assert len(table) == 4 * 2 * 2 * 2
    assert {"error-random.svg", "paired-family.svg", "items.svg"} <= {p.name for p in out.iterdir()}
    assert "random split, 8 anchors" in said
    judged = []
    real = anchors.study.__globals__["judge"]
    monkeypatch.setitem(
        anchors.study.__globals__, "judge", lambda *a: judged.append(a[0]) or real(*a)
    )
    assert illusion(*wanted, "lasso", "--split", "random", "--no-intervals")[0] == 0
    assert {type(one).__name__ for one in judged} == {"LassoRidge"}
    assert len(judged) == 4
    again = pd.read_parquet(out / "estimates.parquet")
    assert not again.duplicated(["estimator", "split", "seed", "K", "model"]).any()


def test_a_study_of_another_matrix_is_not_mixed_in(illusion, matrix, tmp_path, simulate):
    out, other = tmp_path / "study", tmp_path / "other.npz"
    options = ("--out", out, "--n", 8, "--seeds", 1, "--split", "random", "--estimator", "aipw")
    illusion("study", matrix, *options)
    names = anchors.load(matrix).models
    anchors.save(anchors.ResponseMatrix(simulate(80, 60, 9), names), other)
    code, _, said = illusion("study", other, *options)
    assert code == 2
    assert "the study of another matrix" in said


def test_logs_of_two_kinds_are_not_guessed_at(tmp_path):
    (tmp_path / "samples_x.jsonl").write_text("")
    (tmp_path / "x.eval").write_text("")
    with pytest.raises(anchors.AnchorError, match=r"lm-evaluation-harness and inspect_ai"):
        anchors.read_matrix(tmp_path)


def test_the_best_under_shift_holds_where_the_taught_one_fails(simulate):
    """Poor models teach, good ones are judged: over draws the even draw errs less than the mean."""
    gaps = []
    for seed in range(15):
        world = simulate(120, 200, seed)
        (fold,) = anchors.split("extrapolation", world, seed)
        truth = world[fold.test].mean(axis=1)
        fitted = anchors.best(20, seed, shift=True).fit(world[fold.train])
        plain = anchors.RandomMean(20, seed).fit(world[fold.train])
        errors = [np.abs(e.assess(world[fold.test]) - truth).mean() for e in (fitted, plain)]
        gaps.append(errors[0] - errors[1])
        low, high = fitted.assess_interval(world[fold.test])
        assert (low <= high).all()
    assert np.mean(gaps) < 0
