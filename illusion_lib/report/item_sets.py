"""Which questions the package brings and which sets it reads, counted from the data themselves."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from illusion_lib.items.facts import facts_languages, facts_relations, facts_removed
from illusion_lib.items.judging import MEASURES
from illusion_lib.items.load import load_items
from illusion_lib.items.sources import SOURCES
from illusion_lib.report.exhibit import Html
from illusion_lib.report.tables import table


def facts_counts() -> Html:
    """Return how many facts each relation has, and how many were left out for which reason."""
    rows = []
    for relation in facts_relations():
        kinds = Counter(fact.kind for fact in facts_removed(relation))
        asked = len(load_items("facts", ["en"], [relation]))
        rows.append({"relation": relation, "asked": asked} | kinds)
    frame = pd.DataFrame(rows).fillna(0)
    counts = [name for name in frame.columns if name != "relation"]
    caption = (
        f"Facts asked in each of {len(facts_languages())} languages, and members of the United "
        "Nations that are left out in all of them, by the reason."
    )
    return table(frame.astype(dict.fromkeys(counts, int)), caption, dict.fromkeys(counts, str))


def facts_leaks() -> Html:
    """Return in how many countries each relation's question would give its answer away."""
    rows = [
        {"relation": relation}
        | {
            language: sum(language in fact.languages for fact in facts_removed(relation))
            for language in facts_languages()
        }
        for relation in facts_relations()
    ]
    formats = dict.fromkeys(facts_languages(), str)
    caption = "Countries whose question would give the answer away, by relation and language."
    return table(pd.DataFrame(rows), caption, formats)


def primary_measures() -> Html:
    """Return which measure decides what is correct in each set of questions."""
    rows = [
        {"set": source.label, "an answer is right if": MEASURES[source.primary]}
        for source in SOURCES.values()
    ]
    return table(pd.DataFrame(rows), "The measure that decides, chosen in advance for each set.")
