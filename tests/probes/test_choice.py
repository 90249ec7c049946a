"""Normalisations of option scores, by hand."""

from __future__ import annotations

import pytest

from illusion_lib.probes.choice import score_options


def test_every_normalisation_by_hand():
    scores = score_options(["Lima", "Bogotá"], [[-1.0, -2.0], [-2.5]], [-4.0, -1.0])
    assert scores.total == (-3.0, -2.5)
    assert scores.token == (-1.5, -2.5)
    assert scores.character == pytest.approx((-3 / 4, -2.5 / 6))
    assert scores.byte == pytest.approx((-3 / 4, -2.5 / 7))
    assert scores.pmi == (1.0, -1.5)
    assert scores.picked == 1


def test_a_tie_picks_the_first():
    assert score_options(["a", "b"], [[-1.0], [-1.0]]).picked == 0
    assert score_options(["a", "b"], [[-1.0], [-1.0]]).pmi == ()
