"""In a language that the embedder does not read, words decide beside the cosine."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ragloop.answering.floors import DEFAULT
from ragloop.app import App
from ragloop.config import load_settings

pytestmark = pytest.mark.realmodel

DOCUMENTS: Mapping[str, str] = {
    "boote.txt": "Die Boote werden nach jeder Fahrt mit klarem Wasser gespült und danach in der großen Halle gelagert.",
    "halle.txt": "Die Halle ist von Montag bis Freitag geöffnet. Den Schlüssel hat der Bootswart, der im Turm wohnt.",
    "beitrag.txt": "Der Beitrag beträgt für Erwachsene neunzig Euro im Jahr. Kinder zahlen die Hälfte davon.",
    "kurse.txt": "Kurse für Anfänger beginnen im Mai und dauern sechs Wochen. Wer teilnimmt, muss schwimmen können.",
    "segel.txt": "Nasse Segel werden ausgebreitet und getrocknet, bevor sie gefaltet werden. Risse näht der Macher.",
    "fest.txt": "Das Fest findet am letzten Samstag im August statt. Gäste sind willkommen, die Musik spielt bis elf.",
}
ANSWERED = {
    "Wie hoch ist der Beitrag für Erwachsene im Jahr?": "beitrag.txt",
    "Wann beginnen die Kurse für Anfänger?": "kurse.txt",
    "Womit werden die Boote nach der Fahrt gespült?": "boote.txt",
}
UNANSWERED = (
    "Wie wird das Wetter am Wochenende in den Bergen?",
    "Welche Versicherung zahlt bei einem Diebstahl?",
    "Wer darf die Küche für eine Feier mieten?",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder: Path = tmp_path_factory.mktemp("boats")
    (folder / "documents").mkdir()
    for name, text in DOCUMENTS.items():
        (folder / "documents" / name).write_text(text, encoding="utf-8")
    app = App(load_settings(home=folder / "home"))
    assert app.corpus.sync(folder / "documents").complete
    return app


@pytest.mark.parametrize("question", ANSWERED)
def test_a_question_whose_words_a_passage_says_is_answered(app: App, question: str) -> None:
    answer = app.answering.answerer.ask(question)
    assert not answer.abstained
    assert ANSWERED[question] in {Path(one.uri).name for one in answer.citations}


@pytest.mark.parametrize("question", UNANSWERED)
def test_one_that_nothing_answers_abstains_though_its_cosine_is_above_the_floor(app: App, question: str) -> None:
    (turn,) = app.answering.answerer.try_all([question])
    assert turn.foreign == "de"
    assert turn.top_similarity is not None
    assert turn.top_similarity > DEFAULT
    assert turn.unanswerable


def test_a_question_in_a_language_that_is_read_is_not_foreign(app: App) -> None:
    (turn,) = app.answering.answerer.try_all(["Who dries the sails of the boats?"])
    assert turn.foreign == ""
