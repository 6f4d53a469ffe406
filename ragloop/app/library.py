"""A home as a Python program or a notebook uses it: what `ragloop.open` returns."""

from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.corpus.index.readings import Quality, Reading
from ragloop.errors import UsageError
from ragloop.printable import html_table
from ragloop.records import NOWHERE, Answer, Earlier, FeedbackKind, Origin, Passage

if TYPE_CHECKING:
    from ragloop.corpus.sync.report import Progress, SyncReport

_SHOWN = 200
"""Characters of a passage in a table."""


class Passages(tuple[Passage, ...]):
    """Passages by descending score; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        rows = [(one.rank, f"{one.similarity:.2f}", one.title, one.heading, _start(one.text)) for one in self]
        return html_table(("rank", "similarity", "title", "heading", "text"), rows)


class Documents(tuple[Reading, ...]):
    """What was read of each document; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        rows = [(one.source, one.key, one.format, one.quality, one.chunks, " ".join(one.left_out)) for one in self]
        return html_table(("source", "document", "format", "quality", "chunks", "left out"), rows)


class Ragloop:
    """One home. Methods raise the errors of `ragloop.errors`, as the commands of the same names do.

    As a context manager it closes itself. `app` reaches everything that is not a method here.
    """

    def __init__(self, app: App) -> None:
        self._app: App | None = app
        self._home = app.settings.home

    @classmethod
    def open(cls, home: Path | None, config: Path | None) -> Self:
        """Open a home; see `ragloop.open`."""
        return cls(App(load_settings(config, home)))

    @property
    def app(self) -> App:
        """Everything of the home. Raises UsageError after `close`."""
        if self._app is None:
            raise UsageError(f"the home {self._home} is closed; open it again with ragloop.open")
        return self._app

    def sync(
        self,
        folder: str | Path | None = None,
        *,
        rebuild: bool = False,
        confirm_deletes: bool = False,
        retry_quarantined: bool = False,
        progress: "Progress | None" = None,
    ) -> "SyncReport":
        """Make the index match a folder, or without one every known source; read only what changed.

        `report.complete` is false where something was left out: deletes that the guard withheld (`confirm_deletes`
        applies them), documents that cannot be read (`retry_quarantined` reads them again), a source that is not there.
        `rebuild` builds the index again beside the one that answers. `progress` is called with documents done,
        documents to do and texts embedded so far.
        """
        return self.app.corpus.sync(
            Path(folder) if folder is not None else None,
            rebuild=rebuild,
            confirm_deletes=confirm_deletes,
            retry_quarantined=retry_quarantined,
            progress=progress,
        )

    def search(self, query: str, top_k: int | None = None, *, labels: Collection[str] = ()) -> Passages:
        """Find the passages that a caller with these labels sees, best first. Nothing is logged."""
        if not query.strip():
            raise UsageError("found an empty query; expected words to search for")
        return Passages(self.app.answering.search(query, top_k, labels).passages)

    def ask(
        self,
        question: str,
        *,
        lane: str | None = None,
        labels: Collection[str] = (),
        after: Sequence[Answer] = (),
    ) -> Answer:
        """Answer a question with citations, or abstain. The answer is logged before it is returned.

        `lane` is base+rag, adapter+rag or closed-book, by default that of the settings. `after` are the answers of the
        conversation so far, oldest first: a question such as "and on Windows?" is made whole from them.
        """
        said = [Earlier(one.rewritten or one.question, one.answer) for one in after]
        origin = Origin(conversation=after[0].interaction_id) if after else NOWHERE
        return self.app.answering.answerer.ask(question, lane, labels, origin, said)

    def feedback(
        self, answer: Answer | str, vote: Literal["up", "down"] | None = None, *, correction: str | None = None
    ) -> str:
        """Log whether an answer was right, or the right answer; return the id of the entry.

        `answer` is what `ask` returned, or the id of an answer that `ask` or `log` logged.
        """
        if (vote is None) == (correction is None):
            raise UsageError('give either a vote, "up" or "down", or correction=TEXT')
        interaction_id = answer.interaction_id if isinstance(answer, Answer) else answer
        return self.app.journal.give_feedback(interaction_id, vote or FeedbackKind.CORRECTION, correction)

    def log(self, question: str, answer: str, passages: Sequence[Passage | str] = (), *, model: str = "") -> str:
        """Log an answer that another service gave; return its id, which `feedback` takes.

        `passages` are what the service showed its model, in the order in which `[1]`, `[2]`, … of the answer cite them:
        results of `search`, or texts. A text is looked for in the index; where no chunk holds it, the log keeps its
        place and nothing else of it, and an answer that rests on it is not trained on. `model` is what the service
        calls its model. An empty answer is an abstention.
        """
        return self.app.answering.log(question, answer, passages, model)

    def documents(self, source: str | None = None, *, quality: str | None = None) -> Documents:
        """List what was read of each document, or of those of one source or quality (read, in part, quarantined)."""
        return Documents(self.app.documents(source, Quality(quality) if quality else None))

    def close(self) -> None:
        """Drop the store and every model. What was written is on disk already."""
        self._app = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ragloop.open({str(self._home)!r})" + (" (closed)" if self._app is None else "")


def _start(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "…"
