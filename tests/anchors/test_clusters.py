import numpy as np
import pytest

from illusion_lib.anchors.clusters import (
    AnchorPoints,
    KMeansAnchors,
    cluster_anchors,
    correlation,
)


def groups(sizes=(10, 6, 4), n_models=40, seed=0):
    """Items in groups of identical columns, shuffled: one anchor and its size tell it all."""
    rng = np.random.default_rng(seed)
    kinds = (rng.random((n_models, len(sizes))) < 0.5).astype(float)
    member = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return kinds[:, member], member


def test_weights_sit_on_their_own_anchors():
    """Defect B1 of the published baseline: sorted anchors with unsorted weights."""
    scores, member = groups()
    fitted = KMeansAnchors(n_anchors=3).fit(scores)
    for anchor, weight in zip(fitted.anchors_, fitted.weights_, strict=True):
        assert weight == pytest.approx((member == member[anchor]).mean())
    assert fitted.assess(scores) == pytest.approx(scores.mean(1))


def test_many_duplicates_end_at_once_and_are_said():
    """Defect B2: the published loop runs k-means again until all nearest items differ."""
    scores, _ = groups()
    fitted = KMeansAnchors(n_anchors=8).fit(scores)
    assert len(set(fitted.anchors_.tolist())) == 8
    assert "5 anchors drawn at random: the method found only 3" in fitted.notes_
    assert fitted.assess(scores) == pytest.approx(scores.mean(1))


def test_each_anchor_is_its_clusters_nearest_item():
    points = np.array([[0.0], [0.1], [0.3], [9.0], [9.1], [9.3]])
    anchors, shares = cluster_anchors(points, 2, seed=0)
    assert sorted(anchors.tolist()) == [1, 4]
    assert shares == pytest.approx([0.5, 0.5])
    weighted = cluster_anchors(points, 2, 0, np.array([1, 1, 1, 3, 3, 3.0]))
    assert dict(zip(*(x.tolist() for x in weighted), strict=True))[4] == pytest.approx(0.75)


def test_correlation_equals_numpy_and_survives_constants(scores):
    table = np.column_stack([scores[:, :6], np.ones(len(scores))])
    r = correlation(table)
    assert r[:6, :6] == pytest.approx(np.corrcoef(table[:, :6].T))
    assert r[6].tolist() == [0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("reading", ["weights", "predictor"])
def test_anchor_points_are_exact_on_groups_of_equal_items(reading):
    scores, _ = groups()
    fitted = AnchorPoints(n_anchors=3, reading=reading).fit(scores)
    assert fitted.assess(scores) == pytest.approx(scores.mean(1))


def test_the_predictor_uses_the_single_best_line_per_item(scores, new_scores):
    fitted = AnchorPoints(n_anchors=5, reading="predictor", seed=1).fit(scores)
    guess = np.empty_like(new_scores)
    for item in range(scores.shape[1]):
        fits = []
        for anchor in fitted.anchors_:
            line, rest, *_ = np.polyfit(scores[:, anchor], scores[:, item], 1, full=True)
            fits.append((rest.sum() if item != anchor else -1, anchor, line))
        _, anchor, line = min(fits, key=lambda fit: fit[0])
        guess[:, item] = np.polyval(line, new_scores[:, anchor])
    assert fitted.assess(new_scores) == pytest.approx(np.clip(guess.mean(1), 0, 1))


def test_the_predictor_uses_items_that_run_contrary():
    rng = np.random.default_rng(0)
    kind = (rng.random(40) < 0.5).astype(float)
    scores = np.column_stack([kind, 1 - kind, kind, 1 - kind, 1 - kind])
    fitted = AnchorPoints(n_anchors=1, reading="predictor").fit(scores)
    assert fitted.assess(scores) == pytest.approx(scores.mean(1))
