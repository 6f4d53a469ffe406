"""Eligible examples held against the text of their passages, as a recipe needs them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

from ragloop.corpus.index.table import Index
from ragloop.learning.examples.curation import CHANGED, UNBORNE, UNFIT
from ragloop.learning.examples.example import Curated, Example, as_table, examples_of
from ragloop.learning.recipes import Need
from ragloop.learning.rows.cited import answers_question, with_citations
from ragloop.learning.rows.passages import LivePassages


@dataclass(frozen=True)
class Resolved:
    """Examples that their passages bear out, and the interactions behind those that fell."""

    curated: Curated
    fell: tuple[str, ...] = ()


def resolved(index: Index, curated: Curated, needs: Collection[Need], judged: Collection[str]) -> Resolved:
    """Return the examples that name passages, each answer citing them; one that they do not bear out falls.

    An answer of which no interaction is `judged` must also be what its passages give to the question. Where the recipe
    needs no passages they are looked at all the same, as far as they stand, and left out of the row. What names none
    stays as it is.
    """
    examples = examples_of(curated.table)
    if not any(one.passages for one in examples):
        return Resolved(curated)
    live = LivePassages.of(index, (one.passages for one in examples))
    keeps = Need.PASSAGES in needs
    checked = [_checked(one, live, keeps=keeps, fits=not _is_judged(one, judged)) for one in examples]
    kept = [one for one in checked if not isinstance(one, str)]
    why = Counter(one for one in checked if isinstance(one, str))
    funnel = {reason: count + why.get(reason, 0) for reason, count in curated.funnel.items()}
    fell = [
        name for old, one in zip(examples, checked, strict=True) if isinstance(one, str) for name in old.interaction_ids
    ]
    return Resolved(Curated(curated.rows, as_table(kept), funnel), tuple(fell))


def _is_judged(example: Example, judged: Collection[str]) -> bool:
    return any(one in judged for one in example.interaction_ids)


def _checked(example: Example, live: LivePassages, *, keeps: bool, fits: bool) -> Example | str:
    """Return the example with its citations, or without its passages where the recipe does not keep them, or why it
    falls."""
    if not example.passages:
        return example
    # A row keeps all that was shown; without them, what changed bears nothing out.
    shown = example if keeps else replace(example, passages=live.standing(example.passages))
    passages = live.of_row(shown.passages)
    if passages is None:
        return CHANGED
    cited = with_citations(shown, passages)
    if cited is None:
        return UNBORNE
    if fits and not answers_question(cited, passages):
        return UNFIT
    return cited if keeps else replace(example, passages=())
