"""Several questions in one text. Pure.

A text is parted where each part is a question that names something; "How? Is it possible?" stays one.
"""

import re
from collections.abc import Iterator

from ragloop.answering.conversation.follow_ups import completed
from ragloop.answering.conversation.topics import content, frame_of
from ragloop.language.sentences import sentences

MOST_PARTS = 4
"""A text of more questions is taken as one: each part is retrieved and answered by itself."""
_NUMBERED = re.compile(r"(?:^|\s)\(?[1-9a-d][.)]\s+(?=\S)")
_OPENS = re.compile(
    r"(?:how|what|which|who|whom|whose|where|why|when|is|are|does|do|did|can|could|should|will|would|must|has|have)\b",
    re.IGNORECASE,
)
_CONNECTED = re.compile(r"^(?:and|or|but|also|then)\s+", re.IGNORECASE)
_NEXT = re.compile(
    r"(?:,\s*(?:and|or|but)?|\s(?:and|but))\s+(?:also\s+|then\s+)?"
    r"(?=(?:how|what|which|who|where|why|when)\s+(?:[\w.-]+\s+){0,2}?(?:is|are|was|were|does|do|did|can|could|should|will|"
    r"would|must)\s+\w+|(?:is|are|does|do|can|should|will)\s+(?:it|they|i|you|we|there|the|a|an)\b)",
    re.IGNORECASE,
)
_ENDS = " ,;:\n"


def parts_of(question: str) -> tuple[str, ...]:
    """Return the questions of a text, each made whole by the one before it; the text alone where it is one."""
    found = [part for one in _asked(question) for part in _joined_by_and(one)]
    if not 1 < len(found) <= MOST_PARTS:
        return (question,)
    whole = list(_completed(found))
    are_questions = all(_asks_something(one) for one in found) and all(map(_names_something, whole))
    return tuple(whole) if are_questions and len(set(whole)) == len(whole) else (question,)


def _asked(text: str) -> list[str]:
    """Return the questions, each with the sentences before it that ask nothing."""
    lines = [one for one in _NUMBERED.split(text) if one.strip()] if _NUMBERED.search(text) else [text]
    found, told = [], ""
    for line in lines:
        for start, end in sentences(line):
            sentence = line[start:end].strip()
            told = f"{told} {sentence}".strip()
            if sentence.endswith("?"):
                found.append(told)
                told = ""
    if told and found:
        found[-1] += f" {told}"
    return found or [text]


def _joined_by_and(question: str) -> Iterator[str]:
    """Yield the questions that `and` joins in one sentence."""
    if not _OPENS.match(question) or '"' in question or "`" in question:
        yield question
        return
    at = 0
    for found in _NEXT.finditer(question):
        first, rest = question[at : found.start()], question[found.end() :]
        if _names_something(first) and _OPENS.match(first.strip(_ENDS)) and content(rest):
            yield first.strip(_ENDS) + "?"
            at = found.end()
    last = question[at:].strip(_ENDS)
    yield last if not at else last[0].upper() + last[1:]


def _completed(found: list[str]) -> Iterator[str]:
    before = ""
    for one in found:
        before = completed(one, before)
        yield before


def _asks_something(question: str) -> bool:
    """Return whether a part is a question that says what it asks for; "why?" and "is it possible?" are none."""
    last = _CONNECTED.sub("", max(question.split(". "), key=len))
    return bool(content(question)) and len(question.split()) > 2 and bool(_OPENS.match(last) or _OPENS.search(question))


def _names_something(question: str) -> bool:
    return bool(content(question) - frame_of(question))
