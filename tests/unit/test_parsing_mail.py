"""E-mail: headers, the body that the sender gave as text, the names of attachments."""

import email.policy
from email.message import EmailMessage

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.decoding import decode
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


def part(text: str, subtype: str) -> EmailMessage:
    made = EmailMessage(policy=email.policy.SMTP)
    made.set_content(text, subtype=subtype)
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


def test_attachments_that_have_a_parser_are_read_and_of_others_it_is_said() -> None:
    made = message()
    made.set_content("See attached.")
    made.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="bill.pdf")
    made.add_attachment(b"\x01", maintype="application", subtype="x-drawing", filename="plan.dwg")
    made.add_attachment("# Terms\n\nPay within ten days.", filename="terms.md")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    document = read(made.as_bytes())
    assert document.text.endswith("Attachments: bill.pdf, plan.dwg, terms.md, logo.png")
    terms = next(one for one in document.blocks if "ten days" in document.text[one.start : one.end])
    assert terms.heading == ("Größe", "terms.md", "Terms")
    assert [one.split(" was not read")[0] for one in document.left_out] == [
        "the attachment bill.pdf",
        "the attachment plan.dwg",
    ]


@pytest.mark.parametrize("plain", ["", "\n \n", "Please use a mail reader that shows pages."])
def test_a_plain_part_that_holds_less_is_no_version_of_the_page(plain: str) -> None:
    made = message()
    made.set_content(plain)
    made.add_alternative(
        "<p>The lift is out of order until Friday, please take the stairs at the back.</p>", subtype="html"
    )
    text = read(made.as_bytes()).text
    assert "until Friday" in text
    assert "mail reader" not in text


def test_a_plain_part_that_only_asks_for_html_is_no_message_however_short_the_page_is() -> None:
    made = message()
    made.set_content("To see this message turn on HTML in the settings of your reader.")
    made.add_alternative("<p>Turn the wheel.</p>", subtype="html")
    text = read(made.as_bytes()).text
    assert text.endswith("Turn the wheel.")
    assert "settings" not in text
    empty = message()
    empty.set_content("We moved to HTML five.")
    empty.add_alternative("<html><body></body></html>", subtype="html")
    assert "HTML five" in read(empty.as_bytes()).text


def test_parts_side_by_side_are_all_read() -> None:
    made = message()
    made.set_content("First the summary.")
    made.make_mixed()
    made.attach(part("<p>Then the <b>whole</b> report.</p>", "html"))
    made.attach(part("Sent through the list of the house.", "plain"))
    text = read(made.as_bytes()).text
    assert all(one in text for one in ("First the summary.", "Then the whole report.", "the list of the house"))


def test_a_message_inside_another_keeps_its_headers() -> None:
    inner = message()
    inner.replace_header("Subject", "Broken pump")
    inner.set_content("It leaks at the flange.")
    made = message()
    made.set_content("As discussed.")
    made.add_attachment(inner)
    document = read(made.as_bytes())
    leak = next(one for one in document.blocks if "flange" in document.text[one.start : one.end])
    assert leak.heading == ("Größe", "Broken pump")
    assert document.text.count("From: ") == 2


@pytest.mark.parametrize("kind", ["message/rfc822", "application/octet-stream"])
def test_messages_inside_each_other_are_read_to_a_depth_and_the_rest_is_said(kind: str) -> None:
    data = b"Subject: number 0\n\nThe innermost.\n"
    for number in range(1, 300):
        bound = f"b{number}"
        data = (
            (
                f"Subject: number {number}\nContent-Type: multipart/mixed; boundary={bound}\n\n--{bound}\n"
                f"Content-Type: {kind}\nContent-Disposition: attachment; filename=inside.eml\n\n"
            ).encode()
            + data
            + f"\n--{bound}--\n".encode()
        )
    document = read(data)
    assert [f"number {one}" in document.text for one in (299, 298, 297, 296, 295, 0)] == [True] * 4 + [False] * 2
    assert len(document.left_out) == 1


@pytest.mark.parametrize(("text", "charset"), [("ķēde", "windows-1257"), ("ΰα", "windows-1253")])
def test_a_word_is_read_in_the_encoding_that_its_part_names(text: str, charset: str) -> None:
    body = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\n".encode() + text.encode(charset)
    assert read(body).text == f"x\n\n{text}"
    assert decode(text.encode(charset), "unnamed").text != text, "too short to be told by its language"


def test_an_invitation_alone_is_read_as_its_what_when_and_where() -> None:
    made = message()
    made.set_content(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Fire drill\\, all floors\nDTSTART;TZID=Europe/Oslo:20260504T091500\n"
        "LOCATION:Yard\nUID:1@x\nEND:VEVENT\nEND:VCALENDAR\n",
        subtype="calendar",
    )
    assert read(made.as_bytes()).text.endswith("What: Fire drill, all floors\nFrom: 2026-05-04 09:15\nWhere: Yard")


@pytest.mark.parametrize(
    ("subtype", "name", "said"),
    [
        ("ms-tnef", "winmail.dat", "winmail.dat"),
        ("pkcs7-mime", "smime.p7m", "encrypted"),
        ("octet-stream", "winmail.dat", "winmail"),
    ],
)
def test_a_body_that_cannot_be_read_is_said(subtype: str, name: str, said: str) -> None:
    made = message()
    made.set_content("")
    made.add_attachment(b"\x78\x9f", maintype="application", subtype=subtype, filename=name)
    (only,) = read(made.as_bytes()).left_out
    assert said in only


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


def test_a_saved_web_page_is_read_as_a_message() -> None:
    made = message(Subject="Weirs", **{"Content-Location": "https://example.org/"})
    made.set_content("<title>Weirs</title><h1>How weirs work</h1><p>They hold water.</p>", subtype="html")
    made.add_related(b"\x89PNG", "image", "png", headers=["Content-Location: https://example.org/a.png"])
    document = parse(made.as_bytes(), media_type("weirs.mhtml") or "", "weirs.mhtml")
    last = document.blocks[-1]
    assert (last.heading, document.text[last.start : last.end]) == (("Weirs", "How weirs work"), "They hold water.")


def test_a_calendar_is_a_document_with_a_paragraph_for_each_event() -> None:
    events = b"".join(
        b"BEGIN:VEVENT\r\nSUMMARY:%s\r\nDTSTART;VALUE=DATE:2026122%d\r\nEND:VEVENT\r\n" % (name, day)
        for day, name in enumerate((b"Lift out", b"Launch"))
    )
    document = parse(b"BEGIN:VCALENDAR\r\n" + events + b"END:VCALENDAR\r\n", media_type("a.ics") or "", "a.ics")
    assert [document.text[one.start : one.end] for one in document.blocks] == [
        "What: Lift out\nFrom: 2026-12-20",
        "What: Launch\nFrom: 2026-12-21",
    ]


def test_a_message_that_is_encrypted_in_its_text_is_said() -> None:
    body = "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA0abc\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"
    document = read(f"Subject: Keys\r\nFrom: a@b.example\r\n\r\n{body}".encode())
    assert "PGP" not in document.text
    assert document.left_out == ("the message is encrypted and was not read",)
