"""Outlook messages, made for the tests; real ones are read by the tests of real documents."""

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.office.compressed_rtf import decompressed
from ragloop.errors import DocumentError
from tests.support.compound_file import compound_file

KIND = "application/vnd.ms-outlook"
RTF = rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"
COMPRESSED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The example of [MS-OXRTFCP] 3.1."""


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def properties(values: Mapping[str, bytes]) -> dict[str, Any]:
    return {f"__substg1.0_{tag}": value for tag, value in values.items()}


def message(values: Mapping[str, bytes], more: Mapping[str, Any] | None = None) -> bytes:
    named = properties({"0037001F": wide("Pier visit"), **values})
    return compound_file({"__properties_version1.0": bytes(32), **named, **(more or {})})


def test_a_message_is_told_by_its_suffix() -> None:
    assert media_type("letters/Visit.MSG") == KIND


@pytest.mark.parametrize("data", [b"", b"From: a\n\ntext", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_what_is_no_compound_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="expected an Outlook message"):
        parse(data, KIND, "visit.msg")


def test_a_body_that_is_compressed_rtf_is_read() -> None:
    document = parse(message({"10090102": COMPRESSED}), KIND, "visit.msg")
    assert "Pier visit" in document.text
    assert document.text.endswith("hello world")
    assert document.left_out == ()


def test_a_body_in_plain_text_comes_before_one_in_rtf() -> None:
    text = parse(message({"1000001F": wide("The boat is late."), "10090102": COMPRESSED}), KIND, "visit.msg").text
    assert text.endswith("The boat is late.")


@pytest.mark.parametrize("stored", [b"x" * 20, COMPRESSED[:8] + b"????" + COMPRESSED[12:]])
def test_a_body_in_an_unknown_form_is_said(stored: bytes) -> None:
    document = parse(message({"10090102": stored}), KIND, "visit.msg")
    assert document.left_out == ("its body is RTF in an unknown form, which was not read",)


def test_messages_and_files_inside_are_read() -> None:
    inside = {
        "__properties_version1.0": bytes(24),
        **properties({"0037001F": wide("Older"), "1000001F": wide("Moor here.")}),
    }
    attached = {
        "__attach_version1.0_#00000000": {"__substg1.0_3701000D": inside},
        "__attach_version1.0_#00000001": properties(
            {"3707001F": wide("tides.csv"), "37010102": b"Place,High\nHamn,07:12\n"}
        ),
    }
    text = parse(message({"1000001F": wide("See below.")}, attached), KIND, "visit.msg").text
    assert all(said in text for said in ("See below.", "Older", "Moor here.", "Hamn | 07:12"))


@pytest.mark.parametrize(
    ("stored", "rtf"),
    [
        (COMPRESSED, RTF),
        (COMPRESSED[:-4], RTF[:-2]),
        (struct.pack("<II4sI", len(RTF) + 12, len(RTF), b"MELA", 0) + RTF, RTF),
        (b"", b""),
        # The second item repeats what it is itself writing, the third ends.
        (struct.pack("<II4sI", 18, 18, b"LZFu", 0) + bytes([0b110]) + b"x" + b"\x0c\xff" + b"\x0e\x10", b"x" * 18),
    ],
    ids=["the example of the specification", "cut", "stored as it is", "empty", "repeated"],
)
def test_rtf_is_unpacked_as_it_was(stored: bytes, rtf: bytes) -> None:
    assert decompressed(stored) == rtf
