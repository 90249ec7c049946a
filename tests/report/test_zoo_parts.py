import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from illusion_lib.anchors.generated import BY_OTHERS, BY_PROBE, RANDOM, WAYS
from illusion_lib.anchors.zoo import DENSE, load_zoo
from illusion_lib.report import figures, zoo_parts


@pytest.fixture(scope="module")
def zoo():
    """A variant in eight of the shipped zoo."""
    whole = load_zoo()
    kept = {DENSE, *whole.variants[1::5]}
    return replace(whole, rows=whole.rows[whole.rows["variant"].isin(kept)])


@pytest.fixture(scope="module")
def spent(zoo):
    return zoo_parts.token_trials(zoo, draws=1)


def test_the_note_says_what_the_zoo_is_and_is_not(zoo):
    said = zoo_parts.about(zoo).content
    assert f"{len(zoo.variants)} variants of one model" in said
    assert "need not be saved on yours" in said


def test_figures_state_their_finding_from_the_rows(zoo, spent):
    plane = figures.variant_plane(zoo.rows)
    dense = zoo.of(DENSE)
    assert f"({dense['said'].mean():.2f})" in plane.caption
    saved = zoo_parts.token_figure(zoo, spent)
    told = re.findall(r"([\d.]+) times with the (.*?) \((\d+)\u00a0% of", saved.caption)
    rows = spent[(spent["way"] != RANDOM) & (spent["n"] == min(zoo_parts.GENERATED))]
    assert {way for _, way, _ in told} == set(rows["way"])
    for times, way, held in told:
        row = rows.set_index("way").loc[way]
        assert float(times) == pytest.approx(row["saving"], abs=0.06)
        assert int(held) == pytest.approx(100 * row["coverage"], abs=0.51)
    for exhibit in (plane, saved):
        ET.fromstring(exhibit.svg())


def test_the_table_gives_no_saving_to_random_items_themselves(zoo, spent):
    content = zoo_parts.token_table(zoo, spent).content
    rows = re.findall(r"<tr>(.*?)</tr>", content)[1:]
    assert len(rows) == len(spent) == len(WAYS) * len(zoo_parts.GENERATED)
    assert all("×" not in row for row in rows if RANDOM in row)
    assert any("×" in row for row in rows)


def test_the_note_on_the_probe_gives_its_own_saving(zoo, spent):
    said = zoo_parts.probe_saving(spent).content
    savings = spent.set_index(["way", "n"])["saving"].dropna()
    for way in (BY_PROBE, BY_OTHERS):
        for n, saving in savings[way].items():
            assert f"{saving:.1f} × with {n} items" in said
    assert said.index(f"{savings[BY_PROBE].iloc[0]:.1f} ×") < said.index("learned on other methods")


def test_whole_methods_are_held_out(zoo):
    found = zoo_parts.estimator_study(zoo, seeds=1)
    assert set(found.table["estimator"]) == set(zoo_parts.ESTIMATORS)
    assert set(found.table["split"]) == {"family"}
    method = zoo.rows.drop_duplicates("variant").set_index("variant")["method"]
    judged = {method[name] for name in found.estimates["model"]}
    others = {method[name] for name in set(method.index) - set(found.estimates["model"])}
    assert judged.isdisjoint(others)
