import numpy as np
import pytest

from illusion_lib.anchors import AnchorError, split
from illusion_lib.anchors.splits import agreement, hub_families


def test_random_split_is_seeded_and_disjoint(scores):
    (fold,), (again,), (other,) = (split("random", scores, s) for s in (0, 0, 1))
    assert (len(fold.train), len(fold.test)) == (64, 16)
    assert not set(fold.train) & set(fold.test)
    assert fold.test.tolist() == again.test.tolist() != other.test.tolist()


def test_clone_free_keeps_no_clone_of_a_test_model(scores):
    cloned = np.vstack([scores, scores])
    cloned[80:, 0] = 1 - cloned[80:, 0]
    (random,), (free,) = split("random", cloned), split("clone_free", cloned)
    assert free.test.tolist() == random.test.tolist()
    assert agreement(cloned[random.train], cloned[random.test]).max() >= 0.9
    assert agreement(cloned[free.train], cloned[free.test]).max() < 0.9


def test_family_split_parts_families(scores):
    families = [f"f{m % 9}" for m in range(80)]
    (fold,) = split("family", scores, 0, families)
    taught, judged = ({families[m] for m in rows} for rows in (fold.train, fold.test))
    assert not taught & judged
    assert 8 <= len(fold.test) <= 24
    with pytest.raises(AnchorError, match="needs families"):
        split("family", scores)


def test_extrapolation_judges_better_models_than_it_teaches(scores):
    (fold,) = split("extrapolation", scores)
    means = scores.mean(1)
    assert means[fold.train].max() <= means[fold.test].min()
    assert (len(fold.train), len(fold.test)) == (36, 22)


def test_leave_one_out_judges_every_model_once(scores):
    folds = split("leave_one_out", scores[:7])
    assert [fold.test.tolist() for fold in folds] == [[m] for m in range(7)]
    assert all(len(fold.train) == 6 for fold in folds)


def test_agreement_counts_items_answered_by_both():
    a, b = np.array([[1, 0, np.nan, 1]]), np.array([[1, 1, 1, 1.0]])
    assert agreement(a, b) == pytest.approx(np.array([[2 / 3]]))


def test_families_of_hub_ids():
    assert hub_families(["a/x", "b/y"]) == ("a", "b")
    assert hub_families(["a/x", "y"]) is None
    with pytest.raises(AnchorError, match="unknown split 'rnadom'"):
        split("rnadom", np.zeros((5, 5)))
