"""Outlook messages: what is none is refused; real ones are read by the tests of real documents."""

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.errors import DocumentError

KIND = "application/vnd.ms-outlook"


def test_a_message_is_told_by_its_suffix() -> None:
    assert media_type("letters/Visit.MSG") == KIND


@pytest.mark.parametrize("data", [b"", b"From: a\n\ntext", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_what_is_no_compound_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="expected an Outlook message"):
        parse(data, KIND, "visit.msg")
