"""The page on questions shows counts that come from the data."""

from __future__ import annotations

from illusion_lib.items import facts_removed
from illusion_lib.items.sources import SOURCES
from illusion_lib.report.item_sets import facts_counts, facts_leaks, primary_measures


def test_counts_are_those_of_the_data():
    content = facts_counts().content
    for relation in ("capital", "currency", "continent", "official_language"):
        assert relation in content
    ambiguous = sum(fact.kind == "ambiguous" for fact in facts_removed("currency"))
    assert f">{ambiguous}<" in content


def test_leaks_have_a_column_for_each_language():
    content = facts_leaks().content
    assert all(f">{code}</th>" in content for code in ("en", "zh", "sw"))


def test_every_set_has_its_measure():
    assert all(source.label in primary_measures().content for source in SOURCES.values())
