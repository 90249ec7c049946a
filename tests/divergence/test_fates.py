import pandas as pd
import pytest

from illusion_lib.divergence import FateRule, fate_counts, item_fates


def lost_item(
    name: str, hits: dict[str, bool], wrong: tuple[str, ...] = (), rank: int | None = 3, shown="ok"
) -> list[dict]:
    """One item that the dense model has in both formats and the pruned one only picks."""
    base = {"item_id": name, "target": "gold", "n_options": 4}
    dense, pruned = base | {"cell": "dense"}, base | {"cell": "wanda-s050"}
    rows = [
        dense | {"probe": "open", "correct": True},
        dense | {"probe": "choice", "correct": True},
        pruned | {"probe": "open", "correct": False, "output_class": shown},
        pruned | {"probe": "choice", "correct": True},
    ]
    for probe, hit in hits.items():
        rows.append(pruned | {"probe": probe, "correct": hit})
        missed = {"target": "distractor", "correct": probe in wrong}
        rows.append(pruned | {"probe": probe, **missed})
    if rank is not None:
        rows.append(pruned | {"probe": "rank", "correct": None, "target_rank": rank})
    return rows


NONE = {"beam": False, "sample": False, "one_shot": False}


@pytest.mark.parametrize(
    ("settings", "fate"),
    [
        ({"hits": NONE | {"beam": True}}, "demoted"),
        ({"hits": NONE | {"one_shot": True}, "rank": 5000}, "demoted"),
        ({"hits": NONE | {"sample": True}, "wrong": ("sample",)}, "undecided"),
        ({"hits": NONE | {"sample": True, "beam": True}, "wrong": ("sample",)}, "demoted"),
        ({"hits": NONE, "rank": 5000}, "erased"),
        ({"hits": NONE, "rank": 100}, "undecided"),
        ({"hits": NONE, "rank": None}, "undecided"),
        ({"hits": {"one_shot": False}, "rank": 5000}, "undecided"),
        ({"hits": NONE | {"beam": True}, "shown": "repetition"}, "collapsed"),
    ],
)
def test_each_clause_of_the_rule(settings, fate: str) -> None:
    rows = pd.DataFrame(lost_item("a", **settings))
    assert item_fates(rows)["fate"].tolist() == [fate]


def test_counts_leave_the_collapsed_apart() -> None:
    rows = [
        *lost_item("a", NONE | {"beam": True}),
        *lost_item("b", NONE, rank=900),
        *lost_item("c", NONE, rank=900),
        *lost_item("d", NONE, shown="empty"),
    ]
    table = fate_counts(pd.DataFrame(rows)).set_index("fate")
    assert table["items"].to_dict() == {
        "demoted": 1,
        "erased": 2,
        "undecided": 0,
        "collapsed": 1,
    }
    assert set(table["total"]) == {3}
    assert table.loc["erased", "share"] == pytest.approx(2 / 3)
    assert table.loc["collapsed", "reason"] == "counted apart"


def test_nothing_lost(planted) -> None:
    records = planted(n=20, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    assert item_fates(records).empty
    table = fate_counts(records)
    assert (table["items"] == 0).all()
    assert table["reason"].notna().all()


def test_planted_fates(planted) -> None:
    table = fate_counts(planted(n=150, demoted=0.0, control=0.0)).set_index("fate")
    assert table.loc["erased", "share"] == 1
    table = fate_counts(planted(n=150, demoted=1.0)).set_index("fate")
    assert table.loc["demoted", "share"] > 0.9  # the rest were lucky picks of the pruned model


def test_rule_text_follows_its_parameters() -> None:
    assert "beyond 77" in " ".join(FateRule(far=77).text)
