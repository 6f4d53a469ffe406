"""What a passage says: false sentences made of its own words are not taken for it, true ones are."""

import pytest

from ragloop.answering.support.says import answers, says
from ragloop.answering.support.statements import statements
from ragloop.records import Passage

SETTINGS = "[server]\nmax_connections = 100\ntimeout = 30\n"


@pytest.mark.parametrize(
    ("text", "false", "true"),
    [
        (SETTINGS, "timeout = 100", "timeout = 30"),
        (SETTINGS, "The server timeout is 100.", "The timeout is 30."),
        ("max_wait: 100 s\ntimeout: 30 s", "The timeout is 100 s.", "The timeout is 30 s."),
        ("The heater uses 5 kW; the pump uses 3 kW.", "The heater uses 3 kW.", "The pump uses 3 kW."),
        (
            "Die Anfrage endet nach 2,5 Sekunden.",
            "Die Anfrage endet nach 5 Sekunden.",
            "Die Anfrage endet nach 2.5 Sekunden.",
        ),
        ("Dateien werden niemals gelöscht.", "Dateien werden gelöscht.", "Dateien werden niemals gelöscht."),
        (
            "La sesión caduca a los 30 segundos.",
            "La sesión caduca a los 30 minutos.",
            "La sesión caduca a los 30 segundos.",
        ),
        ("لا يدعم النظام النسخ الاحتياطي.", "يدعم النظام النسخ الاحتياطي.", "لا يدعم النظام النسخ الاحتياطي."),
        ("المهلة ٣٠ ثانية.", "المهلة 40 ثانية.", "المهلة 30 ثانية."),
        (
            "Backups are kept in every plan except Basic.",
            "Backups are kept in Basic.",
            "Backups are kept in every plan except Basic.",
        ),
        ("Ce service n'est plus gratuit.", "Ce service est gratuit.", "Ce service n'est plus gratuit."),
    ],
)
def test_settings_clauses_and_other_languages_are_held_to_the_same(text: str, false: str, true: str) -> None:
    assert says(true, [passage(text, "")])
    assert not says(false, [passage(text, "")])


PORTS = "The server listens on port 8080 for HTTP and 8443 for HTTPS."
STAFF = "The company employs 500 people in Berlin and 300 in Paris."
HEAT = "The heater uses 5 kW and the pump uses 3 kW."
ENDS = "Version 7.0 ends in 2026, 6.0 in 2023."


@pytest.mark.parametrize(
    ("text", "false"),
    [
        (PORTS, "The server listens on port 8080 for HTTPS."),
        (PORTS, "The server listens on port 8443 for HTTP."),
        (STAFF, "The company employs 300 people in Berlin."),
        (STAFF, "The company employs 500 people in Paris."),
        (HEAT, "The heater uses 3 kW."),
        (HEAT, "The pump uses 5 kW."),
        (ENDS, "Version 7.0 ends in 2023."),
        (ENDS, "Version 6.0 ends in 2026."),
    ],
)
def test_of_two_values_in_one_statement_each_is_of_its_own(text: str, false: str) -> None:
    assert not says(false, [passage(text, "")])


@pytest.mark.parametrize(
    ("text", "true"),
    [
        (PORTS, "The server listens on port 8080 for HTTP."),
        (PORTS, "Port 8443 is for HTTPS."),
        (STAFF, "The company employs 500 people in Berlin."),
        (STAFF, STAFF),
        (HEAT, "The pump uses 3 kW."),
        (ENDS, "Version 7.0 ends in 2026."),
        (
            "Django 4.2 came in April 2023 and is supported until April 2026.",
            "Django 4.2 is supported until April 2026.",
        ),
    ],
)
def test_one_of_two_values_is_said_by_a_statement_of_both(text: str, true: str) -> None:
    assert says(true, [passage(text, "")])


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [("Which port is for HTTPS?", "8443", "8080"), ("Which port is used for HTTP?", "8080", "8443")],
)
def test_a_short_answer_is_of_what_was_asked_for(question: str, right: str, wrong: str) -> None:
    assert answers(question, right, [passage(PORTS, "")])
    assert not answers(question, wrong, [passage(PORTS, "")])


@pytest.mark.parametrize(
    ("text", "false"),
    [
        ("Backups are enabled by default.", "Backups are disabled by default."),
        ("The cache is unsafe across threads.", "The cache is safe across threads."),
        ("Deploy the database before the service.", "Deploy the database after the service."),
        ("A password has at least 8 characters.", "A password has at most 8 characters."),
        ("Prices rose in March.", "Prices fell in March."),
        ("The field is required.", "The field is optional."),
        ("This release is incompatible with 3.2.", "This release is compatible with 3.2."),
    ],
)
def test_the_opposite_is_not_said(text: str, false: str) -> None:
    assert says(text, [passage(text, "")])
    assert not says(false, [passage(text, "")])


def test_a_setting_answers_for_itself_alone() -> None:
    assert answers("What is the timeout?", "30", [passage(SETTINGS, "")])
    assert not answers("What is the timeout?", "100", [passage(SETTINGS, "")])


GATEWAY = (
    "Requests time out after 45 seconds. The pool keeps idle connections for 30 seconds. "
    "Since 2.4, uploads are not limited. Mirrors in Oslo hold 1,200 GB; Bergen has none."
)
CYCLES = """releases:
  - releaseCycle: "7.0"
    releaseDate: 2023-01-05
    eol: 2026-09-30
    latest: "7.0.84"

  - releaseCycle: "6.0"
    eol: 2023-09-30
    latest: "6.0.113"
"""


def passage(text: str, title: str = "Gateway") -> Passage:
    return Passage(1, 1.0, 0.9, "s", "file:///x", title, title, 0, len(text), text, "h", "c", "d", "r")


@pytest.mark.parametrize(
    "sentence",
    [
        "Requests time out after 30 seconds.",
        "Requests time out after 45 minutes.",
        "Requests time out after 46 seconds.",
        "Requests do not time out after 45 seconds.",
        "Requests never time out after 45 seconds.",
        "The pool keeps idle connections for 45 seconds.",
        "The pool keeps idle requests for 30 seconds.",
        "Since 2.4, uploads are limited.",
        "Since 2.5, uploads are not limited.",
        "Mirrors in Bergen hold 1,200 GB.",
        "Mirrors in Oslo hold 1,200 MB.",
        "Mirrors in Oslo hold 45 seconds.",
    ],
)
def test_a_false_sentence_of_the_passages_own_words_is_not_said(sentence: str) -> None:
    assert says(sentence, [passage(GATEWAY)]) == []


@pytest.mark.parametrize(
    ("sentence", "statement"),
    [
        ("Requests time out after 45 seconds.", 0),
        ("After 45 seconds, requests time out.", 0),
        ("A request times out after 45s.", 0),
        ("Idle connections are kept for 30 seconds.", 1),
        ("Uploads are not limited since 2.4.", 2),
        ("Mirrors in Oslo hold 1200 gigabytes.", 3),
    ],
)
def test_a_true_sentence_is_said_by_its_statement_in_other_order_and_spelling(sentence: str, statement: int) -> None:
    (said,) = says(sentence, [passage(GATEWAY)])
    assert said.statements == (statements("Gateway", GATEWAY)[statement],)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("2026-09-30", "eol: 2026-09-30"),
        ("It ends on September 30, 2026.", "eol: 2026-09-30"),
        ("30 September 2026", "eol: 2026-09-30"),
        ("2023-09-30", None),
        ("7.0.84 until 2023-09-30", None),
        ("It ends on September 29, 2026.", None),
    ],
)
def test_a_value_belongs_to_the_row_that_is_asked_for(answer: str, line: str | None) -> None:
    said = answers("When does support for Akeneo 7.0 end?", answer, [passage(CYCLES, "Akeneo")])
    assert [one.text for found in said for one in found.statements] == ([line] if line else [])


@pytest.mark.parametrize(("answer", "given"), [("45 seconds", True), ("30 seconds", False)])
def test_a_short_answer_must_stand_where_the_question_is_answered(answer: str, given: bool) -> None:
    assert bool(answers("How long until requests time out?", answer, [passage(GATEWAY)])) is given


def digests(text: str, heading: str = "Akeneo") -> dict[str, str]:
    return {f"{one.context} {one.text}": one.digest for one in statements(heading, text)}


def test_a_field_is_the_same_wherever_its_row_is_cut_from_the_others() -> None:
    whole, alone = digests(CYCLES), digests(CYCLES[CYCLES.index('- releaseCycle: "6.0"') :])
    fields = [key for key in alone if "eol" in key or "latest" in key]
    assert len(fields) == 2
    assert all(alone[one] == whole[one] for one in fields)


def test_equal_fields_of_two_rows_differ_and_so_does_one_whose_row_was_cut_off() -> None:
    text = "- cycle: 1\n  eol: 2026-01-01\n- cycle: 2\n  eol: 2026-01-01\n"
    one, other = [held.digest for held in statements("", text) if held.text.startswith("eol")]
    torn = statements("", "eol: 2026-01-01\n    latest: 3\n\n  - cycle: 2\n    eol: 2027-01-01\n")[0].digest
    assert len({one, other, torn}) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It ships in May. Bees fly.", "It ships in May. Wasps fly."),
        ("| Year | Owner |\n|---|---|\n| 1890 | Ida |", "| Year | Owner |\n|---|---|\n| 1889 | Eva |\n| 1890 | Ida |"),
        ("latest: '14'\neol: 2026", 'latest: "14"\neol: 2027'),
        ("1. Stop.\n2. Go home.\n", "1. Look.\n2. Stop.\n3. Go home.\n"),
    ],
)
def test_an_edit_beside_a_statement_leaves_its_digest(before: str, after: str) -> None:
    beside = {"It ships in May.", "Ida", "Stop.", "Go home.", "latest: '14'"}
    old = {held.digest for held in statements("", before) if held.text in beside}
    assert old
    assert old <= {held.digest for held in statements("", after)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Ships run daily. They stop at noon.", "Trains run daily. They stop at noon."),
        ("Supported:\n\n- Python 3.8\n", "Not supported:\n\n- Python 3.8\n"),
        ("| Year | Owner |\n|---|---|\n| 1890 | Ida |\n", "| Year | Tenant |\n|---|---|\n| 1890 | Ida |\n"),
        ("timeout\n    Default: 30.\n", "retries\n    Default: 30.\n"),
    ],
)
def test_a_statement_changes_with_what_gives_it_its_meaning(before: str, after: str) -> None:
    old, new = statements("", before)[-1], statements("", after)[-1]
    assert old.text == new.text
    assert old.digest != new.digest


def test_a_place_that_moves_with_every_edit_before_it_changes_nothing() -> None:
    assert digests("The code is 4711.", "Doors > page 3") == digests("The code is 4711.", "Doors > page 4")
    assert digests("The code is 4711.", "Doors") != digests("The code is 4711.", "Gates")


def test_every_word_of_a_chunk_stands_in_one_of_its_statements() -> None:
    text = "# A\n\n> quoted text: yes\n\n    code | b\n\n* one\n  two\n* three: 3\n\nlast"
    words = " ".join(one.text for one in statements("", text)).split()
    assert {"quoted", "code", "one", "two", "three:", "last", "A"} <= set(words)


def test_a_claim_without_end_is_said_by_nothing_and_costs_little() -> None:
    assert says("requests time out after 45 seconds " * 6_000, [passage(GATEWAY)]) == []
    assert answers("What?", "45 seconds " * 18_000, [passage(GATEWAY)]) == []
