"""Passages of older versions and of pages that are marked as superseded: the newest page is the one that holds. Pure.

Versions of a documentation stand side by side in folders whose names differ in the version alone. A question that names
one of them is answered from it, any other from the newest. A file that is named after a version, such as the notes of a
release, is a page of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

from ragloop.language.exact import ExactTerm, TermKind, standing
from ragloop.language.planted import is_planted
from ragloop.language.sentences import sentences

OLDER = 0.5
"""What the score of a passage is multiplied by that is of an older version or a superseded page."""
OLDER_LOGITS = 2.0
"""What such a passage must be more relevant by, in logits of the reranker, to stand before another one."""
BEGINNING = 1_200
"""Characters of a page in which its mark is looked for."""
_NUMBER = re.compile(r"(?<![\w.])v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\w])")
_STAGE = re.compile(r"\*[-._ ]?(?:alpha|beta|rc|dev|preview|lts|stable|final|latest)[-.]?\d*$", re.IGNORECASE)
"""What the name of a folder says of a version beside its number; any other word is of what has the version."""
_FIRST_YEAR = 1900
"""A folder such as 2026.10 is named after a month: what it holds is not outdated by the next one."""
_SHORTEST, _LONGEST = 12, 300
_PAGE = r"(?:page|document|documentation|guide|article|manual|tutorial|chapter|version|release)"
_PART = (
    r"(?:parameters?|fields?|options?|settings?|arguments?|flags?|methods?|functions?|attributes?|property|properties|"
    r"values?|behaviou?r|syntax|form|metrics?|class|keys?|endpoints?|commands?|alias(?:es)?|variables?|headers?|events?|"
    r"features?|annotations?|decorators?|tags?)"
)
_GONE = r"(?:deprecated|superseded|obsolete|archived|outdated)"
_RULE = r"(?!\s+(?:\w+ly\b|for|every|after|when|whenever|if|once|until|unless|where|as\s+soon|within|at|to)\b)"
"""What follows in a sentence on what becomes of pages, releases or files, and not in one on the page it stands on."""
_MARK = re.compile(
    rf"^(?:\w+:\s+)?(?:this\s+(?!(?:\w+\s+){{0,2}}{_PART}\b)(?:[\w-]+\s+){{1,3}}?|the\s+{_PAGE}\s+(?:[\w-]+\s+){{0,2}}?)"
    r"(?:is|was|has\s+been)\s+(?:now\s+|officially\s+|since\s+)?"
    r"(?:deprecated|superseded|obsolete|replaced\s+by|archived|outdated|out\s+of\s+date|discontinued|"
    rf"no\s+longer\s+(?:maintained|supported|current|valid|updated))\b{_RULE}"
    r"|^(?:\w+:\s+)?(?:superseded|obsoleted)\s+by\b",
    re.IGNORECASE,
)
_TITLE = re.compile(rf"[(\[]{_GONE}[)\]]|^\W*{_GONE}\s*:|\s[-\u2013\u2014]\s{_GONE}$", re.IGNORECASE)
"""The word beside a title: a page on outdated packages or archived objects has it inside."""
_DECORATION = re.compile(r"^[>\W_]+|[*_`]+")

Row = dict[str, Any]


class Edition(NamedTuple):
    """Where a page stands: the folders of its versions without their numbers, the version, how it is written there, and
    the place of the page in it."""

    folder: str
    version: tuple[int, ...]
    written: str
    page: str


@dataclass(frozen=True)
class Chosen:
    """Rows that a question may be answered from, and by id what says that one is of no page that holds now."""

    rows: tuple[Row, ...]
    older: Mapping[str, str] = field(default_factory=dict)


def chosen(rows: Sequence[Row], terms: Sequence[ExactTerm]) -> Chosen:
    """Leave out rows of versions that are not asked for: where another one of the folder is, all of them; else those of
    pages that the newest version has, too. What is left of older versions is named."""
    uris = [row["uri"] or "" for row in rows]
    shared = _shared([one.split("/")[:-1] for one in uris])
    placed = {row["id"]: at for row, uri in zip(rows, uris, strict=True) if (at := edition_of(uri, shared))}
    versions = dict[str, dict[tuple[int, ...], str]]()
    for one in placed.values():
        versions.setdefault(one.folder, {})[one.version] = one.written
    asked = {one: _asked(found, terms) for one, found in versions.items()}
    pages = {(one.folder, one.page) for one in placed.values() if one.version == max(versions[one.folder])}
    kept, older = list[Row](), dict[str, str]()
    for row in rows:
        at = placed.get(row["id"])
        newest = max(versions[at.folder]) if at else ()
        if at is None or at.version in asked[at.folder] or (not asked[at.folder] and at.version == newest):
            kept.append(row)
        elif not asked[at.folder] and (at.folder, at.page) not in pages:
            kept.append(row)
            older[row["id"]] = f"of version {at.written}, while {versions[at.folder][newest]} is the newest"
    return Chosen(tuple(kept), older)


def edition_of(uri: str, shared: int = 0) -> Edition | None:
    """Return where a page stands whose path has a folder that is named after a version; None for any other.

    The first `shared` parts of the path are those of all pages, and tell none from another.
    """
    parts = uri.split("/")
    for at, part in enumerate(parts[:-1]):
        if at >= shared and (found := _NUMBER.search(part)) and int(found[1]) < _FIRST_YEAR:
            version = tuple(int(one) for one in found.groups(default="0"))
            name = _STAGE.sub("*", _NUMBER.sub("*", part))
            page = _NUMBER.sub("*", "/".join(parts[at + 1 :]))
            return Edition("/".join([*parts[:at], name]), version, found[0].removeprefix("v"), page)
    return None


def mark_of(title: str, beginning: str) -> str:
    """Return the sentence in which a page says that it does not hold any more; empty where it says none."""
    for line in beginning[:BEGINNING].splitlines():
        for start, end in sentences(line):
            said = _DECORATION.sub("", line[start:end]).strip()
            if _SHORTEST <= len(said) <= _LONGEST and _MARK.search(said) and not is_planted(said):
                return said
    return title.strip() if _TITLE.search(title) and not is_planted(title) else ""


def _shared(folders: Sequence[Sequence[str]]) -> int:
    """Count the folders that paths begin with in common."""
    return sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, zip(*folders, strict=False)))


def _asked(versions: Mapping[tuple[int, ...], str], terms: Sequence[ExactTerm]) -> frozenset[tuple[int, ...]]:
    """Return the versions of a folder that a question names, as they are written or without a last zero; of several
    that one term stands for, the newest."""
    named = [one for one in terms if one.kind is TermKind.VERSION]
    meant = ([one for one, written in versions.items() if _is_named(term, written)] for term in named)
    return frozenset(max(one) for one in meant if one)


def _is_named(term: ExactTerm, written: str) -> bool:
    return any(standing([term], one) for one in (written, written.removesuffix(".0")))
