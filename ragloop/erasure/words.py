"""Texts as runs of words, and names as they stand in sentences: both are known again by keyed hashes.

A hash of a whole text would miss a part of it; a run of eight words that stands in one document only is as good as the
document's name. Nobody can read a text out of the hashes who does not have it.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

RUN = 8
"""Words of a run. Shorter ones stand in texts that have nothing to do with each other."""
FEWEST = 4
"""Words of a whole question that is known by them all."""
_CJK = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])[^\W_])+")
"""A word, or a letter of a script without spaces."""
_HEAD = re.compile(r"[^\W_]+")
"""A word of a name as it stands in sentences."""


def words(text: str) -> list[str]:
    """Split a text into words, in lower case."""
    return _WORD.findall(text.casefold())


def runs(text: str, length: int, known: Collection[str] | None = None) -> Iterator[str]:
    """Yield every run of so many words; with `known`, only those that consist of these words."""
    found = words(text)
    if known is None:
        for start in range(len(found) - length + 1):
            yield " ".join(found[start : start + length])
        return
    since = 0
    for at, word in enumerate(found):
        if word not in known:
            since = at + 1
        elif at - since + 1 >= length:
            yield " ".join(found[at - length + 1 : at + 1])


def own_length(text: str) -> int:
    """Return how long the runs are by which a text is known; one of a few words is a run itself, of fewer none."""
    count = len(words(text))
    return min(RUN, count) if count >= FEWEST else 0


@dataclass(frozen=True)
class Wordings:
    """Runs of words by their length, in the clear: what an erasure knows while it looks."""

    runs: Mapping[int, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str], length: int | None = None) -> "Wordings":
        """Take the runs of texts, of this length or of the one that each text has."""
        found: dict[int, set[str]] = {}
        for text in texts:
            if wanted := own_length(text) if length is None else length:
                found.setdefault(wanted, set()).update(runs(text, wanted))
        return cls({length: frozenset(one) for length, one in found.items() if one})

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word of the runs."""
        return frozenset(word for one in self.runs.values() for run in one for word in run.split(" "))

    def stand_in(self, text: str) -> bool:
        """Return whether a text has one of the runs."""
        return any(run in one for length, one in self.runs.items() for run in runs(text, length, self.known))

    def without(self, texts: Iterable[str]) -> "Wordings":
        """Leave out the runs that other texts have, too."""
        left = {length: set(one) for length, one in self.runs.items()}
        for text in texts:
            for length, one in left.items():
                if one:
                    one.difference_update(runs(text, length, self.known))
        return Wordings({length: frozenset(one) for length, one in left.items() if one})

    def and_those(self, other: "Wordings") -> "Wordings":
        """Put the runs of both together."""
        every = {*self.runs, *other.runs}
        none = frozenset[str]()
        return Wordings({one: self.runs.get(one, none) | other.runs.get(one, none) for one in sorted(every)})

    def hashed(self, salt: str) -> "Runs":
        """Return the runs as hashes."""
        return Runs(salt, {length: frozenset(keyed(salt, run) for run in one) for length, one in self.runs.items()})


@dataclass(frozen=True)
class Runs:
    """Runs of words as hashes, by their length."""

    salt: str
    hashes: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def stand_in(self, text: str) -> bool:
        """Return whether a text has one of the runs."""
        return any(keyed(self.salt, run) in one for length, one in self.hashes.items() for run in runs(text, length))

    @property
    def long(self) -> "Runs":
        """Return the runs that stand in no text by chance."""
        return Runs(self.salt, {length: one for length, one in self.hashes.items() if length >= RUN})

    def and_those(self, other: "Runs") -> "Runs":
        """Put the runs of both together, which have one salt."""
        every = {*self.hashes, *other.hashes}
        none = frozenset[str]()
        return Runs(self.salt, {one: self.hashes.get(one, none) | other.hashes.get(one, none) for one in sorted(every)})


@dataclass(frozen=True)
class Names:
    """URIs, paths and keys of documents, as hashes.

    `heads` tells by the hash of its first word where in a name that stands, and how long the name is: so names with
    spaces and parentheses are found in sentences, and those that stand in longer paths.
    """

    salt: str
    hashes: frozenset[str] = frozenset()
    heads: Mapping[str, frozenset[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, salt: str, names: Iterable[str]) -> "Names":
        """Take these names; one without a letter or digit is none."""
        heads: dict[str, set[tuple[int, int]]] = {}
        hashes = set()
        for name in names:
            if head := _HEAD.search(name):
                hashes.add(keyed(salt, name))
                heads.setdefault(keyed(salt, head[0]), set()).add((head.start(), len(name)))
        return cls(salt, frozenset(hashes), {head: frozenset(one) for head, one in heads.items()})

    def has(self, text: str) -> bool:
        """Return whether a text is one of the names."""
        return keyed(self.salt, text) in self.hashes

    def stand_in(self, text: str) -> bool:
        """Return whether a text is one of the names, or has one."""
        return bool(self.hashes) and (self.has(text) or next(self.spans(text), None) is not None)

    def taken_out_of(self, text: str, instead: str) -> str:
        """Put something else in place of each name in a text, the longest of those that begin first."""
        if not self.hashes:
            return text
        if self.has(text):
            return instead
        parts, done = [], 0
        for start, end in sorted(self.spans(text), key=lambda span: (span[0], -span[1])):
            if start >= done:
                parts += [text[done:start], instead]
                done = end
        return "".join((*parts, text[done:]))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where names begin and end in a text."""
        for word in _HEAD.finditer(text):
            for offset, length in self.heads.get(keyed(self.salt, word[0]), ()):
                start, end = word.start() - offset, word.start() - offset + length
                if start >= 0 and end <= len(text) and self.has(text[start:end]) and not text[end : end + 1].isalnum():
                    yield start, end


def keyed(salt: str, text: str) -> str:
    """Hash a text so that only who has the salt can try texts."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=salt.encode()).hexdigest()
