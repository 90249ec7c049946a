"""What countries, cities and other answers are called: Unicode CLDR, mended by hand-made tables."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from babel import Locale
from babel.numbers import get_currency_name

from illusion_lib.items.item import surface
from illusion_lib.items.words import fold

LANGUAGES = (
    *("en", "es", "fr", "de", "it", "pt", "nl", "ru"),
    *("zh", "ja", "ar", "hi", "tr", "sw", "id"),
)
# The languages whose tables say "of that country", with its article and preposition. The others
# ask with the country's plain name.
WITH_PHRASE = LANGUAGES[:6]
# CLDR's regional locales that name cities in their own way: right answers in the language, too.
REGIONS = {"es": ("es_419", "es_US"), "fr": ("fr_CA",), "pt": ("pt_PT",)}
# Languages in which CLDR's counted forms are the plural of a noun that may stand alone.
_COUNTED = ("en", "es", "fr", "de", "it", "pt", "nl", "ru")
_COUNTS = (1, 2, 5)
TABLES = Path(__file__).resolve().parents[1] / "facts"


@cache
def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a hand-checked table."""
    text = (TABLES / f"{name}.tsv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def locale(language: str) -> Locale:
    """Return CLDR's data of a language."""
    return Locale(language)


def plain(name: str) -> str:
    """Return `name` with the typewriter apostrophe and without soft hyphens."""
    name = name.replace("’", "'").replace("ʻ", "'")
    return "".join(char for char in name if unicodedata.category(char) != "Cf")


@cache
def country_name(country: str, language: str) -> str:
    """Return a country's name as it stands alone: no note in brackets, no ``&``."""
    written = next((row for row in table("names") if row["country"] == country), None)
    if written is not None:
        return written[language]
    name = plain(locale(language).territories[country])
    name = name.replace("（", "(").partition("(")[0].strip()
    return name.replace(" & ", " and ").replace(" - ", "-")


def of_country(row: dict[str, str], language: str) -> str:
    """Return "of that country" from a row of ``countries.tsv``, which writes ``~`` for the name."""
    return row[language].replace("~", plain(locale(language).territories[row["country"]]))


def city(zone: str, language: str) -> str:
    """Return the city of a time zone; CLDR's root spelling is the last part of the zone's id."""
    root = zone.rpartition("/")[2].replace("_", " ")
    return plain(Locale.parse(language).time_zones.get(zone, {}).get("city", root))


def currency(code: str, language: str) -> str:
    """Return the name of a currency's unit, without the nationality that CLDR puts before it."""
    row = next(row for row in table("currencies") if row["currency"] == code)
    if row[language] != "-":
        return row[language]
    return plain(locale(language).currencies[code])


def currency_plurals(code: str, language: str) -> Iterator[str]:
    """Yield the unit's other forms among CLDR's counted names ("5 Polish zlotys").

    Forms shorter than the unit are passed over: the Russian genitive of "taka" means "so".
    """
    if language not in _COUNTED:
        return
    unit = currency(code, language)
    stem = fold(unit.casefold())
    stem = stem[: max(3, len(stem) - 2)]
    for count in _COUNTS:
        for word in plain(get_currency_name(code, count, language)).split():
            alike = fold(word.casefold()).startswith(stem) and word.isalpha()
            if alike and len(word) >= max(4, len(unit)):
                yield word.lower() if unit.islower() else word


def continent(code: str, language: str) -> str:
    """Return the name of a continent."""
    row = next(row for row in table("continents") if row["continent"] == code)
    return (
        plain(locale(language).territories[row["cldr"]]) if row[language] == "-" else row[language]
    )


def language_name(code: str, language: str) -> str:
    """Return the name of a language; its code where CLDR has no name for it."""
    return plain(locale(language).languages.get(code, code))


def written_aliases(tables: str, key: str, value: str, language: str) -> Iterator[str]:
    """Yield the hand-written aliases of an answer: the rows of a table whose `key` is `value`."""
    for row in table(tables):
        if row[key] == value and {language, "*"}.intersection(row["languages"].split(",")):
            yield from (form.strip() for form in row["aliases"].split("|"))


def each_once(answer: str, forms: Sequence[str]) -> tuple[str, ...]:
    """Return the forms beside `answer`, each once, those without accents last."""
    everything = (*forms, *(without_accents(form) for form in (answer, *forms)))
    first: dict[str, str] = {surface(answer): answer}
    for form in everything:
        first.setdefault(surface(form), form)
    return tuple(first.values())[1:]


def without_accents(text: str) -> str:
    """Return a text in Latin letters without accents, case kept; any other text unchanged."""
    bare = "".join(
        char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)
    )
    latin = all("LATIN" in unicodedata.name(char) for char in bare if char.isalpha())
    return bare if latin else text
