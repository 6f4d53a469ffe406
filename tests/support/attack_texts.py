"""Texts that an expression finds hard, made from the expression itself.

Backtracking costs where many positions begin a match that fails late: openings without an end, a run before what never
follows it, a near-match once more and once more. All of them are repetitions of what the expression itself asks for.
"""

import re
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as sre_parse  # type: ignore[import-not-found]
from collections.abc import Iterator
from itertools import islice, product
from typing import Any, cast

_LONGEST_SEED = 24
_MOST_SEEDS = 40
_CLASSES = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_NOT_DIGIT: "x",
    sre.CATEGORY_SPACE: " \n",
    sre.CATEGORY_NOT_SPACE: "x",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_WORD: "-",
}
_ANY = "x \n"


def attacks(pattern: "re.Pattern[str] | re.Pattern[bytes]", size: int) -> Iterator[str]:
    """Yield texts of about `size` characters: a beginning, a part repeated, an end."""
    written = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    matches = list(dict.fromkeys(_matches(sre_parse.parse(written, pattern.flags & ~re.UNICODE))))[:12]
    letters = "".join(dict.fromkeys("".join(matches)))[:16]
    starts = list(dict.fromkeys(one[:end] for one in matches for end in range(len(one) + 1)))
    seeds = list(dict.fromkeys([*letters, *(one for one in starts if one), *_pairs(letters), *_blanks(starts)]))
    for seed, start, end in product(seeds, _spread(starts, 6), ("", "\n", "\0", letters[:1] + "x")):
        yield start + seed * max(1, size // len(seed)) + end


def _pairs(letters: str) -> list[str]:
    return [one + other for one in letters[:8] for other in letters[:8] if one != other]


def _blanks(starts: list[str]) -> list[str]:
    """What begins a match, then something that nothing asks for."""
    return [one + other for one in starts for other in ("x", " ", "\n") if one][:_MOST_SEEDS]


def _spread(starts: list[str], count: int) -> list[str]:
    return starts[:: max(1, len(starts) // count)]


def _matches(nodes: "list[tuple[object, object]]") -> list[str]:
    """Some texts that the nodes match, or would without their assertions."""
    found = [""]
    for what, given in nodes:
        pieces = _one(what, given)
        found = [one + piece for one, piece in islice(product(found, pieces), 24)]
    return [one[:_LONGEST_SEED] for one in found]


def _one(what: object, given: object) -> list[str]:
    if what is sre.LITERAL:
        return [chr(given)]
    if what is sre.NOT_LITERAL or what is sre.ANY:
        return list(_ANY)
    if what is sre.IN:
        return _of_class(given)
    if what in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, most, inner = cast(Any, given)
        once = _matches(inner)
        more = [one * max(2, least) for one in once[:3]] if most is sre.MAXREPEAT or most > 1 else []
        return [*([""] if least == 0 else []), *(one * max(1, least) for one in once), *more]
    if what is sre.BRANCH:
        return [one for branch in given[1] for one in _matches(branch)[:4]]
    if what is sre.SUBPATTERN:
        return _matches(given[-1])
    if what is sre.ATOMIC_GROUP:
        return _matches(given)
    if what in (sre.ASSERT, sre.ASSERT_NOT):
        return ["", *_matches(given[1])[:2]]
    return [""]


def _of_class(members: "list[tuple[object, object]]") -> list[str]:
    if members[0][0] is sre.NEGATE:
        return [one for one in _ANY if not _is_in(one, members[1:])] or ["\u00e9"]
    found: list[str] = []
    for what, given in members[:6]:
        if what is sre.LITERAL:
            found.append(chr(given))
        elif what is sre.RANGE:
            found.append(chr(given[0]))
        else:
            found += _CLASSES.get(given, "x")
    return found


def _is_in(letter: str, members: "list[tuple[object, object]]") -> bool:
    classes = {sre.CATEGORY_SPACE: str.isspace, sre.CATEGORY_NOT_SPACE: lambda one: not one.isspace()}
    for what, given in members:
        if what is sre.LITERAL and ord(letter) == given:
            return True
        if what is sre.RANGE and given[0] <= ord(letter) <= given[1]:
            return True
        if what is sre.CATEGORY and classes.get(given, str.isalnum)(letter):
            return True
    return False
