"""A document that was read, as it comes from whoever prepares it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ragloop.corpus.chunking.chunker import Chunk
from ragloop.corpus.parsing import format_of
from ragloop.corpus.sources.source import Listed, Read


@dataclass(frozen=True)
class Prepared:
    """A document that was read: `chunks` is None where its bytes are the ledger's, `reason` says why it failed.

    `encoding` is the codec that a file of text was read with. `left_out` says in sentences what of it was not read, and
    `recognised` names the images whose text is kept because of it. `language` is the code of the one that its prose is
    in, None where that is not sure.
    `read` is without the bytes, of which there were `bytes_read`.
    `stopped`: its parser was killed or crashed, or the disk failed, so that another try may end otherwise.
    """

    listed: Listed
    read: Read | None
    revision: str | None
    title: str | None = None
    chunks: Sequence[Chunk] | None = None
    encoding: str = ""
    left_out: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()
    language: str | None = None
    reason: str | None = None
    stopped: bool = False
    bytes_read: int = 0

    @property
    def key(self) -> str:
        """Return its key in the source."""
        return self.listed.key

    @property
    def format(self) -> str:
        """Return the format that its name stands for."""
        return format_of(self.key)

    @property
    def stamp(self) -> str:
        """Return the stamp of what was read, or else of what was listed."""
        return self.read.stamp if self.read else self.listed.stamp

    @property
    def changed_at(self) -> datetime | None:
        """Return when what was read was changed, or else what was listed; None where the source cannot tell."""
        return (self.read or self.listed).changed_at

    @property
    def tokens(self) -> int:
        """Count the tokens of its chunks."""
        return sum(one.tokens for one in self.chunks or ())
