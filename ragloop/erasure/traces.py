"""All by which what is erased can be known again: ids and hashes, and no text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ragloop.corpus.index.identity import document_id
from ragloop.erasure.words import Names, Runs

_SETS = ("documents", "chunks", "text_hashes", "interactions", "datasets", "adapters", "files", "uris", "revisions")

ERASED = "erased"
"""Stands where somebody was named, or something was said, that was erased."""


@dataclass(frozen=True)
class VectorTrace:
    """A vector: a digest of its first numbers, which finds it in one pass, and the SHA-256 of its bytes."""

    digest: int
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Traces:
    """Ids of documents, chunks, interactions, datasets and adapters; hashes of texts, of URIs, of contents, of files.

    `documents` and `chunks` are hashes themselves. `text_hashes` are of embedded strings that nothing else has; `files`
    are of artifacts that rested on what is erased.
    """

    salt: str
    documents: frozenset[str] = frozenset()
    chunks: frozenset[str] = frozenset()
    text_hashes: frozenset[str] = frozenset()
    interactions: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    revisions: frozenset[str] = frozenset()
    names: Names = field(default_factory=lambda: Names(""))
    runs: Runs = field(default_factory=lambda: Runs(""))
    vectors: tuple[VectorTrace, ...] = ()

    @cached_property
    def ids(self) -> frozenset[str]:
        """What stands for nothing but what is erased, wherever it stands. A search asks for each text of a store."""
        return self.documents | self.chunks | self.interactions | self.text_hashes | self.revisions

    def cover(self, other: "Traces") -> bool:
        """Return whether what `other` is of is of these, too: its documents and its interactions."""
        return other.documents <= self.documents and other.interactions <= self.interactions

    def as_row(self) -> dict[str, Any]:
        """Return the traces as JSON holds them."""
        heads = {head: sorted(map(list, one)) for head, one in sorted(self.names.heads.items())}
        return {
            "salt": self.salt,
            **{name: sorted(getattr(self, name)) for name in _SETS},
            "names": sorted(self.names.hashes),
            **({"heads": heads} if heads else {}),
            "runs": {str(length): sorted(one) for length, one in self.runs.hashes.items()},
            "vectors": [[f"{one.digest:016x}", one.sha256, one.bytes] for one in self.vectors],
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Traces":
        """Read the traces back. Raises LookupError, ValueError or TypeError where they are damaged."""
        salt = row["salt"]
        runs = {int(length): frozenset(one) for length, one in row["runs"].items()}
        vectors = tuple(VectorTrace(int(digest, 16), sha256, size) for digest, sha256, size in row["vectors"])
        sets = {name: frozenset(row[name]) for name in _SETS}
        heads = {head: frozenset((at, length) for at, length in one) for head, one in row.get("heads", {}).items()}
        names = Names(salt, frozenset(row["names"]), heads)
        return cls(salt, **sets, names=names, runs=Runs(salt, runs), vectors=vectors)

    def rest_in(self, texts: Iterable[str | None]) -> bool:
        """Return whether one of these texts has a run of words of what is erased."""
        return any(self.runs.stand_in(text) for text in texts if text)

    def without_names(self, value: Any) -> Any:
        """Take the ids and names of documents out of a value of JSON: entries of lists and objects go, in sentences
        something else stands in their place."""
        if isinstance(value, str):
            return self.names.taken_out_of(value, "an erased document")
        if isinstance(value, list):
            return [self.without_names(one) for one in value if not self._is_named(one)]
        if isinstance(value, dict):
            left = {key: self._without_keys(key, one) for key, one in value.items() if not self._is_named(key)}
            return {key: self.without_names(one) for key, one in left.items()}
        return value

    def without_words(self, value: Any) -> Any:
        """Put something else in place of a text, or of texts in a list, that have a run of words of what is erased."""
        if isinstance(value, list):
            return [self.without_words(one) for one in value]
        return ERASED if isinstance(value, str) and self.runs.stand_in(value) else value

    def name(self, value: Any) -> bool:
        """Return whether a value of JSON holds an id or a name of a document, or a run of its words."""
        if isinstance(value, str):
            return value in self.documents or self.names.stand_in(value)
        if isinstance(value, list):
            return any(map(self.name, value))
        if isinstance(value, dict):
            every = (*value.keys(), *value.values())
            return self._is_named(value) or self._lists_keys(value) or any(map(self.name, every))
        return False

    def _is_named(self, value: Any) -> bool:
        """Return whether a value stands for a document: its id, a name of it, or an object that has one of them."""
        if isinstance(value, str):
            return value in self.documents or self.names.has(value)
        if isinstance(value, dict):
            named = any(isinstance(one, str) and self._is_named(one) for one in value.values())
            return named or self._is_place(value.get("source"), value.get("key"))
        return False

    def _is_place(self, source: Any, key: Any) -> bool:
        """Return whether these are the source and the key of a document, of which either may be an ordinary word."""
        return isinstance(source, str) and isinstance(key, str) and document_id(source, key) in self.documents

    def _lists_keys(self, value: Mapping[Any, Any]) -> bool:
        return any(self._without_keys(source, keys) != keys for source, keys in value.items())

    def _without_keys(self, source: Any, keys: Any) -> Any:
        """Take the keys of documents out of the list that stands under the name of their source."""
        return [one for one in keys if not self._is_place(source, one)] if isinstance(keys, list) else keys


@dataclass(frozen=True)
class KeptOut:
    """All that erasures removed which were not lifted: what comes from elsewhere is held against it."""

    erased: tuple[Traces, ...] = ()

    def rest_in(self, texts: Iterable[str | None]) -> bool:
        """Return whether one of these texts has a run of words of what was erased."""
        found = tuple(filter(None, texts))
        return any(one.rest_in(found) for one in self.erased)

    def named_by(self, names: Iterable[str]) -> bool:
        """Return whether one of these is a URI, a path, a key or an id of what was erased."""
        found = tuple(names)
        return any(name in one.ids or one.names.has(name) for one in self.erased for name in found)
