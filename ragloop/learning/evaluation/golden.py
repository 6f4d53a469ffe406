"""Golden questions as lines of JSON: evaluated by the gate and by comparisons, never trained on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragloop.answering.retrieval import as_text
from ragloop.answering.support.says import answers
from ragloop.corpus.index import inventory
from ragloop.corpus.index.table import Index
from ragloop.errors import ConfigError, NotFoundError

_EXPECTED = (
    'expected a JSON object {"question": …, "answer": …}, with "answers", "documents", "should_abstain", "tags", '
    '"language" or "labels" where they are wanted'
)


@dataclass(frozen=True)
class GoldenDocument:
    """A document that answers, by its key or URI, and the revision (SHA-256) that it did so in, where that is known."""

    name: str
    revision: str | None = None


@dataclass(frozen=True)
class GoldenQuestion:
    """A question with its right answers, any of which will do, and the documents that give them.

    `should_abstain`: no document answers it, and it has neither. `labels` are those of who asks; `language` is empty
    where it is not known.
    """

    question: str
    answers: tuple[str, ...] = ()
    documents: tuple[GoldenDocument, ...] = ()
    should_abstain: bool = False
    tags: tuple[str, ...] = ()
    language: str = ""
    labels: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The first right answer; empty where none is known."""
        return next(iter(self.answers), "")

    @property
    def golden_id(self) -> str:
        """Sixteen hexadecimal digits: equal questions of equal callers have equal ids."""
        named = json.dumps([" ".join(self.question.split()), sorted(self.labels)])
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    def as_line(self) -> dict[str, Any]:
        """Return the object that `read_golden` reads as this question; what is empty is left out."""
        row = {
            "question": self.question,
            "answers": list(self.answers),
            "documents": [{"document": one.name, "revision": one.revision} for one in self.documents],
            "should_abstain": self.should_abstain,
            "tags": list(self.tags),
            "language": self.language,
            "labels": list(self.labels),
        }
        return {name: value for name, value in row.items() if value}


def read_golden(file: Path | None) -> list[GoldenQuestion]:
    """Read the golden questions of a JSONL file; none without a file.

    Raises NotFoundError, or ConfigError with the number of the line. A message never quotes the line: it ends in logs
    that an erasure does not reach.
    """
    if file is None:
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(
            f"found no golden questions at {file}; name another file, or correct dataset.golden"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: expected UTF-8, found another encoding at byte {error.start}") from None
    return golden_of(text, str(file))


def golden_of(text: str, place: str) -> list[GoldenQuestion]:
    """Read the golden questions of a text that lies at `place`. Raises ConfigError."""
    lines = enumerate(text.split("\n"), 1)
    return [_golden(line, f"{place}:{number}") for number, line in lines if line.strip()]


def _golden(line: str, place: str) -> GoldenQuestion:
    try:
        row = json.loads(line)
        question, given = row["question"], row.get("answers") or row.get("answer")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{place}: {_EXPECTED}") from None
    found, documents = _texts(given), _documents(row, place)
    abstains = row.get("should_abstain") is True
    if not (isinstance(question, str) and question.strip() and (found or abstains or documents)):
        raise ConfigError(f"{place}: expected question and answer to be texts that are not empty")
    if abstains and (found or documents):
        raise ConfigError(f"{place}: expected no answer and no document where should_abstain is true")
    return GoldenQuestion(
        question,
        found,
        documents,
        abstains,
        _texts(row.get("tags")),
        str(row.get("language") or ""),
        _texts(row.get("labels")),
    )


def _texts(given: Any) -> tuple[str, ...]:
    """Return a text or a list of texts as texts that are not empty; none of anything else."""
    found = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return tuple(one for one in found if isinstance(one, str) and one.strip())


def _documents(row: Mapping[str, Any], place: str) -> tuple[GoldenDocument, ...]:
    """Return the documents that a line names: `documents`, or one key (as either) with its `revision`."""
    named, found = row.get("document"), row.get("documents") or []
    if isinstance(found, str):
        named, found = named or found, []
    if isinstance(named, str) and named.strip():
        return (_document({**row, "document": named}, place),)
    if not isinstance(found, list):
        raise ConfigError(f"{place}: expected documents to be a list of keys")
    return tuple(_document(one, place) for one in found)


def _document(given: Any, place: str) -> GoldenDocument:
    match given:
        case str(name):
            return GoldenDocument(name)
        case {"document": str(name)}:
            revision = given.get("revision")
            return GoldenDocument(name, revision if isinstance(revision, str) else None)
    raise ConfigError(f'{place}: expected a document to be its key, or {{"document": KEY, "revision": SHA-256}}')


def outdated_golden(golden: Sequence[GoldenQuestion], index: Index) -> frozenset[GoldenQuestion]:
    """Return the golden questions of which a document changed since, and that the documents of today do not answer."""
    named = [one for one in golden if any(document.revision for document in one.documents)]
    if not named:
        return frozenset()
    known = KnownDocuments.of(index)
    return frozenset(one for one in named if known.changed(one) and not known.gives_answer(one, index))


@dataclass(frozen=True)
class KnownDocuments:
    """The documents of an index by their names: ids by key and by URI, and source and revision of each id."""

    ids: Mapping[str, frozenset[str]]
    revisions: Mapping[str, str]
    sources: Mapping[str, str]

    @classmethod
    def of(cls, index: Index) -> "KnownDocuments":
        """Read the names and revisions of all documents."""
        ids: dict[str, set[str]] = {}
        sources: dict[str, str] = {}
        for document_id, source, *names in inventory.names(index):
            sources[document_id] = source
            for name in names:
                ids.setdefault(name, set()).add(document_id)
        return cls({name: frozenset(found) for name, found in ids.items()}, inventory.revisions(index), sources)

    def ids_of(self, one: GoldenDocument) -> frozenset[str]:
        """Return the ids of the documents of this name that can be retrieved; several sources may have one each."""
        return frozenset(found for found in self.ids.get(one.name, ()) if found in self.revisions)

    def is_as_named(self, one: GoldenDocument) -> bool:
        """Return whether a document is there in the revision that the question names, or in any where it names none."""
        held = {self.revisions[found] for found in self.ids_of(one)}
        return bool(held) and one.revision in (None, *held)

    def changed(self, golden: GoldenQuestion) -> list[GoldenDocument]:
        """Return the documents that are there in another revision than the question names."""
        return [one for one in golden.documents if self.ids_of(one) and not self.is_as_named(one)]

    def gone(self, golden: GoldenQuestion) -> list[GoldenDocument]:
        """Return the documents that the index does not have."""
        return [one for one in golden.documents if not self.ids_of(one)]

    def gives_answer(self, golden: GoldenQuestion, index: Index) -> bool:
        """Return whether the documents, as they are today, give one of the answers to the question."""
        wanted = sorted(frozenset[str]().union(*(self.ids_of(one) for one in golden.documents)))
        passages = [as_text(row) for row in inventory.chunk_texts(index, wanted)]
        return any(answers(golden.question, one, passages) for one in golden.answers)
