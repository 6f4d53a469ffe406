"""Questions as people ask them of a small handbook, with the default embedder and the reranker that is at hand."""

from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.config.answering import RetrievalSettings
from ragloop.records import Answer

pytestmark = pytest.mark.realmodel

_PADDING = "\n\n".join(
    f"## Shift {n}\n\nThe crew of shift {n} meets at the quay, checks the ropes and the scaler, and writes the log."
    for n in range(12)
)
DOCUMENTS = {
    "plans.md": """# Plans

What a berth costs in a month:

| Plan | Berths | Price |
|------|-------:|------:|
| Skiff | 3 | 0 |
| Ketch | 40 | 12 |
| Fleet | 500 | 99 |
""",
    "errors.md": """# Codes

- QX_5520: the lease of the berth ran out
- QX_5521: the anchor chain is too short
- QX_5530: nobody is on the quay
""",
    "releases.md": """# Releases

- v2.3.40 paints the hull green.
- v2.3.4 paints the hull blue.
- 3.0.0-rc.1 paints nothing.
""",
    "queue.md": """# The queue

To unpause the queue, run `harbour queue unpause`. It goes on where it stood.
""",
    "ship.md": """---
title: Shipping a crate
tags: [shipping, crate]
---
# Shipping

To ship a crate to another harbour, weigh it and send it:

```sh
harbour weigh --all
harbour send crate[0] --to north
```

The receipt arrives by mail.
""",
    "scaler.md": f"# The scaler\n\nThe scaler starts pumps when the tide rises.\n\n{_PADDING}\n\n"
    "## Limits\n\nThe wombat quota is 17 pumps a day.\n",
    "manual/2.17/ferry.md": "# Ferry\n\nThe ferry holds 20 cars and leaves from the north quay at nine each morning.\n",
    "manual/2.19/ferry.md": "# Ferry\n\nThe ferry holds 35 cars and leaves from the north quay at nine each morning.\n",
    **dict.fromkeys(
        ("copies/a.md", "copies/b.md", "copies/c.md"),
        "# Lamp\n\nThe lamp of the lighthouse turns every twelve seconds, and is lit at dusk by the keeper.\n",
    ),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("handbook")
    for key, text in DOCUMENTS.items():
        file = folder / "docs" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    app = App(Settings(home=folder / "home", retrieval=RetrievalSettings(reranker="auto")))
    app.corpus.sync(folder / "docs")
    return app


def ask(app: App, question: str) -> Answer:
    return app.answering.answerer.ask(question)


def first(app: App, question: str) -> str:
    return Path(app.answering.search(question).passages[0].uri).name


def test_an_error_code_asked_alone_gives_its_line(app: App) -> None:
    assert ask(app, "QX_5521").answer == "QX_5521: the anchor chain is too short [1]"


def test_a_number_leads_to_its_row_with_the_names_of_its_columns(app: App) -> None:
    assert ask(app, "Which plan has 40 berths?").answer == (
        "| Plan | Berths | Price |\n| --- | --- | --- |\n| Ketch | 40 | 12 |\n[1]"
    )


def test_a_version_is_not_the_beginning_of_another_one(app: App) -> None:
    answer = ask(app, "What does v2.3.4 paint?").answer
    assert "blue" in answer
    assert "green" not in answer


def test_a_release_candidate_is_found_as_it_stands(app: App) -> None:
    assert "3.0.0-rc.1 paints nothing" in ask(app, "What does 3.0.0-rc.1 do?").answer


def test_the_one_passage_with_a_rare_word_is_found(app: App) -> None:
    assert "17 pumps" in ask(app, "wombat quota of the scaler").answer


@pytest.mark.parametrize(
    "question",
    [
        "How do I sort a list in COBOL?",
        "What is new in Harbour 7.3?",
        "What does QX_9999 mean?",
        "Who painted the Mona Lisa?",
        "ท่าเรืออยู่ที่ไหน",
        "⚓⚓⚓",
        "Какая столица Монголии?",
    ],
)
def test_what_no_document_tells_is_not_answered(app: App, question: str) -> None:
    answer = ask(app, question)
    assert answer.abstained
    assert answer.decisions["abstain"]


def test_how_to_undo_something_is_no_answer_to_how_to_do_it(app: App) -> None:
    assert "unpause" not in ask(app, "How do I pause the queue?").answer
    assert "harbour queue unpause" in ask(app, "How do I unpause the queue?").answer


def test_code_stays_whole_and_has_neither_full_stop_nor_mark_inside(app: App) -> None:
    answer = ask(app, "How do I ship a crate to another harbour?").answer
    assert "```sh\nharbour weigh --all\nharbour send crate[0] --to north\n```\n[1]" in answer
    assert "title:" not in answer


def test_a_question_that_names_a_version_gets_that_version(app: App) -> None:
    assert "20 cars" in ask(app, "How many cars does the ferry hold in 2.17?").answer
    assert "35 cars" in ask(app, "How many cars does the ferry hold in 2.19?").answer


def test_of_versions_the_newest_answers_a_question_that_names_none(app: App) -> None:
    answer = ask(app, "How many cars does the ferry hold?")
    assert "35 cars" in answer.answer
    assert "20 cars" not in answer.answer


def test_copies_take_one_place_and_their_sentence_stands_once(app: App) -> None:
    answer = ask(app, "How often does the lamp of the lighthouse turn?")
    assert answer.answer.count("twelve seconds") == 1
    assert sum("twelve seconds" in one.text for one in answer.passages) == 1
    # Two of the lamp; the ferry of the older version is no copy.
    passed = "2 passages were passed over that say what another one says, 1 of versions that are not asked for"
    assert answer.decisions["retrieve"] == passed


def test_front_matter_is_not_found_first(app: App) -> None:
    passages = app.answering.search("shipping a crate").passages
    assert not passages[0].text.startswith("---")


def test_decisions_are_in_the_log(app: App) -> None:
    answer = ask(app, "What does QX_9998 mean?")
    row = next(one for one in app.journal.interactions().to_pylist() if one["interaction_id"] == answer.interaction_id)
    assert dict(row["decisions"])["abstain"] == "no passage has QX_9998"
