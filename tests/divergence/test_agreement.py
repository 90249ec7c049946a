import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from illusion_lib.divergence import format_agreement, outcomes
from illusion_lib.divergence.agreement import cohen_kappa


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
def test_kappa_is_statsmodels(rows) -> None:
    x, y = np.array(rows).T
    found = cohen_kappa(x, y)
    if len({*x, *y}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(x, y), abs=1e-9)


def test_pruning_pulls_the_formats_apart(planted) -> None:
    table = format_agreement(outcomes(planted(n=150)))
    dense, pruned = table[table["language"] == "all"].itertuples()
    assert pruned.high < dense.low
    assert pruned.kappa < dense.kappa


def test_constant_answers_have_a_reason(planted) -> None:
    perfect = planted(n=5, know=2.0, say=2.0, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    table = format_agreement(outcomes(perfect))
    assert (table["agreement"] == 1).all()
    assert table["kappa"].isna().all()
    assert table["reason"].notna().all()
