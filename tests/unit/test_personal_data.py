"""What is personal in a text, and what only looks like it."""

import time

import pytest

from ragloop.language.personal import Personal, redacted


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Write to anna.krüger+crm@mail.krueger.de, please.", "Write to <email>, please."),
        ("Call +49 (0)30 901820-15 or +1 415 555 2671.", "Call <phone> or <phone>."),
        ("Call 0044 20 7946 0958, or (415) 555-2671.", "Call <phone>, or <phone>."),
        ("Paid with 4111 1111 1111 1111 and 378282246310005.", "Paid with <card> and <card>."),
        ("To DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432.", "To <iban> or <iban>."),
        ("SSN 536-22-8726, CPF 529.982.247-25.", "SSN <national-id>, CPF <national-id>."),
        ("DNI 12345678Z, NIE X1234567L.", "DNI <national-id>, NIE <national-id>."),
        ("NINO AB 12 34 56 C", "NINO <national-id>"),
        ("Codice fiscale RSSMRA85T10A562S", "Codice fiscale <national-id>"),
        ("IBAN BE68 5390 0754 7034 BIC GEBABEBB", "IBAN <iban> BIC GEBABEBB"),
        ("Card 4111 1111 1111 1111 123 and 4111111111111111 737.", "Card <card> 123 and <card> 737."),
        ("Room 4567 4111 1111 1111 1111", "Room 4567 <card>"),
        ("+49 170 1234567 2026 1234", "<phone> 2026 1234"),
        ("anna@krueger.de- and _anna@krueger.de_", "<email>- and <email>_"),
    ],
)  # fmt: skip
def test_personal_data_is_found_in_each_form(text: str, without: str) -> None:
    assert redacted(text, Personal) == without


@pytest.mark.parametrize(
    "text",
    [
        "Clone git@github.com:ragloop/ragloop.git and write to you@example.com.",
        "Version 4.2.16 of 2024-09-03, port 5432, 1,048,576 bytes.",
        "4111 1111 1111 1112 has a wrong digit, and so has DE88 3704 0044 0532 0130 00.",
        "000-12-3456 was never given out, 529.982.247-26 neither, 12345678A neither.",
        "0000 0000 0000 0000 and 192.168.100.200 and 2001:db8::8a2e:370:7334",
        "uuid 123e4567-e89b-12d3-a456-426614174000, sha 4111111111111111af",
        "@decorator, user@host, 5 + 4 and +3",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redacted(text, Personal) == text


def test_only_the_kinds_that_are_wanted_go() -> None:
    text = "a@b.de, +49 30 9018200"
    assert redacted(text, [Personal.PHONE]) == "a@b.de, <phone>"
    assert redacted(text, []) == text


@pytest.mark.parametrize("hostile", [f"+{'12345678' * 5}a ", "00" + "1" * 38 + "a ", "+1 2-3a 4111 "])
def test_numbers_that_are_nearly_one_take_no_long_look(hostile: str) -> None:
    began = time.process_time()
    assert redacted(hostile * 800, Personal) == hostile * 800
    assert time.process_time() - began < 1
