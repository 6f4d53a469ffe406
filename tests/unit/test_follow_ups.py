"""Questions as they read without their conversation: follow-ups, parts, short forms, secrets."""

import pytest

from ragloop.answering.conversation.acronyms import expanded, meaning_in, short_forms
from ragloop.answering.conversation.follow_ups import whole
from ragloop.answering.conversation.parts import parts_of
from ragloop.answering.conversation.rewriting import Rewriting
from ragloop.answering.conversation.screening import LONGEST_QUESTION, MASK, screened
from ragloop.answering.conversation.topics import topic_of
from ragloop.answering.conversation.written import rewriting_prompt, taken
from ragloop.errors import UsageError
from ragloop.records import Earlier

FOLLOWED = (
    ("How do I install Black on Linux?", "and on Windows?", "How do I install Black on Windows?"),
    ("How do I install Black?", "And on Windows?", "How do I install Black on Windows?"),
    ("What changed in pytest 6.2?", "what about 5.1?", "What changed in pytest 5.1?"),
    ("Does black run on CPython 3.12?", "What about PyPy?", "Does black run on PyPy?"),
    ("What does --lf do?", "What about --ff?", "What does --ff do?"),
    ("What is debug mode?", "How do I disable it?", "How do I disable debug mode?"),
    ("What does the --fast option do?", "how do I disable it?", "how do I disable the --fast option?"),
    ("How do I enable the debugger in Flask?", "Can I turn it off?", "Can I turn the debugger in Flask off?"),
    ("Does Black reformat comments?", "why?", "Why does Black reformat comments?"),
    ("How do I mark a test as xfail?", "In which file?", "How do I mark a test as xfail, in which file?"),
    ("What is the line length?", "What is the default?", "What is the default (the line length)?"),
    ("What is a fixture?", "How do I override one?", "How do I override one (a fixture)?"),
    ("What are markers in pytest?", "How do I register my own?", "How do I register my own (markers in pytest)?"),
)


@pytest.mark.parametrize(("before", "asked", "wanted"), FOLLOWED)
def test_a_follow_up_takes_what_it_lacks(before: str, asked: str, wanted: str) -> None:
    assert whole(asked, [Earlier(before)]) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        "How do I mock a function of a library?",
        "Is it possible to run tests in parallel?",
        "How long does it take to format a file?",
        "Where does pytest store its cache?",
        "When I register a blueprint, can I give it a prefix?",
        "How do I tell the app that it stands behind one reverse proxy?",
        "How do I run one test with several inputs?",
        "How do I hash a password before it is saved?",
        "How do I install `this` package?",
        "What is the default of --maxfail?",
        "Thanks!",
        "Wie lange ist mein Reisepass gültig?",
        "如何申请签证?",
    ],
)
def test_a_question_that_stands_alone_stays_to_the_letter(asked: str) -> None:
    assert whole(asked, [Earlier("How do I skip a test on Windows?")]) == asked
    assert whole(asked, []) == asked


def test_a_follow_up_of_a_follow_up_goes_back_to_the_topic() -> None:
    said = [Earlier("What is a fixture?"), Earlier("How do I override it?"), Earlier("Thanks!")]
    assert whole("Can I list them?", said) == "Can I list a fixture?"
    assert whole("And on Windows?", []) == "And on Windows?"


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What does the --fast option do?", "the --fast option"),
        ("How do I run Flask under Gunicorn?", "Flask under Gunicorn"),
        ("Where does black keep its cache?", "cache in black"),
        ("Which port does the development server listen on?", "port of the development server"),
        ("How do I add black to pre-commit?", "black"),
        ("Is it safe to use Black?", "Black"),
    ],
)
def test_the_topic_of_a_question_is_in_its_own_words(question: str, topic: str) -> None:
    assert topic_of(question) == topic


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What is a fixture? How do I override it?", ("What is a fixture?", "How do I override a fixture?")),
        (
            "How do I install Black and how do I configure it?",
            ("How do I install Black?", "How do I configure Black?"),
        ),
        (
            "1. How do I skip a test? 2. How do I time a test?",
            ("How do I skip a test?", "How do I time a test?"),
        ),
    ],
)
def test_several_questions_are_parted(text: str, parts: tuple[str, ...]) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "I only want to know whether files would be rewritten, without touching them. How?",
        "How do I run the tests in parallel? Is it possible?",
        "Explain what fixtures are and how they work",
        "I have an app. How do I run it with debug?",
        "How do I set up and tear down a database?",
        "Can I use black and isort?",
        "What does the error 'why? how?' mean?",
        "How do I a? How do I b? How do I c1? How do I d1? How do I e1?",
    ],
)
def test_one_question_stays_one(text: str) -> None:
    assert parts_of(text) == (text,)


def test_short_forms_are_spelled_out_as_documents_define_them() -> None:
    text = "Records are kept by the Time To\nLive (TTL) of a zone. The NIC (network interface card) is of no use."
    assert meaning_in("TTL", [text]) == "Time To Live"
    assert meaning_in("NIC", [text]) == "network interface card"
    assert meaning_in("NIC", ["Such a card (NIC) is fast."]) == ""
    assert short_forms("What is the TTL of an API zone?") == ("TTL",)
    assert short_forms("WHAT IS THE TTL OF A ZONE") == ()
    assert expanded("Set the TTL", {"TTL": "time to live"}, frozenset(("TTL",))) == "Set the time to live (TTL)"
    assert expanded("Set the TTL", {"TTL": "time to live"}, frozenset()) == "Set the time to live"
    assert expanded("Set the time to live, TTL", {"TTL": "time to live"}, frozenset()) == "Set the time to live, TTL"


def test_nothing_is_rewritten_where_that_is_off() -> None:
    found = Rewriting(is_on=False).of("and on Windows?", [Earlier("How do I install Black?")])
    assert found.questions == ("and on Windows?",)
    assert not found.why


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("AKIA" + "IOSFODNN7EXAMPLE", "AWS"),
        ("rl-" + "Zk3_" * 10 + "abc", "ragloop"),
        ("ghp_" + "a1B2" * 9, "GitHub"),
        ("sk-ant-" + "api03-" + "x9" * 20, "Anthropic"),
        ("sk-proj-" + "Zz09" * 10, "OpenAI"),
        ("hf_" + "AbCd" * 9, "Hugging Face"),
        ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl", "web token"),
        ("-----BEGIN RSA PRIVATE KEY----- MIIEow abc -----END RSA PRIVATE KEY-----", "private key"),
        ("api_key = " + "0123456789abcdef0123", "secret key"),
    ],
)
def test_a_secret_in_a_question_is_masked(secret: str, kind: str) -> None:
    found = screened(f"Why is {secret} refused?")
    assert found.question == f"Why is {MASK} refused?"
    assert kind in found.changed
    assert secret not in found.changed


def test_a_password_in_an_address_is_masked_and_the_address_stays() -> None:
    assert screened("Is postgres://me:hunter22@db/x right?").question == f"Is postgres://{MASK}@db/x right?"


@pytest.mark.parametrize(
    "question",
    [
        "What is SESSION_COOKIE_SECURE good for?",
        "How do I set api_key: in the settings?",
        "What does commit 3fa85f64c5717a4562b3fc2c963f66afa6e0a1b2 change?",
        "Why does sk-learn fail with https://example.org/a/b?c=d ?",
        "می‌خواهم 👩‍💻 بدانم",
    ],
)
def test_what_is_no_secret_stays(question: str) -> None:
    found = screened(question)
    assert (found.question, found.changed) == (question, "")


def test_characters_that_show_nothing_are_taken_out() -> None:
    found = screened("pay\u200bload \u202egood\x00\x1b[31m day\U000e0041")
    assert found.question == "payload good[31m day"
    assert "show nothing" in found.changed
    assert screened("\u200b").question == "\u200b"
    with pytest.raises(UsageError, match="empty"):
        screened(" \n ")
    with pytest.raises(UsageError, match="shorten"):
        screened("a" * (LONGEST_QUESTION + 1))


def test_of_a_model_only_a_question_that_was_asked_is_taken() -> None:
    said = [Earlier("How do I install Black on Linux?", "Use pip [1].")]
    asked = "and with --user on Windows?"
    good = "How do I install Black with --user on Windows?"
    assert taken(f'"{good}"\n', asked, said) == good
    assert taken("How do I install Black on Windows?", asked, said) == ""  # an exact term is lost
    assert taken("Who won the cup with --user in Mongolia, and which planets did Windows see?", asked, said) == ""
    assert taken(f"Sure!\n{good}", asked, said) == ""
    assert taken("", asked, said) == ""
    shown = rewriting_prompt(asked, said).messages[1]["content"]
    assert shown.splitlines() == [
        "Question: How do I install Black on Linux?",
        "Answer: Use pip [1].",
        f"Last question: {asked}",
    ]
