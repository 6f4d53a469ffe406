"""Write each question as it reads without its conversation, and part a text of several."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragloop.answering.conversation.rewriting import Rewriting
from ragloop.answering.retrieval import Retriever
from ragloop.answering.turn import Turn


@dataclass(frozen=True)
class Rewrite:
    """Gives turns the question that passages are looked for with; a text of several questions becomes several turns."""

    rewriting: Rewriting
    retriever: Retriever

    def __call__(self, turns: Sequence[Turn]) -> list[Turn]:
        return [part for turn in turns for part in self._parts(turn)]

    def _parts(self, turn: Turn) -> list[Turn]:
        found = self.rewriting.of(
            turn.question, turn.conversation, lambda word: self.retriever.texts_with(word, turn.labels)
        )
        turn = replace(turn, rewriting=found.draft).decided("rewrite", found.why)
        if len(found.questions) == 1:
            rewritten = found.questions[0]
            return [replace(turn, rewritten=rewritten if rewritten != turn.question else "")]
        whole = turn.interaction_id
        parts = [
            replace(turn, interaction_id=f"{whole}/{n}", part_of=whole, asked=turn.question, question=one)
            for n, one in enumerate(found.questions, 1)
        ]
        return [parts[0], *(replace(one, rewriting=None) for one in parts[1:])]
