import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.divergence import (
    above_chance,
    latent_recognition,
    outcomes,
    recognition_only_rate,
)


@given(st.floats(0, 1), st.integers(2, 10))
def test_correction_undoes_guessing(known: float, options: int) -> None:
    picked = known + (1 - known) / options
    assert float(above_chance(picked, 1 / options)) == pytest.approx(known, abs=1e-12)


def test_latent_recognition_by_hand() -> None:
    # 10 items, 4 produced; of 6 others 3 picked: (.5 - .25)/.75 = 1/3 of them known.
    produces = np.array([1] * 4 + [0] * 6)
    recognises = np.array([1] * 4 + [1] * 3 + [0] * 3)
    found = latent_recognition(recognises, produces, 0.25)
    assert found["unproduced"] == 6
    assert found["picked"] == 0.5
    assert found["corrected"] == pytest.approx(1 / 3)
    assert found["latent"] == pytest.approx(0.4 + 0.6 / 3)


def test_latent_recognition_recovers_the_planted_share() -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    knows = rng.random(n) < 0.7
    produces = knows & (rng.random(n) < 0.5)
    recognises = knows | (rng.random(n) < 1 / 3)
    found = latent_recognition(recognises, produces, 1 / 3)
    assert found["latent"] == pytest.approx(0.7, abs=0.005)


def test_edges_are_defined() -> None:
    assert latent_recognition([], [], 0.25)["latent"] is None
    every = latent_recognition([1, 1], [1, 1], 0.25)
    assert (every["corrected"], every["latent"]) == (None, 1.0)
    below = latent_recognition([0] * 8, [0] * 8, 0.25)
    assert below["corrected"] < 0
    assert below["latent"] == 0


def test_table_row_and_reasons(planted) -> None:
    table = recognition_only_rate(outcomes(planted(n=80)))
    row = table[(table["cell"] == "wanda-s050") & (table["language"] == "all")].iloc[0]
    assert row["corrected"] == pytest.approx((row["picked"] - 0.25) / 0.75)
    assert row["corrected_low"] <= row["corrected"] <= row["corrected_high"]
    assert row["latent"] <= 1
    perfect = planted(n=5, know=2.0, say=2.0, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    assert set(recognition_only_rate(outcomes(perfect))["reason"]) == {"every item is produced"}
    unknown = recognition_only_rate(outcomes(planted(n=20).drop(columns="options")))
    assert set(unknown["reason"]) == {"the number of options is not known"}
    assert unknown["picked"].notna().all()
