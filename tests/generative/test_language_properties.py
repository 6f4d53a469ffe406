"""What holds of words and sentences of any text."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from ragloop.language.forms import comparable, embeddable
from ragloop.language.sentences import sentence_ends, sentences
from ragloop.language.words import boundaries, word_spans, words

SCRIPTS = "aB9 .!?\n\"')[1]…é́\u00ad\u200bбمالَ؟۔कि।กั้会。」あ한ក។က။😀"
TEXTS = st.text(st.sampled_from(SCRIPTS), max_size=80) | st.text(max_size=40)


@given(TEXTS)
def test_sentences_cover_every_character_that_is_no_space(text: str) -> None:
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


@given(TEXTS, TEXTS)
def test_where_a_sentence_ends_does_not_depend_on_the_text_before_its_paragraph(before: str, text: str) -> None:
    whole = f"{before}\n\nMargin of the text.\n\n{text}"
    start = len(whole) - len(text)
    assert list(sentence_ends(whole, start)) == [start + end for end in sentence_ends(text)]


@given(TEXTS)
def test_words_stand_in_the_text_in_order(text: str) -> None:
    spans = list(word_spans(text))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert [text[start:end] for start, end in spans] == words(text)


@given(TEXTS)
def test_words_of_the_dictionary_end_inside_the_text(text: str) -> None:
    ends = list(boundaries(text, 0, len(text)))
    assert ends == sorted(set(ends))
    assert all(0 < end < len(text) for end in ends)


@given(TEXTS)
@example("\u0301\xad\u0e49")  # a sign that is not seen parts two marks, whose order is another without it
def test_a_form_of_a_form_is_itself(text: str) -> None:
    assert embeddable(embeddable(text)) == embeddable(text)
    assert comparable(comparable(text)) == comparable(text)
