"""A home with everything that a backup holds, in a folder or a bucket, and what a restore must bring back."""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ragloop.app import App
from ragloop.registry import REJECTED, Adapter, VerdictKind, files_are_whole
from ragloop.store import TABLES, Store
from ragloop.store.files import Files, open_files
from tests.support.indexed_folder import IndexedFolder, document
from tests.support.registered import register

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket


@dataclass
class BackedUp:
    """`uri` is where backups go."""

    indexed: IndexedFolder
    uri: str

    @property
    def app(self) -> App:
        """A new one each time, as another process has."""
        return self.indexed.app(retrieval={"min_similarity": -1})

    def fill(self, documents: int = 6) -> None:
        """Index documents, promote an adapter, log answers with feedback; the last answer is in the journal only."""
        self.indexed.write_numbered(documents)
        self.indexed.sync()
        app = self.app
        _add_adapter(app)
        answers = [app.answering.answerer.ask(f"What speaks of {number}?") for number in range(3)]
        app.journal.give_feedback(answers[0].interaction_id, "up")
        app.answering.answerer.ask("And what of the last one?")
        # So that it also lists some files of versions before the newest.
        app.store.upsert_rows("reports", [{"report_id": "x", "at": None, "kind": "x", "subject": "", "body": "{}"}])

    def lose(self) -> None:
        """The disk of the home is gone, and the bucket's objects with it."""
        database = self.database()
        database.remove(database.list())
        shutil.rmtree(self.indexed.home)

    def database(self) -> Files:
        """Also of a store that opens for nobody."""
        return open_files(f"{self.indexed.settings.get('store', self.indexed.home)}/store")

    def state(self) -> dict[str, Any]:
        """All that is to be as before: every row, what a question finds, the champion and its files."""
        app = self.app
        app.journal.fold()
        champion = app.registry.champion()
        return {
            "tables": rows_of(app.store),
            "found": self.indexed.found("Paragraph 1 of 2", 5),
            "champion": champion and (champion.adapter_id, _is_whole(app, champion)),
            "index": self.indexed.contents(),
        }

    def add_adapter(self, name: str) -> None:
        """Register an adapter whose weights are of its own."""
        app = self.app
        register(app.registry, name, at=datetime.now(UTC), base=app.settings.model.base)

    def goes_on(self) -> dict[str, Any]:
        """Answers, votes and promotions after the backup, and a document; returns what the log holds then."""
        app = self.app
        known = app.journal.interactions()["interaction_id"].to_pylist()
        answers = [app.answering.answerer.ask(f"What was asked after the backup, {number}?") for number in range(3)]
        app.journal.give_feedback(answers[0].interaction_id, "correction", "the right answer")
        app.journal.give_feedback(known[0], "down")
        self.add_adapter("late")
        app.registry.promote("late", "after the backup")
        app.registry.rollback("it was worse")
        app.registry.promote("late", "it was not")
        self.indexed.write("new.md", document("new"))
        self.indexed.sync()
        return self.log()

    def log(self) -> dict[str, Any]:
        """Every row of what no source can make anew, once the journal is folded; and the champion."""
        app = self.app
        app.journal.fold()
        champion = app.registry.champion()
        tables = ("interactions", "feedback", "adapters", "aliases")
        rows = {one: sorted(json.dumps(row, default=str) for row in app.store.rows(one).to_pylist()) for one in tables}
        return {**rows, "champion": champion and (champion.adapter_id, champion.state, _is_whole(app, champion))}

    def healthy(self) -> bool:
        found = self.app.corpus.diagnose()
        return found.healthy and not found.notes


def backed_up_in(request: pytest.FixtureRequest, indexed: IndexedFolder, tmp_path: Path) -> BackedUp:
    """What a fixture with the parameters folder and bucket returns: a store, and its backups, in one of them."""
    if request.param == "folder":
        return BackedUp(indexed, str(tmp_path / "backups"))
    bucket: Bucket = request.getfixturevalue("bucket")
    indexed.settings = {"store": bucket.uri("home")}
    return BackedUp(indexed, bucket.uri("backups"))


def rows_of(store: Store) -> dict[str, list[str]]:
    """Every row of every table as JSON, sorted."""
    names = [*TABLES, *store.tables.names("index_"), *store.tables.names("vectors_")]
    return {name: sorted(json.dumps(row, default=str) for row in store.rows(name).to_pylist()) for name in names}


def _is_whole(app: App, adapter: Adapter) -> bool:
    return files_are_whole(app.registry.artifacts.files, adapter.path, adapter.sha256)


def _add_adapter(app: App) -> None:
    register(app.registry, "early", base=app.settings.model.base, state=REJECTED, verdict=VerdictKind.REJECT)
    checkpoints = app.registry.artifacts.folder / "adapters" / "early" / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "half").write_text("of no use once the adapter is there")
    app.registry.promote("early", "for the test")
