"""A folder, a home and an embedder of constant cost: what suites about the index do with them and compare."""

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.sources.local import RACY_NS
from ragloop.corpus.sync.report import SyncReport
from ragloop.errors import NotFoundError
from ragloop.store import Boundary, utc_now
from tests.support.constant_embedder import ConstantEmbedder, WideEmbedder

DOCUMENT = ("key", "uri", "revision", "title", "labels", "status", "reason", "chunks", "spans")
CHUNK = (
    "key",
    "uri",
    "title",
    "labels",
    "heading",
    "text",
    "text_hash",
    "planted",
)


@dataclass
class IndexedFolder:
    """Every `sync` runs in a new App, as a new process would."""

    home: Path
    folder: Path
    embedder: ConstantEmbedder = field(default_factory=ConstantEmbedder)
    settings: Mapping[str, Any] = field(default_factory=dict)
    boundary: Boundary = nullcontext

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def app(self, **settings: Any) -> App:
        settled = Settings(home=self.home, **{**self.settings, **settings})
        return App(settled, embedder=self.embedder, boundary=self.boundary)

    def write(self, key: str, text: str | bytes) -> Path:
        file = self.folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def write_numbered(self, count: int, prefix: str = "") -> None:
        for number in range(count):
            self.write(f"{prefix}{number:02}.md", document(f"{prefix}{number}"))

    def sync(self, settings: Mapping[str, Any] | None = None, **asked: Any) -> SyncReport:
        """Sync the folder, or with `settings` the sources that they name. `embedder.embedded` then holds this run's."""
        wait_until_stamps_are_trusted()
        self.embedder.embedded.clear()
        folder = None if settings else self.folder
        return self.app(**(settings or {})).corpus.sync(folder, **asked)

    def contents(self) -> dict[str, dict[str, Any]]:
        return contents(self.app())

    def from_scratch(self, home: Path) -> dict[str, dict[str, Any]]:
        """What an index holds that is built now, in another home."""
        other = IndexedFolder(home, self.folder, settings=self.settings)
        other.sync()
        return other.contents()

    def found(self, text: str, top_k: int = 100) -> list[str]:
        """The texts of the passages for a question."""
        return [passage.text for passage in self.app().answering.search(text, top_k).passages]


def contents(app: App) -> dict[str, dict[str, Any]]:
    """Every row of the active index by id but tombstones, without times, stamps and counts of attempts."""
    table = app.store.table(app.index.generation.table)
    rows = table.search().limit(None).to_arrow().to_pylist()
    kept = [row for row in rows if not row["deleted"]]
    by_id = {row["id"]: _compared(row) for row in kept}
    assert len(by_id) == len(kept), "an id stands twice in the index"
    assert len({row["id"] for row in rows}) == len(rows), "a tombstone stands beside the row that it replaces"
    return by_id


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    names = DOCUMENT if row["kind"] == "document" else (*CHUNK, "vector")
    return {name: row[name] for name in ("kind", "document_id", "source", *names)}


def document(topic: str, paragraphs: int = 3) -> str:
    """A Markdown document whose paragraphs no other topic has."""
    body = "\n\n".join(
        f"Paragraph {n} of {topic} speaks of {topic}-{n}. " + f"{topic}{n} " * 60 for n in range(paragraphs)
    )
    return f"# {topic}\n\n{body}\n"


def wait_until_stamps_are_trusted() -> None:
    """A file that changed just now is read again by the next sync; suites that count reads wait."""
    time.sleep(RACY_NS / 1e9 + 0.005)


@dataclass
class EmbeddedByName(IndexedFolder):
    """An indexed folder whose embedder is what the setting index.embedder names: narrow, or wide."""

    wide: WideEmbedder = field(default_factory=WideEmbedder)
    chosen: dict[str, Any] = field(default_factory=lambda: {"embedder": "narrow"})
    now: Callable[[], datetime] = utc_now

    def app(self, **settings: Any) -> App:
        given = {"index": self.chosen, **self.settings, **settings}
        settled = Settings(home=self.home, **given)
        return App(settled, open_embedder=self.open_embedder, now=self.now, boundary=self.boundary)

    def open_embedder(self, name: str, backend: str) -> ConstantEmbedder:
        if name not in ("narrow", "wide"):
            raise NotFoundError(f"found no model {name}")
        return self.wide if name == "wide" else self.embedder

    def sync(self, settings: Mapping[str, Any] | None = None, **asked: Any) -> SyncReport:
        self.wide.embedded.clear()
        return super().sync(settings, **asked)

    def from_scratch(self, home: Path) -> dict[str, dict[str, Any]]:
        other = EmbeddedByName(home, self.folder, settings=self.settings, chosen=self.chosen)
        other.sync()
        return other.contents()
