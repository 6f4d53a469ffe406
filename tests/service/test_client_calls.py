"""What chat clients ask on their own is answered without a search and is not logged."""

import json

import pytest

from tests.support.served import QUESTION, Served, chat, text_of
from tests.support.word_embedder import WordEmbedder

HISTORY = f"\n### Chat History:\n<chat_history>\nUSER: {QUESTION}\nASSISTANT: Ada. [1]\n</chat_history>"
TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history." + HISTORY
TAGS = "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history" + HISTORY
FOLLOW_UPS = (
    "### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask" + HISTORY
)
NEXT = (  # as 0.12.4 words it
    "### Task:\nPredict 3-5 useful messages this user might naturally send next to advance their current objective."
    + HISTORY
)
EMOJI = (
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji. Interpret emotions from "
    f"the message and reflect their facial expression using fitting, diverse emojis.\n\nMessage: ```{QUESTION}```"
)
QUERIES = "### Task:\nAnalyze the chat history to determine the necessity of generating search queries" + HISTORY
COMPLETION = "### Task:\nYou are an autocompletion system. Continue the text in `<text>`" + HISTORY
LIBRECHAT = (
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title "
    f"itself.\n\nConversation:\nUser: {QUESTION}\nAI: Ada."
)


def content(service: Served, messages: list[dict[str, str]]) -> str:
    reply = service.api.post("/v1/chat/completions", json={"model": "ragloop", "messages": messages})
    assert reply.status_code == 200, reply.text
    assert reply.json()["ragloop"]["interaction_id"] is None
    return str(reply.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (TITLE, {"title": "Who keeps the bees"}),
        (TAGS, {"tags": []}),
        (FOLLOW_UPS, {"follow_ups": []}),
        (NEXT, {"follow_ups": []}),
        (QUERIES, {"queries": []}),
        (COMPLETION, {"text": ""}),
    ],
)
def test_a_task_of_open_webui_gets_the_json_that_it_asks_for(
    service: Served, prompt: str, expected: dict[str, object]
) -> None:
    embedder = service.app.embedder
    assert isinstance(embedder, WordEmbedder)
    before, embedded = len(service.logged()), len(embedder.embedded)
    assert json.loads(content(service, [{"role": "user", "content": prompt}])) == expected
    assert len(service.logged()) == before
    assert len(embedder.embedded) == embedded


def test_the_emoji_of_open_webui_is_no_question(service: Served) -> None:
    before = len(service.logged())
    assert content(service, [{"role": "user", "content": EMOJI}]) == "\N{SPEECH BALLOON}"
    assert len(service.logged()) == before


def test_the_title_of_librechat_is_made_of_what_was_said_first(service: Served) -> None:
    before = len(service.logged())
    assert content(service, [{"role": "user", "content": LIBRECHAT}]) == "Who keeps the bees"
    messages = [{"role": "user", "content": "When does the ferry leave?"}, {"role": "user", "content": LIBRECHAT}]
    assert content(service, messages) == "When does the ferry leave"
    assert text_of(service.events(LIBRECHAT)) == "Who keeps the bees"
    assert len(service.logged()) == before


@pytest.mark.parametrize(
    "question",
    [
        "### Task: list what the bees need",
        "What is a good title for the conversation?",
        "Which tags do the bees carry?",
    ],
)
def test_what_a_person_asks_in_such_words_is_a_question(service: Served, question: str) -> None:
    reply = service.api.post("/v1/chat/completions", json=chat(question)).json()
    assert service.app.journal.answer(reply["ragloop"]["interaction_id"])["question"] == question
