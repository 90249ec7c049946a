"""The matcher decides as a careful reader of the language would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.items.matching import matches

RIGHT = [
    # language, output, accepted, rivals
    ("en", "Paris", ["Paris"], ["Rome"]),
    ("en", "The capital of France is **Paris**.", ["Paris"], ["Rome"]),
    ("en", "PARIS!", ["Paris"], ["Rome"]),
    ("en", "Ｐａｒｉｓ", ["Paris"], ["Rome"]),
    ("en", "Paris's streets", ["Paris"], []),
    ("en", "Paris, not Rome", ["Paris"], ["Rome"]),
    ("en", "It is not Rome but Paris.", ["Paris"], ["Rome"]),
    ("en", "Rome is not the capital. Paris is.", ["Paris"], ["Rome"]),
    ("en", "It isn't in Rome; it is Paris", ["Paris"], ["Rome"]),
    ("en", "Paris is not only the capital but the largest city", ["Paris"], ["Rome"]),
    ("en", "Washington, D.C.", ["Washington, D.C.", "Washington DC"], ["Ottawa"]),
    ("en", "Washington DC", ["Washington, D.C."], ["Ottawa"]),
    ("en", "washington d.c is it", ["Washington, D.C."], ["Ottawa"]),
    ("en", "New Delhi", ["New Delhi"], ["Delhi"]),
    ("en", "It is Guinea-Bissau", ["Guinea-Bissau"], ["Guinea"]),
    ("en", "a six-speed, 5-cylinder engine", ["5"], ["6"]),  # a number ends at a hyphen
    ("es", "Jochi (1185-1226)", ["1185"], ["1226"]),
    ("es", "Jochi (1185-1226)", ["1226"], ["1227"]),
    ("en", "Port au Prince", ["Port-au-Prince"], ["Kingston"]),
    ("en", "Port‑au‑Prince", ["Port-au-Prince"], ["Kingston"]),  # non-breaking hyphens
    ("en", "N’Djamena", ["N'Djamena"], ["Niamey"]),
    ("en", "St John’s", ["St. John's"], ["Nassau"]),
    ("en", "Bogotá", ["Bogota"], ["Lima"]),
    ("en", "Bogota", ["Bogotá"], ["Lima"]),
    ("en", "Hague", ["The Hague"], ["Amsterdam"]),
    ("en", "Reyk\u00adja\u00advík", ["Reykjavik"], ["Oslo"]),  # soft hyphens
    ("en", "Lodz", ["Łódź"], ["Warsaw"]),
    ("en", "It is 42%.", ["42"], ["41"]),
    ("en", "It is 3,5", ["3.5"], ["5"]),
    ("en", "Paris\nRome\nMadrid", ["Paris"], ["Rome", "Madrid"]),  # a list counts by its first
    ("es", "Es El Cairo.", ["El Cairo"], ["Jartum"]),
    ("es", "La capital es la ciudad del Cairo", ["El Cairo"], ["Jartum"]),
    ("es", "No, es París", ["París"], ["Roma"]),
    ("es", "La capital no es Roma, es París", ["París"], ["Roma"]),
    ("es", "Asuncion", ["Asunción"], ["Lima"]),
    ("fr", "C'est à l'Haye", ["La Haye", "l'Haye"], ["Amsterdam"]),
    ("fr", "la capitale d'Athènes", ["Athènes"], ["Rome"]),
    ("fr", "Ce n'est pas Rome mais Paris", ["Paris"], ["Rome"]),
    ("de", "STRASSBURG", ["Straßburg"], ["Bern"]),
    ("de", "Nicht Zürich, sondern Bern", ["Bern"], ["Zürich"]),
    ("it", "È all'Avana", ["L'Avana"], ["Lima"]),
    ("it", "La capitale non è Milano, è Roma", ["Roma"], ["Milano"]),
    ("pt", "Não é Roma. É Paris.", ["Paris"], ["Roma"]),
    ("tr", "İstanbul'dur", ["Istanbul"], ["Ankara"]),
    ("ru", "Столица — Москва.", ["Москва"], ["Киев"]),
    ("ru", "Орёл", ["Орел"], ["Киев"]),
    ("zh", "法国的首都是巴黎。", ["巴黎"], ["罗马"]),
    ("zh", "答案是２０人", ["20"], ["30"]),
    ("ja", "首都はパリです", ["パリ"], ["ローマ"]),
    ("ja", "クアラ・ルンプールです", ["クアラルンプール"], ["ジャカルタ"]),
    ("th", "เมืองหลวงคือกรุงเทพมหานครครับ", ["กรุงเทพมหานคร"], ["ฮานอย"]),
    ("ar", "العاصمة هي القاهرة.", ["القاهرة"], ["الخرطوم"]),
    ("ar", "بالقاهرة", ["القاهرة"], ["الخرطوم"]),
    ("ar", "القَاهِرَة", ["القاهرة"], ["الخرطوم"]),
    ("ar", "عام ١٩٩٠", ["1990"], ["1991"]),
    ("hi", "भारत की राजधानी नई दिल्ली है।", ["नई दिल्ली"], ["काबुल"]),
    ("hi", "१९४७", ["1947"], ["1950"]),
    ("ko", "서울 입니다", ["서울"], ["도쿄"]),
    ("ko", "수도는 서울입니다.", ["서울"], ["도쿄"]),
    ("ko", "대한민국의 수도는 서울이며, 도쿄가 아니다", ["서울"], ["도쿄"]),
    ("ko", "김 대중에게", ["김 대중"], ["김 영삼"]),
    ("ko", "1990년에", ["1990년"], ["1991년"]),
    ("ru", "В Москве.", ["Москва"], ["Киев"]),
    ("ru", "Это столица Парижа", ["Париж"], ["Рим"]),
    ("ru", "говорят на английском языке", ["английский"], ["французский"]),
    ("ru", "между Афинами и морем", ["Афины"], ["Рим"]),
    ("ru", "в Брюсселе", ["Брюссель"], ["Берлин"]),
    ("ru", "в Буэнос-Айресе", ["Буэнос-Айрес"], ["Лима"]),
    ("ru", "Не Киев, а Москва", ["Москва"], ["Киев"]),
    ("fi", "Se on Helsingin vieressä, Madridissa.", ["Madrid"], ["Rooma"]),
    ("fi", "Lontoosta", ["Lontoo"], ["Pariisi"]),
    ("fi", "Pariisin", ["Pariisi"], ["Lontoo"]),
    ("tr", "Ankarada", ["Ankara"], ["Bakü"]),
    ("tr", "Başkent Ankara'dır.", ["Ankara"], ["Bakü"]),
    ("tr", "İngilizcedir", ["İngilizce"], ["Fransızca"]),
    ("tr", "Lizbon’a", ["Lizbon"], ["Madrid"]),
    ("nl", "Het is Brussel, niet Antwerpen", ["Brussel"], ["Antwerpen"]),
    ("nl", "De Haag", ["De Haag", "Den Haag"], ["Gent"]),
    ("sw", "Mji mkuu ni Nairobi.", ["Nairobi"], ["Kampala"]),
    ("id", "Ibu kotanya adalah Jakarta", ["Jakarta"], ["Manila"]),
    ("id", "Bukan Manila, melainkan Jakarta", ["Jakarta"], ["Manila"]),
    ("zh", "首都是罗马。", ["罗马"], ["巴黎"]),
    ("hi", "राजधानी नई दिल्ली में है", ["नई दिल्ली"], ["काबुल"]),
    ("ar", "في باريس", ["باريس"], ["روما"]),
    ("ar", "لباريس", ["باريس"], ["روما"]),
    ("el", "Η Αθήνα", ["Αθήνα"], ["Ρώμη"]),
    ("te", "న్యూఢిల్లీ", ["న్యూఢిల్లీ"], ["కాబూల్"]),
    ("bn", "১৯৭১ সালে", ["1971"], ["1972"]),
    ("ar", "۱۹۹۰", ["1990"], ["1991"]),  # the digits of Persian and Urdu
    ("th", "ปี ๒๕๓๓", ["2533"], ["2534"]),
    ("te", "౧౯౪౭", ["1947"], ["1950"]),
    ("ja", "ﾊﾟﾘ", ["パリ"], ["ローマ"]),  # half-width letters
    ("ko", "ＳＥＯＵＬ", ["Seoul"], ["도쿄"]),
    ("hi", "क़ज़ाख़", ["कजाख"], ["काबुल"]),  # the dot below is left out by many
    ("ar", "القـــاهرة", ["القاهرة"], ["الخرطوم"]),  # stretched
    ("ar", "القاهره", ["القاهرة"], ["الخرطوم"]),
    ("de", "Schweiz", ["Die Schweiz"], ["Das Elsass"]),
    ("de", "in der Schweiz", ["die Schweiz"], ["das Elsass"]),
    ("it", "al Cairo", ["Il Cairo"], ["Khartum"]),
    ("pt", "no Cairo", ["O Cairo"], ["Cartum"]),
    ("nl", "Haag", ["De Haag"], ["Gent"]),
    ("de", "Bern ist nicht nur schön, sondern die Hauptstadt", ["Bern"], ["Zürich"]),
    ("nl", "Nee, niet Gent maar Brussel", ["Brussel"], ["Gent"]),
    ("id", "bukan hanya Jakarta", ["Jakarta"], ["Manila"]),
    ("vi", "Hà Nội", ["Hà Nội"], ["Huế"]),
    ("vi", "ha noi", ["Hà Nội"], ["Huế"]),
]

WRONG = [
    ("en", "", ["Paris"], ["Rome"]),
    ("en", "...", ["Paris"], ["Rome"]),
    ("en", "Rome or Paris", ["Paris"], ["Rome"]),
    ("en", "Parisian", ["Paris"], ["Rome"]),
    ("en", "comparisons", ["Paris"], ["Rome"]),
    ("en", "Paris is not the capital of Italy", ["Paris"], ["Rome"]),
    ("en", "Paris isn't the capital", ["Paris"], ["Rome"]),
    ("en", "It is not Paris", ["Paris"], ["Rome"]),
    ("en", "It isn't in Paris", ["Paris"], ["Rome"]),
    ("en", "Neither Rome nor Paris", ["Paris"], ["Rome"]),
    ("en", "New Delhi", ["Delhi"], ["New Delhi"]),
    ("en", "Guinea-Bissau", ["Guinea"], ["Senegal"]),
    ("en", "Guinea-Bissau", ["Bissau"], ["Senegal"]),
    ("en", "COVID-19", ["COVID"], ["flu"]),
    ("en", "COVID-19", ["19"], ["20"]),
    ("en", "It ended 24-10", ["10"], ["24-10"]),  # of overlapping forms the longer one was said
    ("en", "Equatorial Guinea", ["Guinea"], ["Equatorial Guinea"]),
    ("en", "It is 3.5", ["5"], ["3"]),
    ("en", "15", ["5"], ["3"]),
    ("en", "Prince", ["Port-au-Prince"], ["Kingston"]),
    ("en", "Asuncion, then Lima", ["Lima"], ["Asunción"]),  # rivals without accents count too
    ("es", "Papa", ["Papá"], ["Papa"]),  # the accent decides
    ("es", "No es París", ["París"], ["Roma"]),
    ("es", "Ni Roma ni París", ["París"], ["Roma"]),
    ("es", "París no es la capital", ["París"], ["Roma"]),
    ("es", "Roma; París", ["París"], ["Roma"]),
    ("es", "Del Cairo a Jartum", ["Jartum"], ["El Cairo"]),
    ("fr", "Ce n'est pas à Paris", ["Paris"], ["Rome"]),
    ("fr", "Paris n'est pas la capitale", ["Paris"], ["Rome"]),
    ("de", "Berlin ist nicht die Hauptstadt", ["Berlin"], ["Bern"]),
    ("it", "Roma non è la capitale", ["Roma"], ["Parigi"]),
    ("pt", "Lisboa não é a capital", ["Lisboa"], ["Madri"]),
    ("zh", "罗马和巴黎", ["巴黎"], ["罗马"]),
    ("zh", "答案是120", ["20"], ["30"]),
    ("ja", "ニューデリー", ["デリー"], ["ローマ"]),
    ("ja", "ガス", ["カス"], ["ローマ"]),  # the voicing mark is a letter
    ("th", "กุ", ["ก"], ["ข"]),  # a vowel sign belongs to its consonant
    ("hi", "दिल", ["दल"], ["काबुल"]),  # a vowel sign is no optional mark
    ("ar", "الخرطوم ثم القاهرة", ["القاهرة"], ["الخرطوم"]),
    ("ar", "والقاهرة", ["هرة"], ["الخرطوم"]),
    ("ko", "이 도시는", ["서울"], ["도쿄"]),
    ("ko", "서울대학교", ["서울"], ["도쿄"]),
    ("ko", "도쿄에서 서울로", ["서울"], ["도쿄"]),
    ("en", "Nigeria", ["Niger"], ["Mali"]),
    ("en", "Dominican", ["Dominica"], ["Cuba"]),
    ("ru", "Нигерия", ["Нигер"], ["Мали"]),
    ("ru", "в Нигерии", ["Нигер"], ["Мали"]),
    ("ru", "Гвинея-Бисау", ["Гвинея"], ["Мали"]),
    ("ru", "Доминиканская Республика", ["Доминика"], ["Куба"]),
    ("ru", "Кубань", ["Куба"], ["Лима"]),  # short names are not bent
    ("ru", "Римляне", ["Рим"], ["Киев"]),
    ("ru", "Москвич", ["Москва"], ["Киев"]),
    ("ru", "Париж не является столицей Италии", ["Париж"], ["Рим"]),
    ("fi", "Nigeria", ["Niger"], ["Mali"]),
    ("fi", "Nigeriassa", ["Niger"], ["Mali"]),
    ("fi", "Romania", ["Roma"], ["Oslo"]),
    ("fi", "Malissa", ["Mal"], ["Oslo"]),
    ("tr", "Nijerya", ["Nijer"], ["Mali"]),
    ("tr", "Maliye", ["Mali"], ["Nijer"]),  # the ministry of finance
    ("tr", "Almanya", ["Alman"], ["Nijer"]),
    ("tr", "Romanya", ["Roman"], ["Nijer"]),
    ("es", "Nigeria", ["Níger"], ["Malí"]),
    ("fr", "Nigéria", ["Niger"], ["Mali"]),
    ("nl", "Niet Brussel", ["Brussel"], ["Antwerpen"]),
    ("id", "bukan Manila", ["Manila"], ["Jakarta"]),
    ("hi", "नाइजीरिया", ["नाइजर"], ["माली"]),
    ("ar", "نيجيريا", ["النيجر"], ["مالي"]),
    ("zh", "尼日利亚", ["尼日尔"], ["马里"]),
    ("ja", "ナイジェリア", ["ニジェール"], ["マリ"]),
    ("en", "What?", ["?"], ["!"]),  # a form without words matches nothing
    ("nl", "Antwerpen is niet de hoofdstad", ["Antwerpen"], ["Gent"]),
    ("id", "Manila bukan ibu kotanya", ["Manila"], ["Jakarta"]),
    ("ru", "Не Киев", ["Киев"], ["Москва"]),
    ("fr", "ni Paris ni Rome", ["Paris"], ["Rome"]),
    ("sw", "Nairobini", ["Nairobi"], ["Kampala"]),  # Swahili endings are not followed
    ("vi", "Hạ Nội rồi Huế", ["Huế"], ["Hà Nội"]),
]

# An answer with each article, and how it is said without it.
ARTICLES = [
    ("en", "A Coruña", "Coruña"),
    ("en", "an atom", "Atom"),
    ("es", "La Habana", "en Habana"),
    ("es", "Los Ángeles", "Ángeles"),
    ("es", "Las Palmas", "Palmas"),
    ("fr", "La Haye", "Haye"),
    ("fr", "Le Caire", "au Caire"),
    ("fr", "Les Maldives", "aux Maldives"),
    ("fr", "L'Aquila", "d'Aquila"),
    ("de", "Der Irak", "im Irak"),
    ("de", "Das Elsass", "im Elsass"),
    ("de", "Den Libanon", "Libanon"),
    ("de", "Dem Jemen", "Jemen"),
    ("it", "La Spezia", "alla Spezia"),
    ("it", "Lo Yemen", "nello Yemen"),
    ("it", "I Balcani", "nei Balcani"),
    ("it", "Gli Stati Uniti", "negli Stati Uniti"),
    ("it", "Le Maldive", "alle Maldive"),
    ("pt", "A Guarda", "na Guarda"),
    ("pt", "Os Açores", "nos Açores"),
    ("pt", "As Maldivas", "nas Maldivas"),
    ("nl", "Het Gooi", "'t Gooi"),
]

# A sentence for every word that denies, before the answer and after it.
DENIALS = [
    ("en", "It was never Paris", "Paris"),
    ("en", "Neither Paris", "Paris"),
    ("en", "Paris is never meant", "Paris"),
    ("en", "Paris was not meant", "Paris"),
    ("en", "Paris wasn't meant", "Paris"),
    ("es", "Ni París", "París"),
    ("es", "Nunca fue París", "París"),
    ("es", "París no era la capital", "París"),
    ("es", "París no fue la capital", "París"),
    ("es", "París nunca fue la capital", "París"),
    ("fr", "Jamais Paris", "Paris"),
    ("fr", "Paris n'était pas la capitale", "Paris"),
    ("de", "Weder Berlin", "Berlin"),
    ("de", "Es war nie Berlin", "Berlin"),
    ("de", "Das ist kein Französisch", "Französisch"),
    ("de", "Keine Rupie", "Rupie"),
    ("de", "Berlin ist keine Hauptstadt", "Berlin"),
    ("de", "Berlin war nicht die Hauptstadt", "Berlin"),
    ("de", "Berlin war nie die Hauptstadt", "Berlin"),
    ("it", "Mai Roma", "Roma"),
    ("it", "Roma non era la capitale", "Roma"),
    ("pt", "Nem Lisboa", "Lisboa"),
    ("pt", "Nunca foi Lisboa", "Lisboa"),
    ("pt", "Lisboa não era a capital", "Lisboa"),
    ("pt", "Lisboa não foi a capital", "Lisboa"),
    ("nl", "Dat is geen Engels", "Engels"),
    ("nl", "Noch Gent", "Gent"),
    ("nl", "Nooit Gent", "Gent"),
    ("nl", "Gent is geen hoofdstad", "Gent"),
    ("nl", "Gent was niet de hoofdstad", "Gent"),
    ("ru", "Ни Киев", "Киев"),
    ("ru", "Никогда не был Киев", "Киев"),
    ("ru", "Никогда Киев", "Киев"),
    ("ru", "Рига не была столицей", "Рига"),
    ("ru", "Киев не столица Италии", "Киев"),
    ("id", "Bukanlah Manila", "Manila"),
    ("id", "Tidak di Manila", "Manila"),
    ("id", "Manila bukanlah ibu kotanya", "Manila"),
    ("id", "Manila tidak benar", "Manila"),
]


@pytest.mark.parametrize(("language", "output", "accepted", "rivals"), RIGHT)
def test_right_answers_are_found(language, output, accepted, rivals):
    assert matches(output, accepted, rivals, language)


@pytest.mark.parametrize(("language", "output", "accepted", "rivals"), WRONG)
def test_wrong_answers_are_refused(language, output, accepted, rivals):
    assert not matches(output, accepted, rivals, language)


@pytest.mark.parametrize(("language", "answer", "output"), ARTICLES)
def test_an_article_may_be_missing(language, answer, output):
    assert matches(output, [answer], [], language)
    assert not matches(output, [answer], [], "sw")  # which has none


@pytest.mark.parametrize(("language", "output", "answer"), DENIALS)
def test_what_is_denied_is_not_said(language, output, answer):
    assert not matches(output, [answer], [], language)
    assert matches(output, [answer], [], "sw")  # whose denials are not read


def test_articles_belong_to_their_language():
    assert matches("Cairo", ["El Cairo"], [], "es")
    assert not matches("Cairo", ["El Cairo"], [], "en")


def test_negation_is_read_only_where_it_is_known():
    assert not matches("no es Roma", ["Roma"], [], "es")
    assert matches("no es Roma", ["Roma"], [], "sw")


NAME = st.text("abcdefgh éüß'-", min_size=1, max_size=12)
ANYTHING = st.text(max_size=60)


@settings(deadline=None)
@given(ANYTHING, st.lists(ANYTHING, max_size=4), st.lists(ANYTHING, max_size=4))
def test_any_text_is_judged(output, accepted, rivals):
    assert matches(output, accepted, rivals, "ar") in (True, False)


@settings(deadline=None)
@given(ANYTHING, st.lists(NAME, min_size=1, max_size=3), st.lists(NAME, max_size=3))
def test_gold_and_rivals_never_both_win(output, accepted, rivals):
    both = matches(output, accepted, rivals, "en") and matches(output, rivals, accepted, "en")
    assert not both


@settings(deadline=None)
@given(st.lists(NAME, min_size=2, max_size=2), ANYTHING)
def test_case_and_surroundings_do_not_matter(names, tail):
    gold = names[0]
    alone = matches(gold, [gold], [], "sw")
    assert matches(f"« {gold.upper()} » ; {tail}", [gold], [], "sw") == (
        alone or matches(tail, [gold], [], "sw")
    )
