"""When passages below the floor answer, as a reranker sees them or by the words that they say."""

from dataclasses import replace

import pytest

from ragloop.answering.signals.answerable import BELOW, SAID, AbstainPolicy, similarity_of, why_unanswerable
from ragloop.answering.signals.terms_found import said, weights
from ragloop.answering.turn import Turn
from ragloop.records import LaneName, Passage

TEXT = "A view that returns a mapping gives JSON."


QUESTION = "How are dictionaries sent back?"


def turn(
    similarity: float, relevance: float | None, unknown: frozenset[str] = frozenset(), question: str = QUESTION
) -> Turn:
    passage = Passage(
        1, 1.0, similarity, "s", "file:///a", "", "", 0, 9, TEXT, "h", "c", "d", "r", None, relevance=relevance
    )
    return Turn("i", question, LaneName.BASE_RAG, passages=(passage,), top_similarity=similarity, unknown=unknown)


@pytest.mark.parametrize(
    ("similarity", "relevance", "answered"),
    [(0.36, None, True), (0.34, None, False), (0.34, -3.0, True), (0.34, -3.1, False), (0.24, 5.0, False)],
)
def test_a_relevant_passage_may_fall_a_little_short_of_the_floor(
    similarity: float, relevance: float | None, *, answered: bool
) -> None:
    assert (why_unanswerable(turn(similarity, relevance), AbstainPolicy(0.35)) == "") == answered


def test_it_may_not_where_a_word_of_the_question_stands_in_no_document() -> None:
    asked = turn(0.34, 3.0, frozenset({"strangers"}), "How does a view give a mapping as JSON to strangers?")
    assert why_unanswerable(asked, AbstainPolicy(0.35)) == "no passage is similar: 0.34, at least 0.35 is needed"


GERMAN = "Womit werden die Boote gespült?"
BOATS = "Die Boote werden nach jeder Fahrt mit klarem Wasser gespült und in der Halle gelagert."
HALL = "Die Halle ist von Montag bis Freitag geöffnet, und am Sonntag werden die Führungen angeboten."


def asked_in_german(text: str, similarity: float, *others: str, foreign: str = "de") -> Turn:
    rows = [{"text": one, "heading": "", "title": "", "uri": ""} for one in (text, *others)]
    plain = turn(similarity, None, question=GERMAN)
    passage = replace(plain.passages[0], text=text)
    return replace(plain, passages=(passage,), foreign=foreign, weights=weights(GERMAN, rows))


def test_in_a_language_that_is_not_read_a_similar_passage_must_say_what_is_asked() -> None:
    floor = AbstainPolicy(0.35)
    assert why_unanswerable(asked_in_german(BOATS, 0.4, HALL), floor) == ""
    assert why_unanswerable(asked_in_german(HALL, 0.5, BOATS), floor) == (
        "no passage is similar: 0.29 with its words, since the embedder does not read German, at least 0.35 is needed"
    )
    assert why_unanswerable(asked_in_german(HALL, 0.5, BOATS, foreign=""), floor) == ""


def test_what_a_reranker_of_english_says_of_a_question_that_is_not_read_does_not_count() -> None:
    turned = asked_in_german(BOATS, 0.4, HALL)
    read = replace(turned, passages=(replace(turned.passages[0], relevance=-9.5),))
    assert why_unanswerable(read, AbstainPolicy(0.35)) == ""


def test_words_make_up_for_a_cosine_that_is_a_little_low() -> None:
    right = asked_in_german(BOATS, 0.3, HALL, foreign="")
    share = said(BOATS, right.weights)
    assert share > SAID + 0.05
    assert similarity_of(right) == pytest.approx(0.3 + min(share - SAID, BELOW))
    assert why_unanswerable(right, AbstainPolicy(0.35)) == ""
    assert why_unanswerable(asked_in_german(BOATS, 0.35 - BELOW - 0.01, HALL, foreign=""), AbstainPolicy(0.35)) != ""
    other = asked_in_german(HALL, 0.34, BOATS, foreign="")
    assert similarity_of(other) == 0.34, "what it does not say counts against it only where the cosine tells little"
    reranked = replace(right, passages=(replace(right.passages[0], relevance=-4.0),))
    assert similarity_of(reranked) == 0.3, "a reranker sees better"


def test_in_a_script_that_is_not_read_words_alone_answer() -> None:
    question = "游泳馆几点开门?"
    told, other = "游泳馆每天早上八点开门,晚上十点关门。", "会议室在二楼,可以容纳二十人。"
    rows = [{"text": one, "heading": "", "title": "", "uri": ""} for one in (told, other)]
    asked = replace(turn(0.9, None, question=question), reads=0.2, weights=weights(question, rows))
    answers, silent = (replace(asked, passages=(replace(asked.passages[0], text=one),)) for one in (told, other))
    assert why_unanswerable(answers, AbstainPolicy(0.35)) == ""
    assert why_unanswerable(silent, AbstainPolicy(0.35)) != ""


@pytest.mark.parametrize(
    "question", ["如何重启 nginx 服务器?", "如何重启nginx服务器?", "nginx 서버를 다시 시작하는 방법"]
)
def test_a_product_in_latin_letters_is_not_all_that_a_question_in_another_script_says(question: str) -> None:
    told = {"如": "要重启nginx服务器,请运行脚本。", "n": "nginx 서버를 다시 시작하려면 스크립트를 실행합니다."}[
        question[0]
    ]
    other = "nginx 是一个项目,由许多人开发。"
    found = weights(question, [{"text": one, "heading": "", "title": "", "uri": ""} for one in (told, other)])
    assert "nginx" in found
    assert said(other, found) < SAID < said(told, found)
    asked = replace(turn(0.3, None, question=question), foreign="zh", weights=found)
    answers, silent = (replace(asked, passages=(replace(asked.passages[0], text=one),)) for one in (told, other))
    assert why_unanswerable(answers, AbstainPolicy(0.35)) == ""
    assert why_unanswerable(silent, AbstainPolicy(0.35)) != ""


def test_words_that_few_passages_have_say_more_and_words_that_ask_say_nothing() -> None:
    rows = [{"text": one, "heading": "", "title": "", "uri": ""} for one in (BOATS, HALL)]
    found = weights("Wann werden die Boote gespült?", rows)
    assert set(found) == {"werden", "die", "boote", "gespült"}
    assert found["boote"] > found["werden"]
    assert said(BOATS, found) == 1.0
    assert said(HALL, found) < 0.5
    assert said(HALL, {}) == 0.0


def test_forms_of_an_arabic_word_agree_in_their_first_letters() -> None:
    assert said("تُحفظ المراجعات", {"مراجعة": 1.0}) == 1.0
    assert said("المدرسون", {"مدرسة": 1.0}) == 1.0
    assert said("المدينة", {"مدرسة": 1.0}) == 0.0
