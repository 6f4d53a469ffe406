"""The terms of a sentence that are compared: words, numbers with their units, names and negations. Pure.

It is lexical: it knows units, months and negations of English, and the commonest of German, French, Spanish, Arabic and
Chinese.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from ragloop.language.forms import comparable
from ragloop.language.function_words import STOP
from ragloop.language.opposites import singular
from ragloop.language.sentences import END_MARKS
from ragloop.language.words import MARKS, is_unspaced, word_spans, words

_STEM = 5
_TOKENS = 65_536
"""Tokens of which it is kept what they are made of: texts share most of them."""
_TEXTS = 4_096
"""Statements whose tokens are kept: questions find the same passages again and again."""
_BEGINS = END_MARKS | {":"}
_PIECE = re.compile(rf"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z](?:[^\W\d_A-Z]|[{MARKS}])*+|\d+")
_MONTHS = ("january february march april may june july august september october november december").split()
_MONTH = "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + "|sept"
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?({_MONTH})\.?,? (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d,])")
_NE = re.compile(r"\bn['\u2019](?=[aeiouyh\u00e0-\u00ff])", re.IGNORECASE)
_DIGITS = {zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for digit in range(10)}
"""Decimal digits of Arabic, Persian, Hindi, Bengali and Thai texts."""
_NEGATIVE = re.compile(r"(?<![\w.)\]])[-\u2212](?=\d)")
_SIGNS = {"%": " percent ", "$": " dollar ", "\u20ac": " euro ", "\u00a3": " pound ", "\u00b0": " degree "}
_MEASURED = re.compile(r"(\d[\d.]*)-?([^\W\d_]+)")
_UNITS = {
    spelled: unit
    for unit, spellings in {
        "millisecond": "ms msec millisecond", "second": "s sec second segundo seconde sekunde sekunden "
        "\u062b\u0627\u0646\u064a\u0629 \u062b\u0648\u0627\u0646",
        "minute": "min minute minuto minuten \u062f\u0642\u064a\u0642\u0629 \u062f\u0642\u0627\u0626\u0642",
        "hour": "h hr hour hora heure stunde stunden \u0633\u0627\u0639\u0629 \u0633\u0627\u0639\u0627\u062a",
        "day": "day d\u00eda jour tage tagen \u064a\u0648\u0645 \u0623\u064a\u0627\u0645",
        "week": "week semana semaine woche wochen",
        "month": "month meses mois monat monate monaten", "year": "yr year a\u00f1o ann\u00e9e jahr jahre jahren",
        "percent": "percent", "dollar": "dollar usd",
        "euro": "euro eur", "pound": "pound gbp", "degree": "degree", "byte": "byte", "kilobyte": "kb kib kilobyte",
        "megabyte": "mb mib megabyte", "gigabyte": "gb gib gigabyte", "terabyte": "tb tib terabyte",
        "millimetre": "mm millimetre millimeter", "centimetre": "cm centimetre centimeter", "metre": "m metre meter",
        "kilometre": "km kilometre kilometer", "mile": "mi mile", "foot": "ft foot feet", "gram": "g gram",
        "kilogram": "kg kilogram", "ton": "ton tonne", "litre": "l litre liter", "watt": "w watt",
        "kilowatt": "kw kilowatt", "megawatt": "mw megawatt", "hertz": "hz hertz", "thousand": "thousand",
        "million": "million", "billion": "billion", "time": "times",
    }.items()
    for spelled in spellings.split()
}  # fmt: skip
_COUNTED = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100"}
_BETWEEN = frozenset("and to or \u2013 -".split())
_NEGATIONS = frozenset(
    "not no never none nothing nobody neither nor cannot without except unless excluding nicht nichts niemals nirgends "
    "kein keine keinen keiner nie ohne weder ne pas jamais sauf excepto salvo "
    "sans nunca sin \u0644\u0627 \u0644\u0645 \u0644\u0646 \u0644\u064a\u0633 \u0644\u064a\u0633\u062a "
    "\u063a\u064a\u0631 \u0628\u062f\u0648\u0646 \u062f\u0648\u0646 \u4e0d \u6ca1 \u6c92 \u7121 \u65e0 \u672a".split()
)
_SILENT = STOP | _NEGATIONS
_NOT = re.compile(r"n['\u2019]t\b", re.IGNORECASE)


@dataclass(frozen=True)
class Terms:
    """What is compared. `words` are stems; `numbers` hold "30" and "30 second", `kinds` the same by what they count."""

    words: frozenset[str]
    numbers: frozenset[str]
    measured: frozenset[str]
    kinds: frozenset[tuple[str, str]]
    names: frozenset[str]
    exact: frozenset[str]
    negations: int
    unspaced: bool


def content_words(text: str) -> frozenset[str]:
    """Return the words that carry meaning, in lower case."""
    return frozenset(word for word in folded(text) if word not in STOP)


def telling(tokens: Sequence[str]) -> frozenset[str]:
    """Return the tokens with a digit or a capital: numbers, names and identifiers."""
    return frozenset(
        singular(one)
        for one in tokens
        if any(letter.isdigit() or letter.isupper() for letter in one) and one.casefold() not in STOP
    )


@lru_cache(maxsize=65536)
def terms_of(text: str) -> Terms:
    """Return the terms of a text."""
    written = plain(text)
    raw = words(written)
    tokens = [one.casefold() for one in raw]
    numbers, kinds = _numbers(tokens)
    measured = frozenset(one for one in numbers if " " in one)
    bare = frozenset(one.partition(" ")[0] for one in measured)
    return Terms(
        words=frozenset(chain.from_iterable(map(stems, raw))),
        numbers=numbers | _parts_of_dates(numbers),
        measured=measured | (numbers - bare),
        kinds=kinds,
        names=_names(written),
        exact=frozenset(chain.from_iterable(map(_exact, raw))) | numbers,
        negations=sum(one in _NEGATIONS for one in tokens),
        unspaced=sum(map(is_unspaced, tokens)) > len(tokens) / 2,
    )


def plain(text: str) -> str:
    """Write dates as 2026-09-30, decimals with a point, thousands without commas, signs and contractions as words."""
    text = comparable(text).translate(_DIGITS)
    text = " ".join(_NE.sub("ne ", _NOT.sub(" not ", text)).split())
    text = _DAY_FIRST.sub(lambda found: _iso(found[3], found[2], found[1]), text)
    text = _MONTH_FIRST.sub(lambda found: _iso(found[3], found[1], found[2]), text)
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    text = _NEGATIVE.sub("minus_", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return text


def _iso(year: str, month: str, day: str) -> str:
    number = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month.lower()[:3]))
    return f"{year}-{number:02}-{int(day):02}"


def _numbers(tokens: Sequence[str]) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Find the numbers, also with their unit, each with its kind: the unit, a date, a version, or a plain number."""
    found, kinds = set[str](), set[tuple[str, str]]()
    for position, token in enumerate(tokens):
        number = _COUNTED.get(token, token)
        if not any(one.isdigit() for one in number):
            continue
        glued = _MEASURED.fullmatch(number)
        unit = _UNITS.get(singular(glued[2])) if glued else None
        number = glued[1] if glued and unit else number.removeprefix("v")
        unit = unit or _unit_after(tokens, position) or _unit_before(tokens, position)
        found |= {number, f"{number} {unit}"} if unit else {number}
        kinds.add((unit or _kind(number), number))
    return frozenset(found), frozenset(kinds)


def _unit_after(tokens: Sequence[str], position: int) -> str | None:
    """Return the unit that follows; in "18 and 30 kilograms" that of the second number is the first one's too."""
    for step in (1, 2, 3):
        if position + step >= len(tokens):
            return None
        token = tokens[position + step]
        if unit := _UNITS.get(token) or _UNITS.get(singular(token)):
            return unit if step != 2 or tokens[position + 1].isdigit() else None
        expected = _BETWEEN if step == 1 else ()
        if token not in expected and not (step <= 2 and token.replace(".", "").isdigit()):
            return None
    return None


def _unit_before(tokens: Sequence[str], position: int) -> str | None:
    before = tokens[position - 1] if position else ""
    return before if before in ("dollar", "euro", "pound") else None


def _kind(number: str) -> str:
    if _DATE.fullmatch(number):
        return "date"
    return "number" if number.isdigit() else "version"


def _parts_of_dates(numbers: frozenset[str]) -> frozenset[str]:
    dates = [found for one in numbers if (found := _DATE.fullmatch(one))]
    return frozenset(part for one in dates for part in (one[1], f"{one[1]}-{one[2]}"))


def _names(text: str) -> frozenset[str]:
    """Find the words that are capital inside a sentence, and those that no dictionary has: acronyms, identifiers."""
    found = set[str]()
    begins = True
    for start, end in word_spans(text):
        word = text[start:end]
        if word.islower() and "_" not in word:
            begins = text[end : end + 1] in _BEGINS
            continue
        inner = any(one.isupper() for one in word[1:]) or "_" in word
        if (inner or (word[0].isupper() and not begins)) and word.casefold() not in STOP:
            found.add(singular(word))
        begins = text[end : end + 1] in _BEGINS
    return frozenset(found)


@lru_cache(maxsize=_TOKENS)
def stems(token: str) -> tuple[str, ...]:
    """Return the first letters of the words that a token is made of; nothing of those that carry no meaning."""
    if (glued := _MEASURED.fullmatch(token)) and (unit := _UNITS.get(singular(glued[2]))):
        return (glued[1], unit[:_STEM])
    if any(one.isdigit() for one in token):
        return (token.casefold(), *(part.casefold()[:_STEM] for part in _PIECE.findall(token) if part.isalpha()))
    parts = _PIECE.findall(token) or [token]
    kept = (singular(part) for part in parts if part.casefold() not in _SILENT)
    return tuple(_UNITS.get(part, part)[:_STEM] for part in kept)


@lru_cache(maxsize=_TOKENS)
def _exact(token: str) -> tuple[str, ...]:
    """Return a token and the pieces that it is written of."""
    return tuple(singular(part) for part in (token, *_PIECE.findall(token)))


@lru_cache(maxsize=_TEXTS)
def tokens_of(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text in order."""
    return tuple(words(plain(text)))


@lru_cache(maxsize=_TEXTS)
def folded(text: str) -> tuple[str, ...]:
    """Return the tokens of a text without their case."""
    return tuple(one.casefold() for one in tokens_of(text))
