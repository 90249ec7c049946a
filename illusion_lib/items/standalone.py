"""Whether an examination question can be answered by somebody who does not see its options.

The rule, the same in every language: the stem is a question (it ends with a question mark), it
neither points to the options ("which of the following") nor to a picture, table or text that is not
there, and no option points to another ("all of the above", "A and C"). The words that point are
listed below by their folded beginnings. A question that is left out by mistake only makes the set
smaller; one kept by mistake would be unfair to open generation, so in doubt it goes.
"""

from __future__ import annotations

import re

from illusion_lib.items.words import fold, normalise, words

_MARKS = ("?", "？", "؟", ";")  # the last is the Greek one
# "A and C", "A, B": letters of options, Latin or Cyrillic, joined by a short word or a mark.
_LETTERS = re.compile(r"(?<!\w)[A-EА-Д](?:(?:\s*[,&/+]\s*|\s+\w{1,3}\s+)[A-EА-Д])+(?!\w)")
# Beginnings of words (or phrases) that point to the options, to a figure or to a given text.
_POINTING: dict[str, tuple[str, ...]] = {
    "ar": ("التالي", "الاتي", "الآتي", "يلي", "مما", "الشكل", "الصوره", "الرسم", "السابق"),
    "bg": ("следн", "изброен", "посочен", "горн", "долн", "отговор", "фигур", "схем", "твърден"),
    "de": ("folgend", "untensteh", "genannt", "abbildung", "zeichnung", "diagramm", "aussage"),
    "es": ("siguiente", "abajo", "arriba", "dibujo", "figura", "grafic", "afirmacion", "enunciad"),
    "fr": (
        "suivant",
        "ci dessous",
        "ci dessus",
        "parmi",
        "figure",
        "dessin",
        "graphique",
        "schema",
    ),
    "hr": (
        "sljedec",
        "slijedec",
        "naveden",
        "ponuden",
        "slic",
        "slik",
        "tvrdnj",
        "ovih",
        "grafikon",
    ),
    "hu": (
        "kovetkez",
        "alabbi",
        "felsorol",
        "abra",
        "abran",
        "grafikon",
        "kep",
        "allitas",
        "fenti",
    ),
    "it": ("seguent", "elencat", "sottoelencat", "figura", "grafic", "immagin", "affermazion"),
    "lt": ("siu", "sie", "isvardyt", "nurodyt", "pateikt", "paveiksl", "schem", "brezin", "teigin"),
    "mk": ("следн", "наведен", "даден", "понуден", "слик", "искази", "тврдењ", "подолу"),
    "pl": (
        *("poniz", "powyz", "nastepuj", "wymienion", "przedstaw", "zamieszcz", "podan", "opis"),
        *("rysunk", "schema", "fotografi", "zdjec", "tabel"),
    ),
    "pt": ("seguinte", "abaixo", "acima", "figura", "grafic", "afirmac", "alternativ", "texto"),
    "sq": ("meposht", "vijues", "mesiper", "figur", "pohim", "kety", "ketyre"),
    "sr": ("следец", "следећ", "наведен", "понуђен", "слиц", "слик", "тврдњ", "ових"),
    "tr": ("asagi", "yukari", "hangisi", "hangileri", "sekil", "sekl", "grafi", "harita", "metin"),
    "vi": (
        *("sau day", "sau ", "duoi day", "phat bieu", "tren"),
        *("hinh", "atlat", "bieu do", "bang so lieu"),
    ),
}
_ALL_OR_NONE: dict[str, tuple[str, ...]] = {
    "ar": ("جميع ما", "كل ما", "لا شيء مما"),
    "bg": ("всички", "нито едно", "никое"),
    "de": ("alle ", "keine der", "keine von", "keines der"),
    "es": ("todas las", "todos los", "ninguna de", "ninguno de"),
    "fr": ("toutes les", "tous les", "aucune de", "aucun de"),
    "hr": ("sve naveden", "svi naveden", "sve od", "nista od"),
    "hu": ("mindegyik", "mindharom", "egyik sem", "mind a"),
    "it": ("tutte le", "tutti i", "nessuna delle", "nessuno dei"),
    "lt": ("visi ", "visos ", "ne vienas"),
    "mk": ("сите", "ниту едн"),
    "pl": ("wszystkie", "zadna", "zadne", "zaden"),
    "pt": ("todas as", "todos os", "nenhuma d", "nenhum d"),
    "sq": ("te gjitha", "asnje"),
    "sr": ("све наведен", "ништа од", "сви наведен"),
    "tr": ("hepsi", "hicbiri"),
    "vi": ("tat ca", "khong co"),
}


def leans_on_options(stem: str, options: tuple[str, ...], language: str) -> str:
    """Return why a question cannot be asked without its options, an empty text where it can.

    >>> leans_on_options("Wie heißt die Hauptstadt von Peru?", ("Lima", "Quito"), "de")
    ''
    >>> leans_on_options("Welche der folgenden Städte liegt in Peru?", ("Lima", "Quito"), "de")
    "the stem points to the options or to a figure ('folgend')"
    """
    if not stem.rstrip().endswith(_MARKS):
        return "the stem is no question"
    said = " " + " ".join(word.folded for word in words(stem)) + " "
    for beginning in _POINTING.get(language, ()):
        if f" {_folded(beginning)}" in said:
            return f"the stem points to the options or to a figure ({beginning!r})"
    for option in options:
        if _LETTERS.search(option) or _folded(option).startswith(_folded_all(language)):
            return "an option points to other options"
    return ""


def _folded(text: str) -> str:
    return fold(normalise(text))


def _folded_all(language: str) -> tuple[str, ...]:
    return tuple(map(_folded, _ALL_OR_NONE.get(language, ())))
