"""Number formats of Excel (ECMA-376, part 1, 18.8.31): a number as its cell shows it, such as 15.50%, 01234 or 36:00.

Dates are written as ISO dates, whatever their format: 03/04/2024 can be read in two ways. Colours, widths and the names
of weekdays are left out.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, takewhile

_TOKEN = re.compile(
    r'"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]?|General|AM/PM|A/P|E[+-]|y+|m+|d+|h+|s+|[0#?]|.', re.IGNORECASE | re.DOTALL
)
_PLAIN = re.compile(r"(x*)(0|#,##0)(?:\.(0+))?(x*)")
_CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)\s*(-?[\d.]{1,20})\]")
_CURRENCY = re.compile(r"\[\$([^\]-]*)")
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a sheet's times have no zone
_NO_LEAP_DAY = 60
"""Excel counts a 29 February 1900 that never was: before it, days are one later than the epoch says."""
_LATEST_DAY = 2_958_466
_CLOCK = frozenset("hms")
_LONGEST = 255  # characters of a format in Excel
_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: "$#,##0;-$#,##0", 6: "$#,##0;-$#,##0", 7: "$#,##0.00;-$#,##0.00",
    8: "$#,##0.00;-$#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "m/d/yyyy",
    15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: "m/d/yyyy h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)",
    41: '#,##0;-#,##0;"-"', 42: '$#,##0;-$#,##0;"-"', 43: '#,##0.00;-#,##0.00;"-"', 44: '$#,##0.00;-$#,##0.00;"-"',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys(range(32, 36), "h:mm:ss"),
}  # fmt: skip


@dataclass(frozen=True)
class _Plain:
    """A section such as #,##0.00 with text around it, as most formats are: written without a look at each digit."""

    before: str
    after: str
    quantum: Decimal
    percents: int
    is_grouped: bool

    def write(self, value: float) -> str:
        number = Decimal(general(value)).scaleb(2 * self.percents).quantize(self.quantum, ROUND_HALF_UP)
        digits = f"{abs(number):,f}" if self.is_grouped else f"{abs(number):f}"
        made = f"{self.before}{digits}{self.after}"
        return f"-{made.lstrip()}" if number < 0 else made


@dataclass(frozen=True)
class _Section:
    tokens: tuple[str, ...]
    condition: tuple[str, float] | None
    is_general: bool
    elapsed: str
    letters: frozenset[str]
    plain: _Plain | None


def _section(tokens: list[str], condition: tuple[str, float] | None) -> _Section:
    letters = frozenset(one[0].lower() for one in tokens if one[0] in "yYmMdDhHsS")
    elapsed = next((one[1].lower() for one in tokens if _is_elapsed(one)), "")
    is_general = any(one.lower() == "general" for one in tokens)
    return _Section(tuple(tokens), condition, is_general, elapsed, letters, None if letters else _plain(tokens))


def _plain(tokens: list[str]) -> _Plain | None:
    shape = "".join(one if one in ("0", "#", ".", ",", "?") else "E" if one[0] in "eE" else "x" for one in tokens)
    found = _PLAIN.fullmatch(shape)
    if found is None or "@" in tokens:
        return None
    before, after = (
        "".join(map(_literal, part)) for part in (tokens[: found.end(1)], tokens[len(tokens) - len(found[4]) :])
    )
    decimals = len(found[3] or "")
    return _Plain(before, after, Decimal(1).scaleb(-decimals), tokens.count("%"), "," in found[2])


def built_in(identity: int) -> str:
    """Return the code of a format that no workbook writes out; that of General for those that are not known."""
    return _BUILT_IN.get(identity, "General")


def general(number: float) -> str:
    """Return a number without a format, as shown: 0.1 + 0.2 is stored as 0.30000000000000004."""
    return f"{number:.15g}"


def shown(number: float, code: str, *, from_1904: bool = False) -> str:
    """Return a number in a format. In a format that cannot be read, or that hides it, it is written as it is."""
    sections = _sections(code)
    section, value = _chosen(sections, number) if len(sections) > 1 or sections[0].condition else (sections[0], number)
    if section.is_general:
        return _literals(section, general(value))
    try:
        if section.elapsed or section.letters:
            return _moment(section, number, from_1904=from_1904) or general(number)
        return (section.plain.write(value) if section.plain else _number(section, value)).strip() or general(number)
    except (ArithmeticError, ValueError):
        return general(number)


@lru_cache(maxsize=1024)
def _sections(code: str) -> tuple[_Section, ...]:
    sections: list[_Section] = []
    tokens: list[str] = []
    condition: tuple[str, float] | None = None
    for one in [*_TOKEN.findall(code[:_LONGEST]), ";"]:
        if one == ";":
            sections.append(_section(tokens, condition))
            tokens, condition = [], None
        elif found := _CONDITION.fullmatch(one):
            condition = (found[1], float(found[2])) if found[2].count(".") < 2 and found[2] != "." else None
        else:
            tokens.append(one)
    return tuple(sections)


def _chosen(sections: tuple[_Section, ...], number: float) -> tuple[_Section, float]:
    """Return the section that shows a number, and the number that it shows: its sign may be in the section's text."""
    numeric = sections[:3]
    if any(one.condition for one in numeric):
        for one in numeric:
            if one.condition and _COMPARED[one.condition[0]](number, one.condition[1]):
                return one, number if number >= 0 or one.condition[1] > 0 else -number
        plain = [one for one in numeric if not one.condition]
        return (plain or list(numeric))[-1], number
    if number < 0 and len(numeric) > 1:
        return numeric[1], -number
    if number == 0 and len(numeric) > 2:
        return numeric[2], number
    return numeric[0], number


def _literal(token: str) -> str:
    """Return what a token says that stands for no digit and no part of a date."""
    if token[0] == '"':
        return token[1:].removesuffix('"')
    if token[0] == "\\":
        return token[1:]
    if token[0] == "_":
        return " "
    if token[0] == "*" and len(token) > 1:
        return ""
    if token[0] == "[":
        currency = _CURRENCY.match(token)
        return currency[1] if currency else ""
    return token


def _literals(section: _Section, value: str) -> str:
    """Return a section's text with the value in the place of General."""
    return "".join(value if one.lower() == "general" else _literal(one) for one in section.tokens).strip()


# ---- numbers -------------------------------------------------------------------------------------------------------


def _number(section: _Section, value: float) -> str:
    tokens = [one for one in section.tokens if one != "@"]
    places = [at for at, one in enumerate(tokens) if one in "0#?"]
    if not places:
        return "".join(map(_literal, tokens))
    number = Decimal(general(value))
    sign = "-" if number < 0 else ""
    number = abs(number).scaleb(2 * tokens.count("%"))
    exponent = next((at for at, one in enumerate(tokens) if one[0] in "eE" and len(one) == 2), None)
    if exponent is not None:
        made = _scientific(tokens, exponent, number)
    elif any(one == "/" and after in "0123456789#?" for one, after in pairwise(tokens[places[0] :])):
        made = _fraction(tokens, places, number)
    else:
        made = _fixed(tokens, number)
    return made if made.startswith("-") or not any(map(str.isdigit, made)) else _signed(sign, made, number)


def _signed(sign: str, made: str, number: Decimal) -> str:
    return sign + made.lstrip() if number and any(one in made for one in "123456789") else made


def _fixed(tokens: list[str], number: Decimal) -> str:
    """Return a number with its digits in the places of the format, from the right; literals may stand between them."""
    point = tokens.index(".") if "." in tokens else len(tokens)
    whole = [at for at in range(point) if tokens[at] in "0#?"]
    parts = [at for at in range(point + 1, len(tokens)) if tokens[at] in "0#?"]
    last = (parts or whole)[-1]
    commas = [at for at, one in enumerate(tokens) if one == ","]
    scaling = [at for at in commas if at > last or (whole and whole[-1] < at < point)]
    grouped = any(whole and whole[0] < at < whole[-1] for at in commas)
    number = number.scaleb(-3 * len(scaling)).quantize(Decimal(1).scaleb(-len(parts)), ROUND_HALF_UP)
    digits, _, decimals = f"{number:f}".partition(".")
    digits = digits.lstrip("0")
    digits = digits.rjust(sum(tokens[at] == "0" for at in whole), "0")
    kept = len(decimals)
    while kept and decimals[kept - 1] == "0" and tokens[parts[kept - 1]] != "0":
        kept -= 1
    made: list[str] = []
    left, count = digits, 0
    for at in reversed(range(point)):
        if at not in whole:
            made.append("" if at in commas else _literal(tokens[at]))
            continue
        take = len(left) if at == whole[0] else 1
        for digit in reversed(left[len(left) - take :] if take else ""):
            made.append("," if grouped and count and count % 3 == 0 else "")
            made.append(digit)
            count += 1
        left = left[: len(left) - take] if take else left
    if not whole:
        made.insert(0, digits)
    behind = "".join(
        (decimals[parts.index(at)] if parts.index(at) < kept else "") if at in parts
        else "" if at in commas else _literal(tokens[at])
        for at in range(point + 1, len(tokens))
    )  # fmt: skip
    return "".join(reversed(made)) + ("." if kept else "") + behind


def _scientific(tokens: list[str], at: int, number: Decimal) -> str:
    decimals = sum(one in "0#?" for one in tokens[tokens.index(".") : at]) if "." in tokens[:at] else 0
    width = max(sum(one in "0#?" for one in tokens[at + 1 :]), 1)
    mantissa, _, power = f"{number:.{decimals}e}".partition("e")
    sign = "-" if power.startswith("-") else "+" if tokens[at][1] == "+" else ""
    return f"{mantissa}E{sign}{abs(int(power)):0{width}d}"


def _fraction(tokens: list[str], places: list[int], number: Decimal) -> str:
    slash = tokens.index("/")
    below = "".join(one for one in tokens[slash + 1 :] if one.isdigit() or one in "#?").strip()
    over = [at for at in places if at < slash]
    is_mixed = any(tokens[at] not in "0#?" for at in range(over[0], over[-1])) if over else False
    exact = Fraction(number)
    whole, rest = (int(exact), exact - int(exact)) if is_mixed else (0, exact)
    if below.isdigit() and below.strip("0"):
        top, bottom = round(rest * int(below)), int(below)
    else:
        found = rest.limit_denominator(10 ** min(max(len(below), 1), 4) - 1)
        top, bottom = found.numerator, found.denominator
    if is_mixed and top == bottom:
        whole, top = whole + 1, 0
    if is_mixed and not top:
        return str(whole)
    return f"{whole} {top}/{bottom}" if whole else f"{top}/{bottom}"


# ---- dates and times -----------------------------------------------------------------------------------------------


def _moment(section: _Section, number: float, *, from_1904: bool) -> str:
    elapsed = section.elapsed
    if elapsed or section.letters <= _CLOCK:
        parts = _times(section)
        if elapsed or parts:
            return _time(section, abs(number), elapsed, parts, "-" if number < 0 else "")
    if not 0 <= number < _LATEST_DAY:
        return ""
    if number < 1 and not from_1904:
        return _clock(number)
    shift = 1 if number < _NO_LEAP_DAY and not from_1904 else 0
    epoch = _EPOCH_1904 if from_1904 else _EPOCH
    moment = (epoch + timedelta(days=number + shift) + timedelta(milliseconds=1)).replace(microsecond=0)
    return moment.date().isoformat() if float(number).is_integer() else moment.isoformat(sep=" ")


def _clock(number: float) -> str:
    seconds = round(number * 86_400)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _times(section: _Section) -> dict[int, str]:
    """Return which tokens stand for hours, minutes and seconds; none where an m stands for months."""
    marks = [(at, one.lower()) for at, one in enumerate(section.tokens) if one[0] in "hHmMsS" or _is_elapsed(one)]
    parts: dict[int, str] = {}
    for n, (at, one) in enumerate(marks):
        letter = one.strip("[]")[0]
        before = marks[n - 1][1].strip("[]")[0] if n else ""
        after = marks[n + 1][1].strip("[]")[0] if n + 1 < len(marks) else ""
        if letter == "m" and before != "h" and after != "s" and not one.startswith("["):
            return {}
        parts[at] = letter
    return parts


def _is_elapsed(token: str) -> bool:
    return token[0] == "[" and bool(token[1:-1]) and token[1:-1].strip("hHmMsS") == ""


def _time(section: _Section, number: float, elapsed: str, parts: dict[int, str], sign: str) -> str:
    tokens = section.tokens
    digits = _digits_of_seconds(tokens, parts)
    total = (Decimal(general(number)) * 86_400).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    if not elapsed:
        total %= 86_400
    values = {
        "h": total // 3600 if elapsed == "h" else total // 3600 % 24,
        "m": total // 60 if elapsed == "m" else total // 60 % 60,
        "s": total if elapsed == "s" else total % 60,
    }
    half = any(one.upper() in _HALVES for one in tokens)
    is_late, hour = values["h"] >= 12, (values["h"] + 11) % 12 + 1 if half else values["h"]
    values["h"] = hour
    made: list[str] = []
    skipped = -1  # the point and the digits of seconds are written with them
    for at, one in enumerate(tokens):
        if at in parts:
            width, places = len(one.strip("[]")), digits if parts[at] == "s" else 0
            made.append(f"{values[parts[at]]:0{width + places + bool(places)}.{places}f}")
            skipped = at + places + bool(places)
        elif one.upper() in _HALVES:
            made.append(_HALVES[one.upper()][is_late])
        elif at > skipped and one != "@":
            made.append(_literal(one))
    return sign + "".join(made).strip()


_HALVES = {"AM/PM": ("AM", "PM"), "A/P": ("A", "P")}


def _digits_of_seconds(tokens: tuple[str, ...], parts: dict[int, str]) -> int:
    """Return how many decimals of seconds are shown."""
    for at, letter in parts.items():
        if letter == "s" and tokens[at + 1 : at + 2] == (".",):
            return len(list(takewhile("0".__eq__, tokens[at + 2 :])))
    return 0
