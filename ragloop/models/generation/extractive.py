"""A generator without a language model: the sentences of the passages that answer, quoted and cited.

The weights below are tuned on the questions of XQuAD (Artetxe et al., ACL 2020), English, first 24 articles, and on
questions about lists of package metadata; benchmarks/extractive_answers.py measures them.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ragloop.language.citations import defused
from ragloop.language.forms import searchable
from ragloop.language.sentences import CLOSING, COLONS, END_MARKS, QUESTION_MARKS, sentences
from ragloop.language.words import is_latin, words
from ragloop.models import Embedder, Vectors
from ragloop.records import Draft, Passage, Prompt

VERSION = "2"
"""Change it whenever equal prompts give other drafts."""
SHORTLIST_CHARACTERS = 1_200
"""Sentences are embedded, best by words first, until they have this many characters: a tenth of a second of CPU."""
MOST_SENTENCES = 3
WORDS_WEIGHT = 0.3
"""Weight of the shared words beside the cosine of the sentence."""
OTHER_SCRIPT_WEIGHT = 1.0
"""The same where the question is not in Latin letters, since the default embedder knows English alone."""
PASSAGE_WEIGHT = 0.3
"""Weight of the cosine of the passage: a sentence often leaves out what the one before it names."""
RANK_WEIGHT = 0.05
"""Weight of 1 / the passage's number."""
KEEP_SHARE = 0.92
"""Further sentences must score at least this share of the best one."""
STEM_LETTERS = 5
"""Words meet when they begin alike: "licence", "licensed" and "License" do, which endings alone would not give."""

_NEW_LINE = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+#|]|\d+[.)]\s|:?\w[\w -]{0,30}:\s))")
"""A sentence ends at an empty line, too, and before an item, a row or a field."""
_ITEM = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
_MARKUP = re.compile(r"!?\[([^\[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)?\)|<[^<>]*>|(?<!\w)\w++://\S+")


@dataclass(frozen=True)
class _Sentence:
    """`text` is quoted, `read` is embedded; `position` is its place among the sentences of all passages."""

    text: str
    read: str
    passage: int
    similarity: float
    words: frozenset[str]
    position: int = 0


class ExtractiveGenerator:
    """Ranks the sentences of the passages by the words and the meaning that they share with the question."""

    model = "extractive"
    adapter: str | None = None

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        return f"extractive {VERSION}, {self._embedder.fingerprint}"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt, empty where it has no passages. Texts that prompts share are embedded once."""
        ranked = [_rank(prompt) for prompt in prompts]
        texts = list(dict.fromkeys(text for one in ranked for text in one.texts))
        vectors = dict(zip(texts, self._embedder.embed(texts), strict=True)) if texts else {}
        return [one.draft(vectors) for one in ranked]


@dataclass(frozen=True)
class _Ranked:
    """The sentences of a prompt's passages that are worth their embedding, with what the words say of each."""

    question: str
    sentences: Sequence[_Sentence]
    priors: Sequence[float]

    @property
    def texts(self) -> list[str]:
        return [self.question, *(sentence.read for sentence in self.sentences)] if self.sentences else []

    def draft(self, vectors: Mapping[str, Vectors]) -> Draft:
        """Return the best sentences, in their order, each with its mark."""
        if not self.sentences:
            return Draft("")
        asked = vectors[self.question]
        scores = [float(vectors[s.read] @ asked) + prior for s, prior in zip(self.sentences, self.priors, strict=True)]
        best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:MOST_SENTENCES]
        kept = [self.sentences[i] for i in best if scores[i] >= KEEP_SHARE * scores[best[0]]]
        kept.sort(key=lambda sentence: sentence.position)
        return Draft(" ".join(f"{_quoted(sentence.text)} [{sentence.passage}]" for sentence in kept))


def _rank(prompt: Prompt) -> _Ranked:
    asked = _stems(prompt.question)
    found = [s for n, passage in enumerate(prompt.passages, 1) for s in _split(passage, n, asked)]
    shared = _shared_words(asked, found)
    order = _shortlist(found, shared) if found else []
    sentences = [replace(found[i], position=i) for i in order]
    weight = WORDS_WEIGHT if is_latin(prompt.question) else OTHER_SCRIPT_WEIGHT
    return _Ranked(prompt.question, sentences, [_prior(found[i], shared[i], weight) for i in order])


def _shortlist(found: Sequence[_Sentence], shared: Sequence[float]) -> list[int]:
    """Return the indices of the sentences that are worth their embedding; always the best one."""
    order = sorted(range(len(found)), key=lambda i: (-shared[i] - 0.1 / found[i].passage, i))
    read = accumulate(len(found[i].read) for i in order)
    return order[: max(1, sum(characters <= SHORTLIST_CHARACTERS for characters in read))]


def _prior(sentence: _Sentence, shared: float, weight: float) -> float:
    return weight * shared + PASSAGE_WEIGHT * sentence.similarity + RANK_WEIGHT / sentence.passage


def _split(passage: Passage, number: int, asked: frozenset[str]) -> list[_Sentence]:
    """Return the sentences of a passage that can answer: no questions, no announcements, no lines without a word."""
    lines = _NEW_LINE.split(passage.text)
    parts = (_ITEM.sub("", " ".join(one[start:end].split())) for one in lines for start, end in sentences(one))
    context = _stems(f"{passage.title} {passage.heading}")
    subject = passage.heading.split(" > ")[0]
    found = []
    for part in dict.fromkeys(parts):
        read = _MARKUP.sub(r"\1 ", part).strip("*_` ")
        if read.endswith(":") and "://" in part and asked & _stems(read.replace("-", " ")):
            read = part  # "Home-page: https://…" answers who asks for the home page, and no one else
        held = _stems(read)
        if len(part) > 2 and held and not read.endswith((*QUESTION_MARKS, *COLONS)):
            # A line such as "License: MIT" means little without the heading that says whose licence it is.
            read = read if subject.lower() in read.lower() else f"{subject}: {read}"
            found.append(_Sentence(part, read, number, passage.similarity, held | context))
    return found


def _shared_words(asked: frozenset[str], found: Sequence[_Sentence]) -> list[float]:
    """Return for each sentence the share of the question's words that it holds, rare words weighing more (inverse
    frequency)."""
    frequency = Counter(word for sentence in found for word in sentence.words)
    weight = {word: math.log(1 + len(found) / (1 + frequency[word])) for word in asked}
    total = sum(weight[word] for word in sorted(weight)) or 1.0
    return [sum(weight[word] for word in sorted(asked & sentence.words)) / total for sentence in found]


def _stems(text: str) -> frozenset[str]:
    """Return lower-case words, cut to their first letters."""
    return frozenset(word[:STEM_LETTERS] for word in words(searchable(text).lower()))


def _quoted(sentence: str) -> str:
    """Return a sentence of the document. It ends with a mark of its own, so that the next one is not taken for its
    rest, and what looks like a citation in it becomes (n), since it cites nothing here."""
    sentence = defused(sentence)
    return sentence if sentence.rstrip(CLOSING)[-1:] in END_MARKS else sentence + "."
