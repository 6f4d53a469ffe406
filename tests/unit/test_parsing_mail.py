"""E-mail: headers, the body that the sender gave as text, the names of attachments."""

import email.policy
from email.message import EmailMessage

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.errors import DocumentError


def read(data: bytes) -> ParsedDocument:
    return parse(data, "message/rfc822", "a.eml")


def message(**headers: str) -> EmailMessage:
    made = EmailMessage(policy=email.policy.SMTP)
    for name, value in {
        "Subject": "Größe",
        "From": "Ann <ann@example.org>",
        "To": "ben@example.org",
        **headers,
    }.items():
        made[name] = value
    return made


def test_a_message_has_its_subject_as_title_and_heading() -> None:
    made = message()
    made.set_content("Hello Ben.\n\n- one\n- two\n")
    document = read(made.as_bytes())
    assert document.title == "Größe"
    assert [(one.kind, document.text[one.start : one.end], one.heading) for one in document.blocks] == [
        ("paragraph", "From: Ann <ann@example.org>\nTo: ben@example.org", ("Größe",)),
        ("paragraph", "Hello Ben.", ("Größe",)),
        ("list", "- one\n- two", ("Größe",)),
    ]


def test_the_plain_part_is_read_and_the_other_where_there_is_none() -> None:
    made = message()
    made.set_content("plain text")
    made.add_alternative("<p>rich <b>text</b></p>", subtype="html")
    assert "plain text" in read(made.as_bytes()).text
    assert "rich text" not in read(made.as_bytes()).text
    only = message()
    only.set_content("<h1>Offer</h1><p>rich <b>text</b></p>", subtype="html")
    assert read(only.as_bytes()).blocks[-1].heading == ("Größe", "Offer")


def test_attachments_are_named_and_not_read() -> None:
    made = message()
    made.set_content("See attached.")
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="bill.pdf")
    made.add_attachment("a text", filename="note.txt")
    text = read(made.as_bytes()).text
    assert text.endswith("Attachments: bill.pdf, note.txt")
    assert "a text" not in text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_a_message_saved_in_another_encoding_is_read(encoding: str) -> None:
    assert read("Subject: Hi\n\nGrüße\n".encode(encoding)).text == "Hi\n\nGrüße"


@pytest.mark.parametrize("charset", ["us-ascii", "utf-8", "no-such-charset", '"utf-8"Content-Transfer-Encoding: 8bit'])
def test_a_charset_that_is_wrong_or_unknown_does_not_stop_it(charset: str) -> None:
    data = f"Subject: Hi\nContent-Type: text/plain; charset={charset}\n\nGrüße aus Köln\n".encode()
    assert read(data).text == "Hi\n\nGrüße aus Köln"


def test_hebrew_in_its_own_order_is_decoded() -> None:
    body = "שלום לכולם".encode("iso8859-8")
    data = b"Subject: x\nContent-Type: text/plain; charset=iso-8859-8-i\nContent-Transfer-Encoding: 8bit\n\n" + body
    assert read(data).text.endswith("שלום לכולם")


def test_what_has_no_header_is_refused() -> None:
    with pytest.raises(DocumentError, match="found no header, expected an e-mail"):
        read(b"just some words")


@pytest.mark.parametrize(
    "header",
    [
        "Date: not a date",
        "From: <<<>>>@",
        "To: =?utf-8?q?broken",
        "Subject: =?no-such?b?////?=",
        "Content-Type: multipart/mixed",
        "Content-Type: text/plain; charset*=x''%",
        "Content-Disposition: attachment; filename*0*=",
        "Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=\x01",
    ],
)
def test_broken_headers_do_not_stop_it(header: str) -> None:
    assert "body" in read(f"X-Test: 1\n{header}\n\nbody text\n".encode()).text or "base64" in header
