"""Personal data in a text: addresses, numbers by which a person is reached, paid or registered. Pure.

A number counts where its form says what it is and, where it has check digits, these are right. Numbers that are written
in another form are missed, and so are the names of people, which have no form.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum


class Personal(StrEnum):
    """Kinds of personal data."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national-id"


def _is_no_example(found: str) -> bool:
    """Return whether an address may be somebody's: RFC 2606 reserves some domains, and `git@` is how one clones."""
    name, _, domain = found.casefold().rpartition("@")
    reserved = domain.endswith((".example", ".test", ".invalid", ".localhost"))
    return name != "git" and not reserved and domain not in ("example.com", "example.net", "example.org")


def _digits(found: str) -> str:
    return "".join(one for one in found if one.isdigit())


def _has_luhn_digit(found: str) -> bool:
    """Return whether the last digit checks the others (ISO/IEC 7812-1, annex B); one digit repeated is no card."""
    digits = [int(one) for one in reversed(_digits(found))]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(digits)]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _has_iban_digits(found: str) -> bool:
    """Return whether the check digits are right (ISO 13616: the number, its start moved to its end, is 1 mod 97)."""
    letters = "".join(found.split()).upper()
    return 15 <= len(letters) <= 34 and int("".join(str(int(one, 36)) for one in letters[4:] + letters[:4])) % 97 == 1


def _is_phone(found: str) -> bool:
    """Return whether it has as many digits as a number of E.164 with its country."""
    return 8 <= len(_digits(found)) <= 15


def _is_social_security_number(found: str) -> bool:
    """Return whether the number may be given out: no group is all zeros, and no area is 666 or above 899."""
    area, group, serial = found.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_cpf(found: str) -> bool:
    """Return whether the two check digits of a Brazilian number are right (weights down to 2, modulo 11)."""
    digits = [int(one) for one in _digits(found)]

    def check(count: int) -> int:
        rest = sum(digit * (count + 1 - place) for place, digit in enumerate(digits[:count])) * 10 % 11
        return rest % 10

    return len(set(digits)) > 1 and (check(9), check(10)) == (digits[9], digits[10])


def _is_dni(found: str) -> bool:
    """Return whether the letter checks a Spanish number: it stands at its remainder by 23."""
    number = found.upper().replace("-", "").replace(" ", "")
    digits = str("XYZ".find(number[0])) + number[1:-1] if number[0] in "XYZ" else number[:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


def _always(_: str) -> bool:
    return True


_FOUND: Mapping[Personal, tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]] = {
    Personal.EMAIL: (
        (
            re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![^\W_])"),
            _is_no_example,
        ),
    ),
    Personal.IBAN: ((re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _has_iban_digits),),
    Personal.CARD: ((re.compile(r"(?<![\w.-])\d{4}(?:[ -]?\d{3,6}){2,4}(?!-?\w)"), _has_luhn_digit),),
    Personal.NATIONAL_ID: (
        (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), _is_social_security_number),
        (re.compile(r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)"), _is_cpf),
        (re.compile(r"(?<!\w)(?:\d{8}|[XYZxyz]-?\d{7})-?[A-Za-z](?!\w)"), _is_dni),
        # British and Italian numbers, whose letters are form enough.
        (re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"), _always),
        (re.compile(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)"), _always),
    ),
    Personal.PHONE: (
        (re.compile(r"(?<![\w+.-])(?<!\d )(?:\+|00)[1-9](?:[ .()/-]{0,3}\d){7,36}(?!-?\w)"), _is_phone),
        (re.compile(r"(?<![\w.-])(?:\([2-9]\d{2}\) ?|[2-9]\d{2}-)\d{3}-\d{4}(?!-?\w)"), _always),
    ),
}
"""A card is looked for before a phone: what is both is the number that one pays with."""
_WRITTEN_IN_GROUPS = frozenset({Personal.IBAN, Personal.CARD, Personal.PHONE})
"""What follows such a number after a space may look like one more group of it: the code of a bank or of a card."""
_MAY_HOLD = re.compile(r"@|\d{2}")


def redacted(text: str, kinds: Iterable[Personal]) -> str:
    """Return a text in which the name of its kind stands in place of each piece of personal data: `<email>`."""
    if not _MAY_HOLD.search(text):
        return text
    wanted = frozenset(kinds)
    for kind, patterns in _FOUND.items():
        for pattern, holds in patterns if kind in wanted else ():
            text = _replaced(text, kind, pattern, holds)
    return text


def _replaced(text: str, kind: Personal, pattern: re.Pattern[str], holds: Callable[[str], bool]) -> str:
    """Put the name of the kind in place of what the pattern finds and `holds` confirms.

    What it does not confirm is looked at again from its second character on: a number may begin within it.
    """
    parts, at, start = [], 0, 0
    while found := pattern.search(text, start):
        candidates = _beginnings(found[0]) if kind in _WRITTEN_IN_GROUPS else (found[0],)
        held = next(filter(holds, candidates), "")
        start = found.start() + (len(held) or 1)
        if held:
            parts += [text[at : found.start()], f"<{kind}>"]
            at = start
    return "".join([*parts, text[at:]])


def _beginnings(found: str) -> Iterator[str]:
    """Yield a number, then without its last group, without its last two, and so on."""
    while found:
        yield found
        found = found.rpartition(" ")[0].rstrip()
