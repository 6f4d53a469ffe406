"""How golden questions stand to the documents of today."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ragloop.corpus.index.table import Index
from ragloop.learning.evaluation.golden import GoldenQuestion, KnownDocuments


class Standing(StrEnum):
    """Whether a golden question holds."""

    CURRENT = "current"
    """Its documents are as they were confirmed, or it names none."""
    CHANGED = "changed"
    """A document changed, and still gives the answer."""
    OUTDATED = "outdated"
    """A document changed, and no longer gives any of the answers, as far as its words tell."""
    GONE = "gone"
    """The index does not have one of its documents."""


@dataclass(frozen=True)
class Checked:
    """A golden question with its standing, and the documents that it is because of."""

    golden: GoldenQuestion
    standing: Standing
    documents: tuple[str, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether it is left out of comparisons until a person confirms it."""
        return self.standing is not Standing.CURRENT

    @property
    def why(self) -> str:
        """Say in a sentence why it is stale; empty where it is not."""
        named = ", ".join(self.documents)
        match self.standing:
            case Standing.CURRENT:
                return ""
            case Standing.GONE:
                return f"the index does not have {named}"
            case Standing.CHANGED:
                return f"{named} changed, and still gives the answer"
        return f"{named} changed, and no longer gives the answer"


def check(golden: Sequence[GoldenQuestion], index: Index) -> Iterator[Checked]:
    """Yield each golden question with its standing."""
    known = KnownDocuments.of(index)
    for one in golden:
        if gone := known.gone(one):
            yield Checked(one, Standing.GONE, tuple(document.name for document in gone))
        elif changed := known.changed(one):
            gives = known.gives_answer(one, index)
            named = tuple(document.name for document in changed)
            yield Checked(one, Standing.CHANGED if gives else Standing.OUTDATED, named)
        else:
            yield Checked(one, Standing.CURRENT)
