"""The facts of each relation, and the countries about which nothing single can be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache

from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies

from freezing.fact import Fact
from freezing.names import (
    LANGUAGES,
    REGIONS,
    WITH_PHRASE,
    city,
    continent,
    country_name,
    currency,
    currency_plurals,
    each_once,
    language_name,
    locale,
    of_country,
    plain,
    table,
    written_aliases,
)
from freezing.questions import QUESTIONS

_SPOKEN = 10.0  # percent of a country's people: a language with as many is no safe distractor
# The Americas count as one continent in much of the world: neither is a wrong option for the other.
_AMERICAS = frozenset({"NA", "SA"})
_CENTRAL_EXCEPT = ("US", "CA", "MX")  # of North America: "Central America" is no right answer


def countries() -> list[dict[str, str]]:
    """Return the rows of ``countries.tsv``, the most populous country first."""
    return sorted(table("countries"), key=lambda row: -int(row["population"]))


def disputed(relation: str) -> dict[str, str]:
    """Return the reason why a country is not asked about, by country."""
    rows = (row for row in table("disputed") if row["relation"] == relation)
    return {row["country"]: row["reason"] for row in rows}


def unanswerable(relation: str, row: dict[str, str]) -> tuple[str, str] | None:
    """Return why a country has no single answer (kind and reason), None where it has."""
    country = row["country"]
    if country in disputed(relation):
        return "disputed", disputed(relation)[country]
    if relation == "currency":
        return _no_single_currency(country)
    if relation == "official_language" and len(official(country)) != 1:
        return "disputed", f"{len(official(country))} official languages: {_listed(country)}"
    return None


def _no_single_currency(country: str) -> tuple[str, str] | None:
    tender = get_territory_currencies(country, tender=True)
    if len(tender) != 1:
        return "disputed", f"{len(tender)} currencies: {', '.join(tender)}"
    if tender[0] not in {row["currency"] for row in table("currencies")}:
        name = plain(locale("en").currencies[tender[0]])
        return "ambiguous", f"{name}: the unit's name is shared by different currencies"
    return None


def _listed(country: str) -> str:
    return ", ".join(language_name(code, "en") for code in official(country))


@cache
def official(country: str) -> tuple[str, ...]:
    """Return a country's official languages; one written in two scripts counts once."""
    codes = get_official_languages(country, de_facto=True)
    return tuple(dict.fromkeys(code.partition("_")[0] for code in codes))


def facts(relation: str, row: dict[str, str]) -> Fact:
    """Return one relation's fact about a country."""
    country = row["country"]
    code, answers, aliases, source = _ANSWERS[relation](row)
    name = {language: country_name(country, language) for language in LANGUAGES}
    of = {language: of_country(row, language) for language in WITH_PHRASE}
    questions = {
        language: QUESTIONS[relation][language].format(name=name[language], of=of.get(language))
        for language in LANGUAGES
    }
    asked = {
        language: _without_preposition(of[language])
        if "{of}" in QUESTIONS[relation][language]
        else name[language]
        for language in LANGUAGES
    }
    return Fact(
        relation=relation,
        country=country,
        name=name["en"],
        near=row["continent"],
        answer=code,
        source=source,
        asked=asked,
        questions=questions,
        answers=answers,
        aliases={lang: each_once(answers[lang], aliases[lang]) for lang in LANGUAGES},
    )


def _without_preposition(phrase: str) -> str:
    """Return a phrase without preposition and article: what follows its first capital."""
    return phrase[next(i for i, char in enumerate(phrase) if char.isupper()) :]


Answers = tuple[str, dict[str, str], dict[str, list[str]], str]
CLDR = "Unicode CLDR 47 through Babel 2.18.0 (Unicode-3.0)"


def _capital(row: dict[str, str]) -> Answers:
    country, zone = row["country"], row["zone"]
    written = next((r for r in table("capitals") if r["country"] == country), {})
    own = {k: written[k] for k in LANGUAGES if written.get(k, "-") != "-"}
    names = {lang: own.get(lang) or city(zone, lang) for lang in LANGUAGES}
    aliases = {}
    for lang in LANGUAGES:
        forms = [names["en"]]
        if lang not in own:
            forms += [city(zone, region) for region in REGIONS.get(lang, ())]
        aliases[lang] = [*forms, *written_aliases("aliases", "country", country, lang)]
    source = CLDR
    if len(own) == len(LANGUAGES):
        source = f"country: {CLDR}; capital: illusion_lib (Apache-2.0)"
    return country, names, aliases, source


def _currency(row: dict[str, str]) -> Answers:
    (code,) = get_territory_currencies(row["country"], tender=True)
    names = {lang: currency(code, lang) for lang in LANGUAGES}
    aliases = {
        lang: [
            names["en"],
            *currency_plurals(code, lang),
            *written_aliases("answers", "answer", code, lang),
        ]
        for lang in LANGUAGES
    }
    code = "CFA" if code in ("XOF", "XAF") else code  # two currencies of one name and one value
    return code, names, aliases, f"{CLDR}; names without nationality: illusion_lib (Apache-2.0)"


def _continent(row: dict[str, str]) -> Answers:
    code = row["continent"]
    names = {lang: continent(code, lang) for lang in LANGUAGES}
    aliases = {
        lang: [names["en"], *written_aliases("answers", "answer", code, lang)] for lang in LANGUAGES
    }
    if code == "NA" and row["country"] not in _CENTRAL_EXCEPT:
        for lang in LANGUAGES:
            aliases[lang] += written_aliases("answers", "answer", "NA-central", lang)
    return code, names, aliases, f"{CLDR}; continent: UN M49"


def _official_language(row: dict[str, str]) -> Answers:
    (code,) = official(row["country"])
    names = {lang: language_name(code, lang) for lang in LANGUAGES}
    aliases = {
        lang: [names["en"], *written_aliases("answers", "answer", code, lang)] for lang in LANGUAGES
    }
    return code, names, aliases, CLDR


_ANSWERS: dict[str, Callable[[dict[str, str]], Answers]] = {
    "capital": _capital,
    "currency": _currency,
    "continent": _continent,
    "official_language": _official_language,
}
RELATIONS = tuple(_ANSWERS)


def also_true(relation: str) -> dict[str, frozenset[str]]:
    """Return, by country, answers besides the gold that are right or that could be defended."""
    defensible: dict[str, frozenset[str]] = defaultdict(frozenset)
    for row in countries():
        country = row["country"]
        if relation == "continent" and row["continent"] in _AMERICAS:
            defensible[country] = _AMERICAS - {row["continent"]}
        if relation == "official_language":
            defensible[country] = frozenset(_spoken(country))
        if relation == "currency":
            defensible[country] = frozenset(get_territory_currencies(country))
    return defensible


def _spoken(country: str) -> Iterator[str]:
    for code, facts in get_global("territory_languages").get(country, {}).items():
        if facts.get("official_status") or facts.get("population_percent", 0) >= _SPOKEN:
            yield code.partition("_")[0]
