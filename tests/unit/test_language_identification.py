"""The language of prose is told; of code, tables, names, mixed and short texts none is."""

import subprocess
import sys

import pytest

from ragloop.models.language_identification import SURE, language_beside, language_of
from tests.support.texts_in_languages import PARAGRAPHS

CODE = """for (size_t boot = 0; boot < anzahl_der_boote; ++boot) {
    if (gewicht_in_kg[boot] > hoechstes_gewicht) { fehler.melden("boot_ist_zu_schwer", namen_der_boote[boot]); }
    gesamtes_gewicht += gewicht_in_kg[boot] * anteil_der_ladung[art_der_ladung(boot)];
}
return ergebnis_der_pruefung(gesamtes_gewicht, anzahl_der_boote - nicht_geprueft);
"""
NUMBERS = "\n".join(
    f"{year} | {year * 37 % 991} kg | {year % 7}.{year % 9} % | A-{year:06}" for year in range(1990, 2010)
)
NAMES = (
    "Agnieszka Kowalczyk, Łukasz Wiśniewski, Małgorzata Wójcik, Paweł Zieliński, Grażyna Dąbrowska",
    "Tereza Dvořáková, Jiří Novák, Zdeněk Procházka, Lenka Kučerová, Ondřej Veselý, Markéta Horáková, Tomáš Němec",
    "Emre Çelik, Ayşe Yılmaz, Mehmet Öztürk, Gülşen Şahin, İbrahim Yıldız, Zeynep Kılıç, Hüseyin Doğan, Özlem Aydın",
    "Päivi Hämäläinen, Jukka Mäkinen, Väinö Lähteenmäki, Aino Pöyhönen, Ilkka Järvinen, Tuula Heikkilä, Seppo Räsänen",
)
"""Names of one country look like its language."""
BLANK = ("", " \n\t", "\x00" * 300, "\ud800" * 300, "=" * 300)
SHORT = (
    "Dies ist ein Satz.",
    "会議室予約",
    "Мост через реку закрыт",
    "Grüße aus Köln, bis morgen.",
    "magna cum laude",
)


@pytest.mark.parametrize("code", PARAGRAPHS)
def test_the_language_of_a_paragraph_is_told(code: str) -> None:
    told = language_of(PARAGRAPHS[code])
    assert told is not None
    assert told.language == code
    assert SURE <= told.confidence <= 1


@pytest.mark.parametrize("text", [CODE, NUMBERS, *NAMES, *BLANK])
def test_no_language_is_told_of_what_is_no_prose(text: str) -> None:
    assert language_of(text) is None


@pytest.mark.parametrize("text", SHORT)
def test_no_language_is_told_of_a_short_text(text: str) -> None:
    assert language_of(text) is None


@pytest.mark.parametrize("other", ["de", "ru", "zh", "ar"])
def test_no_language_is_told_of_a_text_that_is_half_in_another(other: str) -> None:
    length = min(len(PARAGRAPHS["en"].encode()), len(PARAGRAPHS[other].encode()))
    english, foreign = (PARAGRAPHS[code].encode()[:length].decode(errors="ignore") for code in ("en", other))
    assert language_of(f"{english}\n\n{foreign}") is None


def test_code_and_addresses_among_prose_do_not_hide_its_language() -> None:
    prose = "\n".join([PARAGRAPHS["de"]] * 3)
    told = language_of(f"{prose}\n{CODE}\n{NUMBERS}\nhttps://example.org/boats/care.html?lang=en {prose}")
    assert told is not None
    assert told.language == "de"


def test_a_lone_surrogate_and_letters_of_full_width_are_read() -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in PARAGRAPHS["en"])
    told = language_of(f"\udc80{wide}")
    assert told is not None
    assert told.language == "en"


def test_no_language_is_told_where_the_model_is_not_installed() -> None:
    """As in an environment that was installed without dependencies: nothing fails."""
    program = (
        "import importlib.metadata as metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.files = missing\n"
        "from ragloop.models.language_identification import language_of\n"
        f"print(language_of({PARAGRAPHS['de']!r}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "None\n"


ENGLISH_ALONE = frozenset({"en"})


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie lange ist mein Reisepass gültig?", "de"),
        ("Quelle est la hauteur de la tour Eiffel ?", "fr"),
        ("¿Cuántos jugadores tiene un equipo de balonmano?", "es"),
        ("Hoe laat vertrekt de laatste trein naar Utrecht?", "nl"),
        ("Hur visar jag processerna som ett träd?", "sv"),
        ("Сколько стоит билет на поезд?", "ru"),
        ("ما هي عاصمة المغرب؟", "ar"),
    ],
)
def test_the_language_of_a_question_is_told_where_it_is_not_read(question: str, language: str) -> None:
    assert language_beside(question, ENGLISH_ALONE) == language
    assert language_beside(question, ENGLISH_ALONE | {language}) == ""


@pytest.mark.parametrize(
    "question", ["How long is my passport valid?", "Savepoint rollback", "nginx", "", "??", "v1.2.3", "Spargel"]
)
def test_none_is_told_of_english_and_of_a_few_words(question: str) -> None:
    assert language_beside(question, ENGLISH_ALONE) == ""


def test_languages_that_are_taken_for_each_other_count_together() -> None:
    """The model gives Swedish .63 here and the rest to others, of which none is read."""
    assert language_beside("Vilket vin passar till en fiskrätt?", ENGLISH_ALONE) == "sv"
    assert language_beside("Vilket vin passar till en fiskrätt?", ENGLISH_ALONE | {"pl", "es", "nl"}) == ""
