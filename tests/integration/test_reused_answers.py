"""Answers that are given again: to the same question over the same passages, and to no other."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.models.generation.wanted import wanted_while
from ragloop.records import Answer, CacheUse
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint, completion
from tests.support.word_embedder import WordEmbedder

QUESTION = "When does the ferry leave the harbour?"
PARAPHRASE = "Could you please tell me when the ferry leaves the harbour?"
SAID = "The ferry leaves the harbour at nine."
MISS = CacheUse.MISS
HIT = CacheUse.HIT


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint(completion(SAID)) as served:
        yield served


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "ferry.txt").write_text(f"{SAID} It comes back at noon.\n")
    (folder / "market.txt").write_text("The ferry stands at the harbour. On market days it leaves late.\n")
    return folder


def opened(documents: Path, url: str, now: datetime | None = None, **answers: Any) -> App:
    settings = load_settings(home=documents.parent / "home")
    changed = {
        "answers": settings.answers.model_copy(update={"generator": "remote", **answers}),
        "remote": settings.remote.model_copy(update={"model": "tide", "base_url": url, "retries": 0}),
        "retrieval": settings.retrieval.model_copy(update={"min_similarity": -1, "reranker": "none"}),
    }
    clock = {} if now is None else {"now": lambda: now}
    return App(settings.model_copy(update=changed), embedder=WordEmbedder(), **clock)


@pytest.fixture
def app(documents: Path, endpoint: ChatEndpoint) -> App:
    app = opened(documents, endpoint.url)
    assert app.corpus.sync(documents).complete
    return app


def ask(app: App, question: str = QUESTION, **more: Any) -> Answer:
    return app.answering.answerer.ask(question, **more)


def row_of(app: App, answer: Answer) -> dict[str, Any]:
    return app.journal.answer(answer.interaction_id)


def test_the_same_question_is_answered_from_the_log_at_no_cost(app: App, endpoint: ChatEndpoint) -> None:
    first, again, other = ask(app), ask(app), ask(app, PARAPHRASE)
    assert [one.cache for one in (first, again, other)] == [MISS, HIT, HIT]
    assert (again.answer, again.citations) == (first.answer, first.citations)
    assert [one.reused_from for one in (first, again, other)] == ["", first.interaction_id, first.interaction_id]
    assert (again.model, again.cost_usd, again.prompt_tokens, again.completion_tokens) == ("tide", 0, 0, 0)
    assert len(endpoint.requests) == 1
    row = row_of(app, other)
    assert (row["reused_from"], row["question"]) == (first.interaction_id, PARAPHRASE)
    assert first.interaction_id in row["decisions"]["reuse"]
    assert row["support"] == row_of(app, first)["support"]


def test_an_evaluation_has_every_answer_written(app: App, endpoint: ChatEndpoint) -> None:
    app.answering.answerer.ask(QUESTION)
    before = len(endpoint.requests)
    (tried,) = app.answering.answerer.try_all([QUESTION])
    assert (len(endpoint.requests), tried.reused_from) == (before + 1, "")


def test_it_is_found_after_it_was_folded_and_by_another_process(app: App, endpoint: ChatEndpoint) -> None:
    first = ask(app)
    app.journal.fold()
    assert ask(app).reused_from == first.interaction_id
    program = (
        "from pathlib import Path; import sys; from tests.integration.test_reused_answers import ask, opened\n"
        "answer = ask(opened(Path(sys.argv[1]), sys.argv[2])); print(answer.cache, answer.reused_from)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(app.settings.home.parent / "documents"), endpoint.url],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["hit", first.interaction_id], done.stderr
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "question",
    [
        "When does the ferry not leave the harbour?",
        "When did the ferry leave the harbour?",
        "When does the first ferry leave the harbour?",
        "When does the harbour leave the ferry?",
        "Where does the ferry leave the harbour?",
        "When do all ferries leave the harbour?",
        "Wann verlässt the ferry the harbour?",
        "When does ferry 2 leave the harbour?",
    ],
)
def test_another_question_over_the_same_passages_is_answered_anew(
    app: App, endpoint: ChatEndpoint, question: str
) -> None:
    first, other = ask(app), ask(app, question)
    assert {one.chunk_id for one in first.passages} == {one.chunk_id for one in other.passages}
    assert (other.cache, other.reused_from, len(endpoint.requests)) == (MISS, "", 2)


@pytest.mark.parametrize("change", ["edit", "delete", "add", "rename"])
def test_other_passages_are_read_anew(app: App, documents: Path, endpoint: ChatEndpoint, change: str) -> None:
    assert ask(app).cache is MISS
    market = documents / "market.txt"
    if change == "edit":
        market.write_text("The ferry stands at the harbour. On market days it leaves early.\n")
    elif change == "delete":
        market.unlink()
    elif change == "rename":
        market.rename(documents / "fair.txt")
    else:
        (documents / "notice.txt").write_text("From May on the ferry leaves the harbour at ten.\n")
    assert app.corpus.sync(documents).complete
    assert ask(app).cache is MISS
    assert len(endpoint.requests) == 2


def test_its_marks_cite_the_passages_as_they_stand_now(app: App, documents: Path) -> None:
    first = ask(app, "When does the ferry leave the harbour?")
    fronted = ask(app, "When does the ferry leave the harbour, please?")
    assert fronted.cache is HIT
    (cited,) = fronted.citations
    assert (cited.chunk_id, cited.uri) == (first.citations[0].chunk_id, first.citations[0].uri)
    assert fronted.passages[cited.n - 1].text.startswith(SAID)


@pytest.mark.parametrize(
    ("of_reused", "said"), [(False, ("down",)), (True, ("down",)), (True, ("correction", "At 10."))]
)
def test_a_vote_against_an_answer_or_a_correction_has_it_written_anew_once(
    app: App, endpoint: ChatEndpoint, *, of_reused: bool, said: tuple[str, ...]
) -> None:
    first, again = ask(app), ask(app)
    app.journal.give_feedback((again if of_reused else first).interaction_id, *said)
    anew, after = ask(app), ask(app)
    assert (anew.cache, after.cache, after.reused_from) == (MISS, HIT, anew.interaction_id)
    app.journal.fold()
    assert ask(app).reused_from == anew.interaction_id
    assert len(endpoint.requests) == 2


def test_each_further_vote_has_it_written_once_more(app: App, endpoint: ChatEndpoint) -> None:
    for votes in (1, 2, 3):
        app.journal.give_feedback(ask(app).interaction_id, "down")
        assert [ask(app).cache, ask(app).cache] == [MISS, HIT]
        assert len(endpoint.requests) == votes + 1


def test_votes_before_it_is_written_anew_are_met_by_the_one_writing(app: App, endpoint: ChatEndpoint) -> None:
    for one in [ask(app), ask(app, PARAPHRASE)]:
        app.journal.give_feedback(one.interaction_id, "down")
    assert [ask(app).cache, ask(app).cache] == [MISS, HIT]
    assert len(endpoint.requests) == 2


def test_words_that_were_voted_against_give_way_to_others(documents: Path) -> None:
    replies = [completion(text) for text in (SAID, "It comes back at noon.", SAID)]
    with chat_endpoint(*replies) as endpoint:
        app = opened(documents, endpoint.url)
        assert app.corpus.sync(documents).complete
        first = ask(app)
        app.journal.give_feedback(first.interaction_id, "down")
        other = ask(app)
        assert "noon" in other.answer
        assert ask(app).reused_from == other.interaction_id
        app.journal.give_feedback(other.interaction_id, "down")
        assert [ask(app).cache, ask(app).cache] == [MISS, MISS], "both were voted against, and neither was confirmed"


def test_a_vote_of_no_known_time_has_it_written_anew_too(app: App) -> None:
    first = ask(app)
    app.journal.append("feedback", [{"feedback_id": "f", "interaction_id": first.interaction_id, "kind": "down"}])
    assert [ask(app).cache, ask(app).cache] == [MISS, HIT]


def test_a_vote_for_it_does_no_harm(app: App) -> None:
    first = ask(app)
    app.journal.give_feedback(first.interaction_id, "up")
    assert ask(app).cache is HIT


def test_callers_with_other_labels_share_nothing(app: App) -> None:
    assert ask(app, labels=["staff"]).cache is MISS
    assert ask(app, labels=["staff"]).cache is HIT
    assert ask(app, labels=["staff", "night"]).cache is MISS
    assert ask(app).cache is MISS


@pytest.mark.parametrize("changed", [{"model": "ebb"}, {"temperature": 0.5}, {"max_tokens": 64}])
def test_another_generator_writes_anew(app: App, endpoint: ChatEndpoint, changed: dict[str, Any]) -> None:
    assert ask(app).cache is MISS
    remote = app.settings.remote.model_copy(update=changed)
    other = App(app.settings.model_copy(update={"remote": remote}), embedder=WordEmbedder())
    assert ask(other).cache is MISS
    assert len(endpoint.requests) == 2


def test_what_a_fallback_wrote_is_not_given_in_place_of_the_model(documents: Path) -> None:
    from tests.support.chat_endpoint import failure

    with chat_endpoint(failure(503, "overloaded"), completion(SAID)) as endpoint:
        app = opened(documents, endpoint.url)
        assert app.corpus.sync(documents).complete
        assert ask(app).model == "extractive"
        assert (ask(app).model, ask(app).cache) == ("tide", HIT)


def test_an_answer_expires(documents: Path, endpoint: ChatEndpoint) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    app = opened(documents, endpoint.url, now=start, cache_days=7)
    assert app.corpus.sync(documents).complete
    assert ask(app).cache is MISS
    assert ask(opened(documents, endpoint.url, now=start + timedelta(days=7), cache_days=7)).cache is HIT
    assert ask(opened(documents, endpoint.url, now=start + timedelta(days=7.01), cache_days=7)).cache is MISS


def test_what_nobody_waited_for_is_not_given_again(app: App) -> None:
    with wanted_while(lambda: False):
        ask(app)
    assert ask(app).cache is MISS


def test_what_its_caller_did_not_get_whole_is_not_given_again(app: App) -> None:
    first = ask(app)
    app.journal.append("interactions", [{**row_of(app, first), "cut": True}])
    assert ask(app).cache is MISS


def test_it_can_be_turned_off_and_is_off_where_nothing_is_saved(documents: Path, endpoint: ChatEndpoint) -> None:
    off = opened(documents, endpoint.url, cache="off")
    assert off.corpus.sync(documents).complete
    assert [ask(off).cache, ask(off).cache] == [CacheUse.OFF, CacheUse.OFF]
    free = opened(documents, endpoint.url, generator="extractive")
    assert [ask(free).cache, ask(free).cache] == [CacheUse.OFF, CacheUse.OFF]
    wanted = opened(documents, endpoint.url, generator="extractive", cache="on")
    assert [ask(wanted).cache, ask(wanted).cache] == [MISS, HIT]


def test_no_text_of_a_passage_is_kept_for_it(app: App) -> None:
    row = row_of(app, ask(app))
    assert len(row["reuse_key"]) == 64
    assert "noon" not in str(row)
