"""Documents by what another service calls them: URI, key, path with another beginning, file name, published page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ragloop.corpus.index.predicates import DOCUMENTS
from ragloop.corpus.index.table import Index
from ragloop.traffic.resolving.document import KnownDocument

PartsOf = Callable[[str], tuple[str, ...]]
_LEDGER = ("document_id", "source", "key", "uri", "revision")
MOST_CANDIDATES = 8
"""Documents of one file name that are looked at; of more the name says nothing."""
_INDEXES = frozenset(("index", "readme"))
"""Pages that are published under the name of their folder."""


@dataclass(frozen=True)
class Named:
    """Documents that a name may mean; `is_sure` where the name or the document's key is met whole, and by one only."""

    documents: tuple[KnownDocument, ...] = ()
    is_sure: bool = False


class Places:
    """The documents of an index by their names."""

    def __init__(self, documents: Iterable[KnownDocument]) -> None:
        self._exact: dict[str, list[KnownDocument]] = {}
        self._by_file: dict[str, list[KnownDocument]] = {}
        self._by_stem: dict[str, list[KnownDocument]] = {}
        self.by_id: dict[str, KnownDocument] = {}
        for one in documents:
            self.by_id[one.document_id] = one
            for name in {one.uri, one.key, one.document_id}:
                self._exact.setdefault(name, []).append(one)
            parts = parts_of(one.key)
            self._by_file.setdefault(parts[-1] if parts else "", []).append(one)
            stems = _stems(parts)
            self._by_stem.setdefault(stems[-1] if stems else "", []).append(one)
        self._known: dict[str, Named] = {}

    @classmethod
    def of(cls, index: Index) -> "Places":
        """Read the documents of an index of which some revision is kept."""
        rows = index.read(f"{DOCUMENTS} AND revision IS NOT NULL AND revision != ''", _LEDGER)
        documents = [KnownDocument(**{one: row[one] or "" for one in _LEDGER}) for row in rows.to_pylist()]
        return cls(sorted(documents, key=lambda one: (one.source, one.key)))

    def named(self, names: Sequence[str]) -> Named:
        """Return the documents that the first of these names means which means any."""
        found = [self._named(one) for one in names]
        sure = next((one for one in found if one.is_sure), None)
        return sure or next((one for one in found if one.documents), Named())

    def _named(self, name: str) -> Named:
        if name not in self._known:
            self._known[name] = self._looked_up(name)
        return self._known[name]

    def _looked_up(self, name: str) -> Named:
        if exact := self._exact.get(name):
            return Named(tuple(exact[:MOST_CANDIDATES]), len(exact) == 1)
        parts = parts_of(name)
        if not parts:
            return Named()
        if "." in parts[-1] and parts[-1] in self._by_file:
            return _longest(parts, self._by_file, parts_of)
        stems = _stems(parts)
        return (
            _longest(stems, self._by_stem, lambda key: _stems(parts_of(key))) if stems and _is_path(name) else Named()
        )


def _longest(parts: Sequence[str], by_last: Mapping[str, Sequence[KnownDocument]], parts_of_key: PartsOf) -> Named:
    """Return the documents whose keys share the longest ending with a name."""
    shared = [_Match.of(parts, parts_of_key(one.key), one) for one in by_last.get(parts[-1], ())]
    most = max((one.rank for one in shared), default=(False, 0))
    best = [one.document for one in shared if one.rank == most]
    if not best or len(best) > MOST_CANDIDATES:
        return Named()
    return Named(tuple(best), len(best) == 1 and most[0])


class _Match(NamedTuple):
    """A document and how much of its key a name ends with: all of it, or of the name; and how many parts."""

    rank: tuple[bool, int]
    document: KnownDocument

    @classmethod
    def of(cls, parts: Sequence[str], key: Sequence[str], document: KnownDocument) -> "_Match":
        length = _shared(parts, key)
        return cls((length in (len(parts), len(key)), length), document)


def _shared(parts: Sequence[str], other: Sequence[str]) -> int:
    """Count the parts that both end with."""
    count = 0
    for one, another in zip(reversed(parts), reversed(other), strict=False):
        if one != another:
            break
        count += 1
    return count


def parts_of(name: str) -> tuple[str, ...]:
    """Return the folders and the file of a path or the path of a URI."""
    path = urlsplit(name).path if "://" in name else name
    return tuple(one for one in PurePosixPath(unquote(path).replace("\\", "/")).parts if one not in ("/", ".", ".."))


def _stems(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts as pages are published: without the suffix of the file, and without `index`."""
    if not parts:
        return ()
    stem = parts[-1].rpartition(".")[0] or parts[-1]
    return tuple(parts[:-1]) if stem.lower() in _INDEXES else (*parts[:-1], stem)


def _is_path(name: str) -> bool:
    return "/" in name or "." in name
