"""Whether a passage says what a sentence says, and in which of its statements. Pure.

One definition for citations in every lane, for closed-book answers, and for what a training row rests on: numbers with
their units, names and negations of the sentence stand together in one statement of the passage (in fields of one item
or cells of one row), with most of its other words; and no other statement that tells another number of that kind fits
the words better. It is lexical: it knows no synonyms, so it drops some sentences that are true.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby

from ragloop.answering.statements import Statement, statements
from ragloop.records import Passage

SHARE = 0.6
"""Share of a sentence's words that the statement must hold, its titles included."""
CLAUSE_SHARE = 0.9
"""The same where a part of the statement is negated and another is not."""
UNSPACED_SHARE = 0.9
"""The same for scripts without spaces, where a word is a character and names cannot be told from other words."""
FIT = 1.0
"""Share of the best statement's words of the question that the one with the answer must have."""
_SAID_IN = 3
"""Words from which on an answer may be said in other words; a shorter one is given as it stands."""
_STEM = 5
_CLAUSES = 8
_LONGEST = 400
"""Words of a sentence; a longer one is said only where it is quoted."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}](?:[\w.+-]*[\w+#])?")
_UNSPACED = re.compile(f"[{_CJK}]")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_MONTHS = ("january february march april may june july august september october november december").split()
_MONTH = "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + "|sept"
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?({_MONTH})\.?,? (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d,])")
_NE = re.compile(r"\bn['\u2019](?=[aeiouyh\u00e0-\u00ff])", re.IGNORECASE)
_DIGITS = {zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966, 0xFF10) for digit in range(10)}
"""Decimal digits of Arabic, Persian and Hindi texts, and those of full width."""
_NEGATIVE = re.compile(r"(?<![\w.)\]])[-\u2212](?=\d)")
_SIGNS = {"%": " percent ", "$": " dollar ", "\u20ac": " euro ", "\u00a3": " pound ", "\u00b0": " degree "}
_MEASURED = re.compile(r"(\d[\d.]*)-?([^\W\d_]+)")
_UNITS = {
    spelled: unit
    for unit, spellings in {
        "millisecond": "ms msec millisecond", "second": "s sec second segundo seconde sekunde sekunden",
        "minute": "min minute minuto minuten", "hour": "h hr hour hora heure stunde stunden",
        "day": "day d\u00eda jour tage tagen", "week": "week semana semaine woche wochen",
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
_NOT = re.compile(r"n['\u2019]t\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"[,:](?=\s)|[;()\u2013\u2014\uff0c\uff1b]|\b(?:but|while|although|though|however|whereas|aber|mais)\b"
)
_STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its may of "
    "on or our shall should so such than that the their them then there these they this those to was we were what when "
    "where which who whom why will with would you your".split()
)


@dataclass(frozen=True)
class Said:
    """A passage, by its position, and the statements of it that say something."""

    passage: int
    statements: tuple[Statement, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(one.digest for one in self.statements)


@dataclass(frozen=True)
class _Terms:
    """What is compared. `words` are stems; `numbers` hold "30" and "30 second", `kinds` the same by what they count."""

    words: frozenset[str]
    numbers: frozenset[str]
    measured: frozenset[str]
    kinds: frozenset[tuple[str, str]]
    names: frozenset[str]
    exact: frozenset[str]
    negations: int
    unspaced: bool


@dataclass(frozen=True)
class _Claim:
    terms: _Terms
    tokens: Sequence[str]


@dataclass(frozen=True)
class _Place:
    """Statements that are read together, with the terms of what they hang under; `own` is without that.

    `elsewhere` are words that only other statements of the passage have.
    """

    passage: int
    statements: tuple[Statement, ...]
    own: _Terms
    all: _Terms
    elsewhere: frozenset[str] = frozenset()


def says(sentence: str, passages: Sequence[Passage]) -> list[Said]:
    """The passages that say what the sentence says, the best first."""
    claim = _Claim(_terms(sentence), _tokens(sentence))
    if not claim.terms.words:
        return []
    quoted = [found for n, one in enumerate(passages) if (found := _quoting(claim, n, one))]
    quoted_only = bool(quoted) or len(claim.tokens) > _LONGEST
    ranked = [] if quoted_only else _ranked(claim.terms, claim.terms, passages, lambda place: _holds(place, claim), 0.0)
    return _by_passage([*quoted, *ranked])


def answers(question: str, answer: str, passages: Sequence[Passage], fit: float = FIT) -> list[Said]:
    """The passages that give the answer to the question, the best first.

    What the answer only repeats of the question need not stand there, but numbers of the question must, as far as any
    statement that gives the answer has them. `fit` 0 takes it as true, and finds every statement that gives it.
    """
    asked, claim = _terms(question), _Claim(_terms(answer), _tokens(answer))
    new = claim.terms.words - asked.words or claim.terms.words
    short = [_singular(one) for one in _folded(answer)]

    def gives(place: _Place) -> bool:
        told = [_singular(one) for one in _folded(_text(place.statements))]
        return _find(told, short) is not None or (len(short) >= _SAID_IN and _holds(place, claim, new))

    return _by_passage(_ranked(claim.terms, asked, passages, gives, fit)) if new and len(short) <= _LONGEST else []


def content_words(text: str) -> frozenset[str]:
    """Lower-case words that carry meaning."""
    return frozenset(word for word in _folded(text) if word not in _STOP)


def _ranked(
    claim: _Terms, asked: _Terms, passages: Sequence[Passage], gives: Callable[["_Place"], bool], least: float
) -> list[_Place]:
    """The places that give it and that no other contradicts, best first."""
    places = [place for n, passage in enumerate(passages) for place in _places(n, passage)]
    given = _smallest([place for place in places if gives(place)])
    most = max((len(asked.numbers & place.all.exact) for place in given), default=0)
    told = claim.kinds if claim is asked else claim.kinds - asked.kinds
    wanted = (claim.words | asked.words) - {number for _, number in told}

    def fits(place: _Place) -> int:
        return len(wanted & place.all.words)

    best = max(map(fits, places), default=0)
    rival = max((fits(one) for one in places if _contradicts(one, claim)), default=0)
    given = [
        place
        for place in given
        if len(asked.numbers & place.all.exact) == most and fits(place) >= max(rival, least * best)
    ]
    return sorted(given, key=lambda place: -fits(place))


def _smallest(places: Sequence[_Place]) -> list[_Place]:
    """Without those that hold more statements than another among them needs."""
    single = {(place.passage, one) for place in places if len(place.statements) == 1 for one in place.statements}
    return [
        place
        for place in places
        if len(place.statements) == 1 or not any((place.passage, one) in single for one in place.statements)
    ]


def _contradicts(place: _Place, claim: _Terms) -> bool:
    """Whether it would say something else where it fits better: another number of a kind, or the negation."""
    kinds = {kind for kind, _ in claim.kinds}
    other = any(kind in kinds for kind, _ in place.own.kinds) and not place.own.kinds & claim.kinds
    return other or (len(place.statements) == 1 and place.all.negations != claim.negations and not claim.kinds)


def _holds(place: _Place, claim: _Claim, needed: frozenset[str] | None = None) -> bool:
    """Whether the place says it: all numbers, units and names, as negated, and enough of the needed words."""
    terms = claim.terms
    needed = terms.words if needed is None else needed
    if len(place.statements) > 1 and not terms.measured:
        return False
    share = UNSPACED_SHARE if terms.unspaced else SHARE
    if not (_agrees(place.all, terms, needed, share) and needed & place.own.words):
        return False
    if _is_of_another(place, terms) or _swapped(claim.tokens, _tokens(_text(place.statements)), place.elsewhere):
        return False
    return place.all.negations == terms.negations or _holds_in_part(place, claim, needed)


def _is_of_another(place: _Place, claim: _Terms) -> bool:
    """Whether a number stands in one field, or clause before a semicolon, and more of the claim's words in another one
    with a number of that kind of its own."""
    several = len(place.statements) > 1
    parts = [_terms(one) for one in ([one.text for one in place.statements] if several else _text_parts(place))]
    words = claim.words - {number for _, number in claim.kinds}
    for kind, number in claim.kinds if len(parts) > 1 else ():
        with_it = [len(words & one.words) for one in parts if (kind, number) in one.kinds]
        without = [
            len(words & one.words) for one in parts if (kind, number) not in one.kinds and kind in dict(one.kinds)
        ]
        if with_it and without and max(without) > max(with_it):
            return True
    return False


def _text_parts(place: _Place) -> list[str]:
    return _text(place.statements).split(";")


def _holds_in_part(place: _Place, claim: _Claim, needed: frozenset[str]) -> bool:
    """Whether clauses that follow each other say it, where the whole negates more or less."""
    clauses = _CLAUSE.split(_text(place.statements))[:_CLAUSES]
    context = place.statements[0].context
    runs = (clauses[start:end] for start in range(len(clauses)) for end in range(start + 1, len(clauses) + 1))
    parts = (_terms(" , ".join([context, *run])) for run in runs)
    return any(
        one.negations == claim.terms.negations and _agrees(one, claim.terms, needed, CLAUSE_SHARE) for one in parts
    )


def _agrees(held: _Terms, claim: _Terms, needed: frozenset[str], share: float) -> bool:
    together = claim.measured <= held.numbers and claim.names <= held.exact
    return together and len(needed & held.words) >= share * len(needed)


def _swapped(claim: Sequence[str], held: Sequence[str], elsewhere: frozenset[str]) -> bool:
    """Whether the claim is the statement but for a number, a name, or a word of elsewhere in the place of another."""
    matcher = SequenceMatcher(None, [one.casefold() for one in held], [one.casefold() for one in claim], autojunk=False)
    operations = matcher.get_opcodes()
    same = sum(end - start for tag, _, _, start, end in operations if tag == "equal")
    if same < SHARE * len(claim):
        return False
    replaced = [(held[a:b], claim[c:d]) for tag, a, b, c, d in operations if tag == "replace"]
    return any(
        (_telling(old) - _telling(new) and _telling(new) - _telling(old))
        or (_stems_of(old) - _stems_of(new) and (_stems_of(new) - _stems_of(old)) & elsewhere)
        for old, new in replaced
    )


def _stems_of(tokens: Sequence[str]) -> frozenset[str]:
    return frozenset(stem for one in tokens for stem in _stems(one))


def _telling(tokens: Sequence[str]) -> frozenset[str]:
    return frozenset(
        _singular(one)
        for one in tokens
        if any(letter.isdigit() or letter.isupper() for letter in one) and one.casefold() not in _STOP
    )


def _by_passage(places: Sequence[_Place]) -> list[Said]:
    found: dict[int, list[Statement]] = {}
    for place in places:
        found.setdefault(place.passage, []).extend(place.statements)
    return [Said(n, tuple(dict.fromkeys(ones))) for n, ones in found.items()]


def _places(n: int, passage: Passage) -> Iterator[_Place]:
    """Each statement, then the fields and cells that belong together."""
    held = statements(passage.heading, passage.text)
    above = _terms(f"{passage.title} , {passage.heading}")
    groups = [tuple(ones) for _, ones in groupby(held, key=lambda one: one.group)]
    words = frozenset[str]().union(*(_terms(one.text).words for one in held))
    for ones in [*((one,) for one in held), *(group for group in groups if len(group) > 1)]:
        text, context = _text(ones), " , ".join(dict.fromkeys(one.context for one in ones))
        whole = _below(_terms(f"{context} , {text}"), above, _terms(ones[0].before))
        yield _Place(n, ones, _terms(text), whole, words - whole.words)


def _below(terms: _Terms, above: _Terms, before: _Terms) -> _Terms:
    """Titles and the sentence before say what a statement is about; what they negate or count is not said again."""
    exact = terms.exact | above.exact | before.exact
    return replace(terms, words=terms.words | above.words, exact=exact, numbers=terms.numbers | above.numbers)


def _quoting(claim: _Claim, n: int, passage: Passage) -> _Place | None:
    """The statements that the sentence stands in word for word, as a whole or as parts that follow each other."""
    wanted = [one.casefold() for one in claim.tokens]
    held = statements(passage.heading, passage.text)
    words = [(word, position) for position, one in enumerate(held) for word in _folded(one.text)]
    at = _find([word for word, _ in words], wanted)
    if at is None:
        return None
    ones = tuple(held[position] for position in sorted({position for _, position in words[at : at + len(wanted)]}))
    whole = _terms(" ".join(one.context for one in ones[:1]) + " , " + _text(ones))
    place = _Place(n, ones, whole, whole)
    told = whole.negations == claim.terms.negations or _holds_in_part(place, claim, claim.terms.words)
    return place if told else None


def _text(ones: Sequence[Statement]) -> str:
    return " , ".join(one.text for one in ones)


@lru_cache(maxsize=65536)
def _terms(text: str) -> _Terms:
    """The terms of a text."""
    plain = _plain(text)
    raw = [found[0] for found in _TOKEN.finditer(plain)]
    tokens = [one.casefold() for one in raw]
    numbers, kinds = _numbers(tokens)
    measured = frozenset(one for one in numbers if " " in one)
    bare = frozenset(one.partition(" ")[0] for one in measured)
    words = frozenset(stem for one in raw for stem in _stems(one))
    return _Terms(
        words=words,
        numbers=numbers | _parts_of_dates(numbers),
        measured=measured | (numbers - bare),
        kinds=kinds,
        names=_names(plain),
        exact=frozenset(_singular(part) for one in raw for part in (one, *_PIECE.findall(one))) | numbers,
        negations=sum(one in _NEGATIONS for one in tokens),
        unspaced=sum(bool(_UNSPACED.match(one)) for one in tokens) > len(tokens) / 2,
    )


def _plain(text: str) -> str:
    """Dates as 2026-09-30, decimals with a point, thousands without commas, signs and contractions as words."""
    text = " ".join(_NE.sub("ne ", _NOT.sub(" not ", text.translate(_DIGITS))).split())
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
    """Numbers, also with their unit, and each with its kind: the unit, a date, a version, or a plain number."""
    found, kinds = set[str](), set[tuple[str, str]]()
    for position, token in enumerate(tokens):
        number = _COUNTED.get(token, token)
        if not any(one.isdigit() for one in number):
            continue
        glued = _MEASURED.fullmatch(number)
        unit = _UNITS.get(_singular(glued[2])) if glued else None
        number = glued[1] if glued and unit else number.removeprefix("v")
        unit = unit or _unit_after(tokens, position) or _unit_before(tokens, position)
        found |= {number, f"{number} {unit}"} if unit else {number}
        kinds.add((unit or _kind(number), number))
    return frozenset(found), frozenset(kinds)


def _unit_after(tokens: Sequence[str], position: int) -> str | None:
    """The unit that follows; in "18 and 30 kilograms" that of the second number is the first one's too."""
    for step in (1, 2, 3):
        if position + step >= len(tokens):
            return None
        token = tokens[position + step]
        if unit := _UNITS.get(token) or _UNITS.get(_singular(token)):
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
    """Words that are capital inside a sentence, and those that no dictionary has: acronyms, identifiers."""
    found = set[str]()
    begins = True
    for match in _TOKEN.finditer(text):
        word = match[0]
        inner = any(one.isupper() for one in word[1:]) or "_" in word
        if (inner or (word[0].isupper() and not begins)) and word.casefold() not in _STOP:
            found.add(_singular(word))
        begins = text[match.end() : match.end() + 1] in (".", "!", "?", ":")
    return frozenset(found)


def _stems(token: str) -> list[str]:
    """The first letters of the words that a token is made of; nothing of those that carry no meaning."""
    if (glued := _MEASURED.fullmatch(token)) and (unit := _UNITS.get(_singular(glued[2]))):
        return [glued[1], unit[:_STEM]]
    if any(one.isdigit() for one in token):
        return [token.casefold(), *(part.casefold()[:_STEM] for part in _PIECE.findall(token) if part.isalpha())]
    parts = [part.casefold() for part in _PIECE.findall(token)] or [token.casefold()]
    kept = (_singular(part) for part in parts if part not in _STOP and part not in _NEGATIONS)
    return [_UNITS.get(part, part)[:_STEM] for part in kept]


def _singular(word: str) -> str:
    word = word.casefold()
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _tokens(text: str) -> list[str]:
    return [found[0] for found in _TOKEN.finditer(_plain(text))]


def _folded(text: str) -> list[str]:
    return [one.casefold() for one in _tokens(text)]


def _find(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where the wanted words follow each other; None where they do nowhere."""
    first = wanted[0] if wanted else None
    for at, word in enumerate(words):
        if word == first and list(words[at : at + len(wanted)]) == list(wanted):
            return at
    return None
