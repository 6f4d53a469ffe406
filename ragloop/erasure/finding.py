"""Find what is to be erased, and everything that rests on it. Nothing is written."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from ragloop.backup import Backups
from ragloop.corpus.index.identity import document_id
from ragloop.erasure.asked import Asked
from ragloop.erasure.removing.artifacts import resting, sha256_of_files
from ragloop.erasure.removing.log import Logged, logged
from ragloop.erasure.traces import Traces
from ragloop.erasure.vectors import trace_of
from ragloop.erasure.words import RUN, Names, Wordings, words
from ragloop.errors import NotFoundError, UsageError
from ragloop.hashes import sha256_of_text
from ragloop.registry import Registry
from ragloop.store import Store, quoted
from ragloop.wording import first_few

_DOCUMENT = ["document_id", "source", "key", "uri", "revision", "title"]
_CHUNK = ["id", "document_id", "heading", "text", "text_hash", "vector"]
_NAMING = ["support", "citations"]
"""The columns of the log that name documents; the last says their URIs, too."""
_FEW = 5
_LOCAL = "file://"
_BATCH = 16_384


@dataclass(frozen=True)
class FoundDocument:
    """A document that is erased; `revisions` are its contents in the indexes that are kept."""

    document_id: str
    source: str
    key: str
    uri: str
    title: str
    revisions: tuple[str, ...]


@dataclass(frozen=True)
class SharedText:
    """A text that an erased document has and another one, too: it stays, since it is that one's."""

    uri: str
    kept_by: str
    text_hash: str


@dataclass(frozen=True)
class Plan:
    """What an erasure is about. `trimmed` counts answers that stay without the passages of what is erased,
    `searched_documents` and `searched_answers` what was looked at to find all this."""

    asked: Asked
    traces: Traces
    documents: tuple[FoundDocument, ...]
    shared: tuple[SharedText, ...]
    chunks: int
    interactions: int
    trimmed: int
    feedback: int
    champion: str | None
    backups: tuple[str, ...]
    aside: int
    searched_documents: int
    searched_answers: int

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is there that would be erased."""
        traces = self.traces
        return not (traces.documents or traces.interactions or traces.datasets or traces.adapters or traces.files)

    def as_row(self) -> dict[str, Any]:
        """Return what a person decides by, as JSON shows it."""
        return {
            "documents": [{"uri": one.uri, "source": one.source, "key": one.key} for one in self.documents],
            "shared": [vars(one) for one in self.shared],
            "chunks": self.chunks,
            "interactions": self.interactions,
            "trimmed": self.trimmed,
            "feedback": self.feedback,
            "datasets": sorted(self.traces.datasets),
            "adapters": sorted(self.traces.adapters),
            "champion": self.champion,
            "backups": list(self.backups),
            "aside": self.aside,
            "searched": {"documents": self.searched_documents, "answers": self.searched_answers},
        }


@dataclass(frozen=True)
class Finder:
    """What is asked where something that rests on a document may be."""

    store: Store
    registry: Registry
    backups: Backups | None

    def find(self, asked: Asked) -> Plan:
        """Find what is asked for and what rests on it. Raises NotFoundError, UsageError."""
        salt = secrets.token_hex(16)
        terms = terms_of(asked.subjects)
        documents = self._documents(asked, terms)
        ids = frozenset(one.document_id for one in documents)
        texts = _Texts.of(self.store, ids)
        log = logged(self.store)
        unique = texts.unique.and_those(terms)
        going = [one for one in log if one.rests_on(ids, asked.interactions, unique.stand_in)]
        _must_be_there(asked, going)
        gone = {one.interaction_id for one in going}
        said = Wordings.of(text for one in going for text in one.texts)
        said = said.without(self._living(ids)).without(text for one in log if one not in going for text in one.texts)
        traces = Traces(
            salt,
            documents=ids,
            chunks=frozenset(texts.chunks),
            text_hashes=frozenset(texts.hashes) | {sha256_of_text(asked) for one in going for asked in one.questions},
            interactions=frozenset(gone),
            uris=frozenset(sha256_of_text(one.uri) for one in documents),
            revisions=frozenset(one for d in documents for one in d.revisions) - texts.kept_revisions,
            names=Names.of(salt, self._own_names(documents)),
            runs=unique.and_those(said).hashed(salt),
            vectors=tuple(trace_of(salt, one) for one in texts.vectors),
        )
        traces = self._with_artifacts(traces)
        champions = [one for one in self.registry.aliases.champions().values() if one in traces.adapters]
        return Plan(
            asked, traces, documents, texts.shared, len(texts.chunks),
            len(gone), sum(one.mentions(ids) for one in log if one.interaction_id not in gone),
            sum(len(one.corrections) + one.votes for one in going), next(iter(champions), None),
            tuple(one.backup_id for one in self.backups.all()) if self.backups else (),
            len(self.store.tables.aside()), len({row["document_id"] for row in self._rows()}), len(log),
        )  # fmt: skip

    def documents(self, asked: Asked) -> tuple[FoundDocument, ...]:
        """Find the documents that are asked for, those included that only the log knows. Raises as find does."""
        return self._documents(asked, terms_of(asked.subjects))

    def _with_artifacts(self, traces: Traces) -> Traces:
        datasets, adapters = resting(self.registry, traces)
        traces = replace(traces, datasets=datasets, adapters=adapters)
        return replace(traces, files=sha256_of_files(self.registry, traces))

    # --- documents ----------------------------------------------------------------------------------------------------

    def _documents(self, asked: Asked, terms: Wordings) -> tuple[FoundDocument, ...]:
        rows = list(self._rows())
        named = [row for name in asked.documents for row in self._named(rows, name, asked.source)]
        if asked.source and not asked.documents:
            named = [row for row in rows if row["source"] == asked.source]
            if not named:
                raise NotFoundError(f"found no document of the source {asked.source}; `ragloop sources list` names all")
        ids = {row["document_id"] for row in named} | (self._with_terms(terms) if terms.runs else set())
        by_id: dict[str, list[dict[str, Any]]] = {}
        for row in (*named, *rows):
            if row["document_id"] in ids:
                by_id.setdefault(row["document_id"], []).append(row)
        return tuple(_document(one, found) for one, found in sorted(by_id.items()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for table in _indexes(self.store):
            yield from self.store.rows(table, "kind = 'document' AND NOT deleted", _DOCUMENT).to_pylist()

    def _named(self, rows: Sequence[dict[str, Any]], name: str, source: str | None) -> list[dict[str, Any]]:
        """Find a document by its URI, its key, its id, or an end of the first two that no other document has."""
        of_source = [row for row in rows if source in (None, row["source"])]
        name = name.removeprefix("./")
        exact = [row for row in of_source if name in (row["uri"], row["key"], row["document_id"])]
        ends = ("/" + name.lstrip("/"), "/" + quote(name.lstrip("/")))
        found = exact or [row for row in of_source if f"/{row['key']}".endswith(ends) or row["uri"].endswith(ends)]
        if not found:
            found = self._only_logged(name, source)
        if len({row["document_id"] for row in found}) > 1 and not exact:
            uris = first_few(sorted({row["uri"] for row in found}), _FEW)
            raise UsageError(f"found several documents named {name}, expected one: {uris}; name one of them in full")
        return found

    def _only_logged(self, name: str, source: str | None) -> list[dict[str, Any]]:
        """Find a document that is in no index any more: answers cite it or rest on it, or its source and key are
        given."""
        cited = {
            one["document_id"]: {"document_id": one["document_id"], "uri": one.get("uri", "")}
            for row in self.store.rows("interactions", None, _NAMING).to_pylist()
            for column in _NAMING
            for one in row[column] or ()
            if name in (one.get("uri", ""), one["document_id"])
        }
        if source is not None:
            one = document_id(source, name)
            cited.setdefault(one, {"document_id": one, "uri": ""})
        if not cited:
            raise NotFoundError(
                f"found no document {name} in any index nor in the log; `ragloop documents list` names all; "
                "to name one that is in neither, give its key and --source"
            )
        nothing = {"source": source or "", "key": name if source else "", "revision": None, "title": None}
        return [{**nothing, "document_id": one["document_id"], "uri": one["uri"]} for one in cited.values()]

    def _own_names(self, documents: Sequence[FoundDocument]) -> set[str]:
        """Return the URIs, local paths and keys of documents, but for what stands in a name of another one, and what is
        one word: in a sentence nobody can tell whether a document is meant."""
        ids = {one.document_id for one in documents}
        others = [row for row in self._rows() if row["document_id"] not in ids]
        uris = {one.uri for one in documents if one.uri}
        paths = {unquote(one.removeprefix(_LOCAL)) for one in uris if one.startswith(_LOCAL)}
        found = uris | paths | {one.key for one in documents if one.key and not one.key.isalpha()}
        kept = {name for row in others for name in (row["key"], row["uri"]) if name}
        return found - _standing_in(found, kept)

    def _with_terms(self, terms: Wordings) -> set[str]:
        named = {
            row["document_id"]
            for row in self._rows()
            if any(terms.stand_in(row[one] or "") for one in ("title", "key", "uri"))
        }
        return named | {
            row["document_id"]
            for table in _indexes(self.store)
            for row in _chunks(self.store, table, ["document_id", "heading", "text"])
            if terms.stand_in(_text_of(row))
        }

    def _living(self, ids: frozenset[str]) -> Iterator[str]:
        for table in _indexes(self.store):
            for row in _chunks(self.store, table, ["document_id", "heading", "text"]):
                if row["document_id"] not in ids:
                    yield _text_of(row)


@dataclass(frozen=True)
class _Texts:
    """The chunks of what is erased. `hashes` and `vectors` are of texts that nothing else has; `shared` are others."""

    chunks: frozenset[str]
    hashes: frozenset[str]
    vectors: tuple[bytes, ...]
    unique: Wordings
    shared: tuple[SharedText, ...]
    kept_revisions: frozenset[str]

    @classmethod
    def of(cls, store: Store, ids: frozenset[str]) -> "_Texts":
        """Read the chunks of these documents in every index, and hold them against those of all others."""
        rows = [row for table in _indexes(store) for row in _of_documents(store, table, ids)]
        uris = {row["document_id"]: row["uri"] for row in rows}
        hashes = {row["text_hash"]: row["document_id"] for row in rows if row["text_hash"]}
        wordings = Wordings.of((_text_of(row) for row in rows), RUN)
        shared: dict[str, SharedText] = {}
        kept: set[str] = set()

        def others() -> Iterator[str]:
            for table in _indexes(store):
                for row in _chunks(store, table, ["document_id", "uri", "heading", "text", "text_hash"]):
                    if row["document_id"] in ids:
                        continue
                    if (one := row["text_hash"]) in hashes:
                        shared[one] = SharedText(uris[hashes[one]] or "", row["uri"] or "", one)
                    yield _text_of(row)

        unique = wordings.without(others())
        for table in _indexes(store):
            where = "kind = 'document' AND NOT deleted AND revision IS NOT NULL"
            found = store.rows(table, where, ["document_id", "revision"]).to_pylist()
            kept |= {row["revision"] for row in found if row["document_id"] not in ids}
        own = [row for row in rows if row["text_hash"] and row["text_hash"] not in shared]
        vectors = dict.fromkeys(np.asarray(row["vector"], np.float32).tobytes() for row in own if row["vector"])
        return cls(
            frozenset(row["id"] for row in rows), frozenset(row["text_hash"] for row in own), tuple(vectors), unique,
            tuple(shared.values()), frozenset(kept),
        )  # fmt: skip


def _standing_in(names: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Return the names that stand in one of these texts."""
    every = Names.of("", names)
    return {text[start:end] for text in texts for start, end in every.spans(text)}


def _indexes(store: Store) -> list[str]:
    return list(filter(store.tables.has, store.tables.names("index_")))


def _of_documents(store: Store, table: str, ids: frozenset[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    where = f"kind = 'chunk' AND NOT deleted AND document_id IN ({quoted(sorted(ids))})"
    rows: list[dict[str, Any]] = store.rows(table, where, [*_CHUNK, "uri", "title"]).to_pylist()
    return rows


def _chunks(store: Store, table: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a table, some at a time."""
    with store.errors():
        query = store.table(table).search().where("kind = 'chunk' AND NOT deleted").select(list(columns))
        for batch in query.to_batches(_BATCH):
            yield from batch.to_pylist()


def _text_of(row: dict[str, Any]) -> str:
    return f"{row['heading'] or ''}\n{row['text'] or ''}"


def terms_of(subjects: Sequence[str]) -> Wordings:
    """Return the runs of words by which terms are known, however short they are. Raises UsageError for one of none."""
    return (Wordings.of(subjects) if subjects else Wordings()).and_those(_short(subjects))


def _short(terms: Iterable[str]) -> Wordings:
    """Return terms of a few words as runs of their own length."""
    found: dict[int, set[str]] = {}
    for term in terms:
        if not (given := words(term)):
            raise UsageError(f"found no word in the term {term!r}; expected at least one")
        if len(given) < RUN:
            found.setdefault(len(given), set()).add(" ".join(given))
    return Wordings({length: frozenset(one) for length, one in found.items()})


def _document(found_id: str, rows: Sequence[dict[str, Any]]) -> FoundDocument:
    best = max(rows, key=lambda row: bool(row["source"]))
    revisions = tuple(sorted({row["revision"] for row in rows if row["revision"]}))
    names = {name: best[name] or "" for name in ("source", "key", "uri", "title")}
    return FoundDocument(found_id, **names, revisions=revisions)


def _must_be_there(asked: Asked, going: Sequence[Logged]) -> None:
    known = {one.interaction_id for one in going}
    if missing := [one for one in asked.interactions if one not in known]:
        raise NotFoundError(f"found no interaction {missing[0]!r} in the log; `ragloop log tail` lists the newest")
