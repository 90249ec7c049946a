import numpy as np
import pytest

from illusion_lib.anchors import (
    AnchorError,
    ForwardRidge,
    RandomRidge,
    ResponseMatrix,
    item_map,
    stability,
)
from illusion_lib.anchors.explain import discrimination


def test_the_map_marks_the_anchors(scores):
    matrix = ResponseMatrix(scores, categories=["a"] * 30 + ["b"] * 30)
    fitted = ForwardRidge(n_anchors=7).fit(scores)
    table = item_map(matrix, fitted)
    assert table.loc[table["anchor"], "item"].tolist() == [
        f"item_{i}" for i in sorted(fitted.anchors_)
    ]
    assert table.loc[fitted.anchors_, "place"].tolist() == list(range(7))
    assert table["difficulty"].to_numpy() == pytest.approx(1 - scores.mean(0))
    with pytest.raises(AnchorError, match="fitted on other items"):
        item_map(ResponseMatrix(scores[:, :5]), fitted)


def test_discrimination_is_the_corrected_item_total_correlation(scores):
    table = np.column_stack([scores[:, :8], np.ones(len(scores))])
    found = discrimination(table)
    for item in range(8):
        rest = np.delete(table, item, axis=1).mean(1)
        assert found[item] == pytest.approx(np.corrcoef(table[:, item], rest)[0, 1])
    assert found[8] == 0


def test_a_random_choice_is_as_stable_as_its_seed_and_a_greedy_one_less(scores):
    matrix = ResponseMatrix(scores)
    fixed = stability(matrix, RandomRidge(n_anchors=6), draws=5)
    assert fixed["frequency"].tolist() == [1.0] * 6 + [0.0] * 54
    greedy = stability(matrix, ForwardRidge(n_anchors=6), draws=8)
    assert greedy["frequency"].sum() == pytest.approx(6)
    assert greedy["frequency"].is_monotonic_decreasing
    assert (greedy["frequency"] < 1).sum() > 0
    whole = stability(matrix, ForwardRidge(n_anchors=6), draws=2, share=1.0)
    assert whole["frequency"].head(6).tolist() == [1.0] * 6
