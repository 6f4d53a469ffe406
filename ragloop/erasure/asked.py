"""What is asked to be erased."""

from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.errors import UsageError


@dataclass(frozen=True)
class Asked:
    """Documents by their URI or key, of one source or of any; all that has a term; single answers by their id.

    A source without documents means all of its documents. `by` is who asks, `reason` why; both are kept.
    """

    documents: Sequence[str] = ()
    source: str | None = None
    subjects: Sequence[str] = ()
    interactions: Sequence[str] = ()
    by: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if not (self.documents or self.source or self.subjects or self.interactions):
            raise UsageError("found nothing to erase; name documents, --source, --subject or --interaction")
        if any(not one.strip() for one in (*self.documents, *self.subjects, *self.interactions)):
            raise UsageError("found an empty name; expected the URI of a document, a term or the id of an answer")
