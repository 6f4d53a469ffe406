"""Words, sentences and citation marks in many scripts, and the forms in which texts are compared."""

from unicodedata import normalize

import pytest

from ragloop.language.citations import cited_numbers, defused, without_marks
from ragloop.language.forms import comparable, embeddable, searchable
from ragloop.language.sentences import sentences
from ragloop.language.words import WINDOW, boundaries, is_latin, words


def parts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["The pump stops.", "It cools down!", "Does it restart?", "Yes…", "Later."],
        ["He said “stop.”", "Then (as agreed.)", "He left."],
        ["पंप बंद है।", "कल खुलेगा॥", "अच्छा"],
        ["هل الباب مغلق؟", "نعم.", "شكرا"],
        ["دروازہ بند ہے۔", "کل کھلے گا"],
        ["តម្លៃពីរ។", "បិទហើយ"],
        ["ပန်းသီး။", "ရေ။"],
        ["በሩ ተዘግቷል።", "ነገ ይከፈታል፧", "አዎ"],
        ["Դուռը փակ է։", "Այո"],
        ["སྒོ་བརྒྱབ།", "དེ་རིང།"],
        ["门已关闭。", "明天开吗？！", "是的"],
        ["ปั๊มหยุดทำงานแล้ว", "จะเปิดอีกครั้งพรุ่งนี้"],
    ],
)  # fmt: skip
def test_sentences_end_at_the_marks_of_their_script(expected: list[str]) -> None:
    assert parts(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Weber wrote it.",
        "J. K. Rowling and И. О. Петров met.",
        "See No. 7 and Fig. 3 on p. 12.",
        "It needs e.g. a pump.",
        "Am 3. Oktober ist geschlossen.",
        "Version 3.10.2 needs 1.5 GB.",
    ],
)
def test_a_full_stop_that_shortens_a_word_ends_no_sentence(text: str) -> None:
    assert parts(text) == [text]


def test_a_short_item_of_thai_ends_no_sentence() -> None:
    text = "ราคา 5 บาท ต่อวัน"
    assert parts(text) == [text]


def test_marks_of_citations_belong_to_the_sentence_before_them() -> None:
    assert parts("Herons nest. [2] [3] Kites glide.[1] 门已关闭。[4]明天开") == [
        "Herons nest. [2] [3]", "Kites glide.[1]", "门已关闭。[4]", "明天开",
    ]  # fmt: skip


def test_words_of_scripts_without_spaces_are_found() -> None:
    assert words("门已关 한국") == ["门", "已", "关", "한", "국"]
    thai = ["ห้อง", "ประชุม"]
    assert words("".join(thai)) == thai


def test_vowel_signs_belong_to_their_word() -> None:
    hindi = ["किताबें", "पढ़ना"]
    assert words(" ".join(hindi)) == hindi
    assert words("get_user() is v1.2.3 of C++ and C#") == ["get_user", "is", "v1.2.3", "of", "C++", "and", "C#"]


def test_words_beyond_a_window_are_found_where_they_stand() -> None:
    text = "😀" + "บ้าน" * (WINDOW // 2)
    ends = list(boundaries(text, 0, len(text)))
    assert ends == sorted(set(ends))
    assert ends == list(range(1, len(text), 4))


def test_a_word_longer_than_a_window_is_cut() -> None:
    assert list(boundaries("a" * (WINDOW + 9), 0, WINDOW + 9)) == [WINDOW]


def test_words_that_read_alike_are_compared_as_equal() -> None:
    assert comparable(normalize("NFD", "Großküche")) == comparable("Groß\u00adkü\u200bche") == "Großküche"
    assert comparable("ﬁnal Ａ\uff17") == "final A7"
    assert comparable("10\u00b2") != comparable("102")
    assert comparable("کتاب\u200cها") == "کتابها"


def test_full_text_search_compares_words_without_vowels_article_and_accents() -> None:
    assert searchable("السَّفــينة") == searchable("سفينة")
    assert searchable("ἐν Αθήνα") == "εν Αθηνα"
    assert searchable("שָׁלוֹם") == "שלום"
    assert searchable("мой ёж") == "мой еж"
    assert searchable("한국") == "한국"


def test_what_is_embedded_keeps_what_is_read() -> None:
    assert embeddable(normalize("NFD", "café\u00ad")) == "café"
    joined = "کتاب\u200cها"
    assert embeddable(joined) == joined


def test_marks_are_read_dropped_and_defused() -> None:
    text = "Kites [2] glide [13]. Not [x] or [2024]."
    assert cited_numbers(text) == [2, 13]
    assert without_marks(text) == "Kites glide. Not [x] or [2024]."
    assert without_marks(text, {13}.__contains__) == "Kites [2] glide. Not [x] or [2024]."
    assert defused(text) == "Kites (2) glide (13). Not [x] or [2024]."


@pytest.mark.parametrize(
    ("text", "expected"),
    [("How?", True), ("¿Dónde está?", True), ("Где?", False), ("门？", False)],
)
def test_a_text_is_latin_where_its_letters_are(text: str, expected: bool) -> None:
    assert is_latin(text) is expected
