"""An answer as it is shown: its text, where it cites what, and its parts as a stream has them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ragloop.language.citations import mark_spans
from ragloop.records import Answer, Passage

Json = dict[str, Any]
"""An object as it is written on the wire; OpenAI's API says what is in it."""
WORDS_AT_ONCE = 6
"""Words in a part of a stream."""
_WORD = re.compile(r"\S+\s*|\s+")
_LINK_TEXT = re.compile(r"[\[\]\\]")


@dataclass(frozen=True)
class Annotation:
    """A mark of the text, and the document that it cites."""

    url: str
    title: str
    start: int
    end: int

    def of_chat(self) -> Json:
        """Write it as chat completions have it."""
        return {"type": "url_citation", "url_citation": self._place()}

    def of_response(self) -> Json:
        """Write it as responses have it."""
        return {"type": "url_citation", **self._place()}

    def _place(self) -> Json:
        return {"url": self.url, "title": self.title, "start_index": self.start, "end_index": self.end}


@dataclass(frozen=True)
class Shown:
    """What a caller gets of an answer. `whole` is false where a limit or a stop of the request cut it."""

    text: str
    annotations: tuple[Annotation, ...]
    finish_reason: str = "stop"
    whole: bool = True

    def parts(self) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
        """Yield the text in parts of a few words, each with the annotations of the marks that end in it."""
        words, at = _WORD.findall(self.text), 0
        for first in range(0, len(words), WORDS_AT_ONCE):
            text = "".join(words[first : first + WORDS_AT_ONCE])
            end = at + len(text)
            yield text, tuple(one for one in self.annotations if at < one.end <= end)
            at = end


def show(answer: Answer, *, inline_links: bool, stops: Sequence[str] = (), most_words: int | None = None) -> Shown:
    """Return what a caller gets. With `inline_links` the documents stand as numbered links below the text."""
    text, reason = _cut(answer.answer, stops, most_words)
    cited = {one.n: answer.passages[one.n - 1] for one in answer.citations}
    found = [
        Annotation(cited[n].uri, title_of(cited[n]), start, end) for start, end, n in mark_spans(text) if n in cited
    ]
    whole = text == answer.answer
    if inline_links and found and whole:
        text += "\n\n" + "\n".join(f"{n}. [{_link_text(one)}](<{one.uri}>)" for n, one in sorted(cited.items()))
    return Shown(text, tuple(found), reason, whole)


def of_text(text: str) -> Shown:
    """Return a text that cites nothing."""
    return Shown(text, ())


def title_of(passage: Passage) -> str:
    """Return what a cited document is called: its title, else the last part of its address."""
    return passage.title or passage.uri.rsplit("/", 1)[-1]


def _link_text(passage: Passage) -> str:
    return _LINK_TEXT.sub("", title_of(passage))


def _cut(text: str, stops: Sequence[str], most_words: int | None) -> tuple[str, str]:
    """Cut a text before the first stop, or after so many words, and say why it ends."""
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    text = text[: min(ends)].rstrip() if ends else text
    words = _WORD.findall(text)
    if most_words is not None and len(words) > most_words:
        return "".join(words[:most_words]).rstrip(), "length"
    return text, "stop"
