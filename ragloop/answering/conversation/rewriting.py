"""How questions are rewritten before passages are looked for."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ragloop.answering.conversation.acronyms import expanded, meaning_in, short_forms
from ragloop.answering.conversation.follow_ups import whole
from ragloop.answering.conversation.glossary import Glossary
from ragloop.answering.conversation.parts import parts_of
from ragloop.answering.conversation.written import rewriting_prompt, taken
from ragloop.errors import RagloopError
from ragloop.models import Generator
from ragloop.records import Draft, Earlier

_log = logging.getLogger(__name__)
Texts = Callable[[str], Sequence[str]]
"""Returns the texts of chunks in the caller's view that have a word; none where no chunk has it."""


@dataclass(frozen=True)
class Rewritten:
    """The questions that passages are looked for with, and in words how they came to be; empty where they are what
    was asked. `draft` is what a model took to write it, None where none did."""

    questions: tuple[str, ...]
    why: str = ""
    draft: Draft | None = None


@dataclass(frozen=True)
class Rewriting:
    """Rewrites by rules, or by the model that `writer` opens; `is_on` is false where questions stay as they are."""

    is_on: bool
    glossary: Glossary = field(default_factory=Glossary)
    writer: Callable[[], Generator] | None = None

    def of(self, question: str, conversation: Sequence[Earlier], texts: Texts = lambda word: ()) -> Rewritten:
        """Return the questions that are meant; `texts` is asked what short forms stand for."""
        if not self.is_on:
            return Rewritten((question,))
        found, told, draft = self._whole(question, conversation)
        spelled = self._spelled(found, texts)
        parts = parts_of(spelled)
        why = [told] if found != question else []
        why += ["short forms were spelled out"] if spelled != found else []
        why += [f"parted into {len(parts)} questions"] if len(parts) > 1 else []
        return Rewritten(parts, ", ".join(why), draft)

    def _whole(self, question: str, conversation: Sequence[Earlier]) -> tuple[str, str, Draft | None]:
        if self.writer is not None and conversation:
            try:
                writer = self.writer()
                draft = writer.generate([rewriting_prompt(question, conversation)])[0]
            except RagloopError as error:  # the rules make most questions whole, which is better than no answer
                _log.warning("questions are rewritten by rules: %s", error)
            else:
                if found := taken(draft.text, question, conversation):
                    return found, f"made whole from the conversation by {draft.model or writer.model}", draft
                return whole(question, conversation), "made whole from the conversation", draft
        return whole(question, conversation), "made whole from the conversation", None

    def _spelled(self, question: str, texts: Texts) -> str:
        """Return the question with its short forms spelled out, as the glossary has them, else the documents."""
        meanings = self.glossary.of(question)
        standing = {short: texts(short) for short in meanings}
        for short in short_forms(question):
            if short not in meanings:
                standing[short] = texts(short)
                if meaning := meaning_in(short, standing[short]):
                    meanings[short] = meaning
        return expanded(question, meanings, frozenset(short for short, held in standing.items() if held))
