"""A generator without a language model: the sentences, rows and code of the passages that answer, quoted and cited.

The weights below are tuned on the questions of XQuAD (Artetxe et al., ACL 2020), English, first 24 articles, on
questions about lists of package metadata, and on the development half of benchmarks/real_questions.py;
benchmarks/extractive_answers.py measures them, too.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from ragloop.language.function_words import FUNCTION_WORDS
from ragloop.language.opposites import does_opposite
from ragloop.language.words import is_latin, is_unspaced, words
from ragloop.models import Embedder, Vectors, question_vectors, questions_differ
from ragloop.models.generation.quoting.composing import composed
from ragloop.models.generation.quoting.layout import Kind
from ragloop.models.generation.quoting.units import Unit, stems, units_of
from ragloop.records import Draft, Prompt

VERSION = "5"
"""Change it whenever equal prompts give other drafts."""
SHORTLIST_CHARACTERS = 2_000
"""Units are embedded, best by words first, until they have this many characters: 0.15 s of CPU."""
MOST_UNITS = 4
WORDS_WEIGHT = 0.3
"""Weight of the shared words beside the cosine of the unit."""
OTHER_SCRIPT_WEIGHT = 1.0
"""The same where the question is not in Latin letters, since the default embedder knows English alone."""
PASSAGE_WEIGHT = 0.3
"""Weight of the cosine of the passage: a sentence often leaves out what the one before it names."""
EXACT_WEIGHT = 0.3
"""Weight of the numbers and identifiers of the question, such as that of a clause, which stand in the unit or above."""
RANK_WEIGHT = 0.05
"""Weight of 1 / the passage's number."""
CODE_WEIGHT = 0.15
"""Weight of code, or of a sentence that announces some, where the question asks how something is done."""
LITERAL_WEIGHT = 0.1
"""Weight of a literal in a sentence, such as the name of an option or a function, where the question asks how."""
KEEP_SHARE, KEEP_WHOLE = 0.7, 0.92
"""Further units must score at least this share of the best one; the second where a unit says all by itself."""
_LITERAL = re.compile(r"`[^`\n]{2,60}`")
_WHOLE = frozenset((Kind.FIELD, Kind.ROW, Kind.ITEM))
_HOW = frozenset("how wie comment c\u00f3mo como come hoe jak \u043a\u0430\u043a".split())
_COMMANDS = frozenset("command commands option options flag switch code example syntax configure befehl".split())


class ExtractiveGenerator:
    """Ranks the units of the passages by the words and the meaning that they share with the question."""

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
        asked = [text for one in ranked for text in one.asked]
        read = [text for one in ranked for text in one.texts]
        if not questions_differ(self._embedder):
            vectors = _by_text(self._embedder.embed, [*asked, *read])
            return [one.draft(vectors, vectors) for one in ranked]
        questions = _by_text(partial(question_vectors, self._embedder), asked)
        vectors = _by_text(self._embedder.embed, read)
        return [one.draft(questions, vectors) for one in ranked]


def _by_text(embed: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> dict[str, Vectors]:
    """Embed each text once."""
    different = list(dict.fromkeys(texts))
    return dict(zip(different, embed(different), strict=True)) if different else {}


@dataclass(frozen=True)
class _Ranked:
    """The units of a prompt's passages that are worth their embedding, with what the words say of each."""

    question: str
    units: Sequence[Unit]
    priors: Sequence[float]

    @property
    def asked(self) -> list[str]:
        return [self.question] if self.units else []

    @property
    def texts(self) -> list[str]:
        return [unit.read for unit in self.units]

    def draft(self, questions: Mapping[str, Vectors], vectors: Mapping[str, Vectors]) -> Draft:
        """Return the best units, in their order, each with its mark."""
        if not self.units:
            return Draft("")
        asked = questions[self.question]
        scores = [float(vectors[u.read] @ asked) + prior for u, prior in zip(self.units, self.priors, strict=True)]
        best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:MOST_UNITS]
        wanted = _wanted(self.question)
        tells_all = wanted <= self.units[best[0]].words
        kept = [
            self.units[i] for i in best if scores[i] >= _least(self.units[i], tells_all=tells_all) * scores[best[0]]
        ]
        kept.sort(key=lambda unit: (unit.passage, unit.part, unit.place))
        return Draft(composed(kept, wanted, shows_code=_asks_how(self.question)))


def _least(unit: Unit, *, tells_all: bool) -> float:
    """Return the share of the best score that a further unit must have; `tells_all`: the best one has every word."""
    return KEEP_WHOLE if tells_all or unit.kind in _WHOLE else KEEP_SHARE


def _rank(prompt: Prompt) -> _Ranked:
    asked, spoken = stems(prompt.question), words(prompt.question)
    found = [unit for n, passage in enumerate(prompt.passages, 1) for unit in units_of(passage, n, asked)]
    found = [unit for unit in found if not does_opposite(spoken, words(f"{unit.lead} {unit.text} {unit.term}"))]
    shared = _shared_words(asked, found)
    units = [found[i] for i in _shortlist(found, shared)] if found else []
    held = dict(zip(map(id, found), shared, strict=True))
    weight = WORDS_WEIGHT if is_latin(prompt.question) else OTHER_SCRIPT_WEIGHT
    wanted = frozenset(word for word in asked if not word.isalpha())
    shows = _asks_how(prompt.question)
    priors = [_prior(one, held[id(one)], weight) + EXACT_WEIGHT * _share(wanted, one.words) for one in units]
    priors = [prior + shows * _shown_by(one) for prior, one in zip(priors, units, strict=True)]
    return _Ranked(prompt.question, units, priors)


def _wanted(question: str) -> frozenset[str]:
    """Return the words of a question that its answer should have; none of a script without spaces."""
    return frozenset[str]().union(
        *(stems(one) for one in words(question) if not is_unspaced(one) and one.casefold() not in FUNCTION_WORDS)
    )


def _asks_how(question: str) -> bool:
    spoken = [one.casefold() for one in words(question)]
    return bool(spoken) and (spoken[0] in _HOW or not _COMMANDS.isdisjoint(spoken))


def _shown_by(unit: Unit) -> float:
    """Return what a unit gains where the question asks how something is done: it shows code, or names what to use."""
    has_code = unit.kind is Kind.CODE or unit.announces_code
    names = unit.kind is not Kind.CODE and _LITERAL.search(unit.text)
    return CODE_WEIGHT * has_code + LITERAL_WEIGHT * bool(names)


def _shortlist(found: Sequence[Unit], shared: Sequence[float]) -> list[int]:
    """Return the indices of the units that are worth their embedding; always the best one."""
    order = sorted(range(len(found)), key=lambda i: (-shared[i] - 0.1 / found[i].passage, i))
    read = accumulate(len(found[i].read) for i in order)
    return order[: max(1, sum(characters <= SHORTLIST_CHARACTERS for characters in read))]


def _prior(unit: Unit, shared: float, weight: float) -> float:
    return weight * shared + PASSAGE_WEIGHT * unit.similarity + RANK_WEIGHT / unit.passage


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _shared_words(asked: frozenset[str], found: Sequence[Unit]) -> list[float]:
    """Return for each unit the share of the question's words that it holds, rare words weighing more (inverse
    frequency)."""
    frequency = Counter(word for unit in found for word in unit.words)
    weight = {word: math.log(1 + len(found) / (1 + frequency[word])) for word in asked}
    total = sum(weight[word] for word in sorted(weight)) or 1.0
    return [sum(weight[word] for word in sorted(asked & unit.words)) / total for unit in found]
