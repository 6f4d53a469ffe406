"""Golden questions as they are asked of an index: those that are stale are left out, and slices are named."""

from collections.abc import Sequence

from ragloop.learning.comparing.scores import Asked
from ragloop.learning.evaluation.golden import GoldenQuestion, KnownDocuments


def to_ask(golden: Sequence[GoldenQuestion], known: KnownDocuments) -> tuple[list[Asked], list[str]]:
    """Return the questions to ask, and a sentence for each reason why others are not asked or say less.

    A question is stale where one of its documents is there in another revision than it names.
    """
    stale = [one for one in golden if known.changed(one)]
    asked = [_asked(one, known) for one in golden if not known.changed(one)]
    unknown = sum(bool(one.golden.documents) and not one.wanted for one in asked)
    notes = []
    if stale:
        notes.append(
            f"questions left out because a document changed since they were confirmed: {len(stale)}; "
            "`ragloop golden check` says which."
        )
    if unknown:
        notes.append(
            f"questions whose documents the index does not have: {unknown}; their retrieval and citations are NaN."
        )
    return asked, notes


def _asked(one: GoldenQuestion, known: KnownDocuments) -> Asked:
    # Where one key stands in several sources, any of these documents will do, and each counts.
    wanted = frozenset[str]().union(*(known.ids_of(document) for document in one.documents))
    sources = sorted({known.sources[found] for found in wanted})
    language = [f"language {one.language}"] if one.language else []
    slices = (*(f"tag {tag}" for tag in one.tags), *language, *(f"source {source}" for source in sources))
    return Asked(one, wanted, slices)
