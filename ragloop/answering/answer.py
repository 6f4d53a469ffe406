"""The journey of a question: embed → retrieve → generate → cite → log. Nothing is returned before it is logged."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from ragloop.answering.corrections import as_support
from ragloop.answering.prompts import (
    NOTHING_FOUND,
    Cited,
    cite,
    cite_short,
    closed_book_prompt,
    prompt_hash,
    rag_prompt,
)
from ragloop.answering.retrieval import Retrieved, retrieve
from ragloop.corpus.index.table import Index, Live
from ragloop.errors import MismatchError, NotFoundError, UsageError
from ragloop.journal import Journal
from ragloop.models import Generator, Vectors
from ragloop.records import BASE_LANE, LANES, Answer, Citation, Draft, Passage, Prompt

if TYPE_CHECKING:
    from ragloop.config.settings import AnswerSettings, RetrievalSettings


_LEARNED_OTHERWISE = "the adapter's answer cited a document in which something changed that it was trained on"
LONGEST_QUESTION = 4_000
"""Characters; a longer text is no question that one passage answers."""


class Outdated(Protocol):
    """What an adapter was trained on and documents no longer say."""

    def why(self, adapter_id: str, live: Live, questions: Sequence[str], vectors: Vectors) -> Sequence[str]:
        """Return per question, given with its vector, why the adapter is not to be asked; empty where it may be."""

    def documents(self, adapter_id: str, live: Live) -> frozenset[str]:
        """Return the ids of the documents in which something changed that the adapter was trained on."""


@dataclass(frozen=True)
class AnswerPolicy:
    """How passages are found and when ragloop abstains; see config.RetrievalSettings."""

    top_k: int = 5
    candidates: int = 30
    rrf_k: int = 60
    min_similarity: float = 0.35
    lane: str = "base+rag"

    @classmethod
    def of(cls, retrieval: "RetrievalSettings", answers: "AnswerSettings") -> "AnswerPolicy":
        """What the settings say."""
        r = retrieval
        return cls(r.top_k, r.candidates, r.rrf_k, r.min_similarity, answers.lane)


@dataclass
class Stopwatch:
    """Milliseconds per stage."""

    latency_ms: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        """End a stage and begin the next."""
        now = time.perf_counter()
        self.latency_ms[stage] = round((now - self._last) * 1000, 2)
        self._last = now


@dataclass(frozen=True)
class _Answered:
    """An answer with what it cites; its text is empty where no passage says it."""

    cited: Cited
    draft: Draft
    prompt: Prompt
    lane: str
    model: str
    adapter: str | None
    fallback: str = ""


class Answerer:
    """Answers questions and logs every answer. `generator_for(lane)` may raise NotFoundError, MismatchError: where no
    adapter can serve, the base lane answers instead, and the answer says why.

    `live()` says what answers now; it is asked once per batch, so that a question and its passages never come from two
    generations.
    """

    def __init__(
        self,
        live: Callable[[], Live],
        journal: Journal,
        generator_for: Callable[[str], Generator],
        policy: AnswerPolicy,
        outdated: Outdated | None = None,
    ) -> None:
        self._live, self._journal = live, journal
        self._generator_for, self._policy, self._outdated = generator_for, policy, outdated

    def ask(self, question: str, lane: str | None = None) -> Answer:
        """Answer one question. Raises UsageError for one that is empty or too long, StorageFullError."""
        return self.ask_all([question], lane)[0]

    def ask_all(self, questions: Sequence[str], lane: str | None = None) -> list[Answer]:
        """Answer questions in one batch and log them in one write; latencies are those of the batch, per question."""
        lane = lane or self._policy.lane
        questions = [_checked(question, lane) for question in questions]
        watch = Stopwatch()
        lane, generator, fallback = self._opened(lane)
        watch.lap("load")
        live = self._live()
        vectors = live.embedder.embed(questions)
        watch.lap("embed")
        index = live.index.snapshot()
        found = [self._retrieve(index, question, vector) for question, vector in zip(questions, vectors, strict=True)]
        watch.lap("retrieve")
        reasons, changed = [fallback] * len(questions), frozenset[str]()
        if generator.adapter and self._outdated:
            now = replace(live, index=index)
            reasons = list(self._outdated.why(generator.adapter, now, questions, vectors))
            changed = self._outdated.documents(generator.adapter, now)
        answered = self._answer(questions, found, lane, generator, reasons, changed)
        watch.lap("generate")
        latency_ms = {stage: round(ms / max(1, len(questions)), 2) for stage, ms in watch.latency_ms.items()}
        answers = [self._finish(*one, latency_ms) for one in zip(questions, found, answered, strict=True)]
        entries = [self._entry(a, f, one) for a, f, one in zip(answers, found, answered, strict=True)]
        self._journal.append("interactions", entries)
        return answers

    def _opened(self, lane: str) -> tuple[str, Generator, str]:
        """The lane that answers, its generator, and why it is not the one asked for.

        A rollback must take no service down, and neither may a damaged champion.
        """
        try:
            return lane, self._generator_for(lane), ""
        except (NotFoundError, MismatchError) as error:
            if lane == BASE_LANE:
                raise
            return BASE_LANE, self._generator_for(BASE_LANE), str(error)

    def _retrieve(self, index: Index, question: str, vector: Any) -> Retrieved:
        p = self._policy
        return retrieve(index, question, vector, top_k=p.top_k, candidates=p.candidates, rrf_k=p.rrf_k)

    def _answer(
        self,
        questions: Sequence[str],
        found: Sequence[Retrieved],
        lane: str,
        generator: Generator,
        reasons: Sequence[str],
        changed: frozenset[str],
    ) -> list[_Answered]:
        """Answer in the lane; `reasons` say why an adapter may not be asked a question.

        These questions, those whose closed-book answer no passage gives, and those whose answer cites a document in
        which something `changed` that the adapter was trained on, are answered from the passages by the base generator.
        """
        asked = [n for n, reason in enumerate(reasons) if lane == BASE_LANE or not reason]
        first = self._generate([questions[n] for n in asked], [found[n] for n in asked], lane, generator)
        outdated = {n for n, one in zip(asked, first, strict=True) if _cites(one, found[n]) & changed}
        kept = {
            n: one
            for n, one in zip(asked, first, strict=True)
            if n not in outdated and (one.cited.text or lane != "closed-book")
        }
        reasons = [_LEARNED_OTHERWISE if n in outdated else reason for n, reason in enumerate(reasons)]
        again = [n for n in range(len(questions)) if n not in kept]
        if again:
            base = self._generator_for(BASE_LANE)
            retried = self._generate([questions[n] for n in again], [found[n] for n in again], BASE_LANE, base)
            kept |= dict(zip(again, retried, strict=True))
        return [replace(kept[n], fallback=reason) for n, reason in enumerate(reasons)]

    def _generate(
        self, questions: Sequence[str], found: Sequence[Retrieved], lane: str, generator: Generator
    ) -> list[_Answered]:
        prompts = [
            closed_book_prompt(question) if lane == "closed-book" else rag_prompt(question, one.passages)
            for question, one in zip(questions, found, strict=True)
        ]
        worth = [n for n, one in enumerate(found) if (one.top_similarity or -1) >= self._policy.min_similarity]
        drafts = dict(zip(worth, generator.generate([prompts[n] for n in worth]), strict=True)) if worth else {}
        answered = []
        for n, one in enumerate(found):
            draft = drafts.get(n, Draft(""))
            closed = lane == "closed-book"
            cited = cite_short(questions[n], draft.text, one.passages) if closed else cite(draft.text, one.passages)
            answered.append(_Answered(cited, draft, prompts[n], lane, generator.model, generator.adapter))
        return answered

    def _finish(self, question: str, found: Retrieved, one: _Answered, latency_ms: Mapping[str, float]) -> Answer:
        return Answer(
            interaction_id=uuid4().hex,
            question=question,
            answer=one.cited.text or NOTHING_FOUND,
            abstained=not one.cited.text,
            citations=tuple(_citation(n, found.passages[n - 1]) for n in one.cited.numbers),
            passages=found.passages,
            lane=one.lane,
            model=one.model,
            adapter=one.adapter,
            latency_ms=latency_ms,
            prompt_tokens=one.draft.prompt_tokens,
            completion_tokens=one.draft.completion_tokens,
            fallback=one.fallback,
        )

    def _entry(self, answer: Answer, found: Retrieved, one: _Answered) -> dict[str, Any]:
        """The evidence for the log: ids, revisions and hashes of passages, never their text."""
        return {
            "interaction_id": answer.interaction_id,
            "asked_at": self._journal.store.now(),
            "question": answer.question,
            "answer": answer.answer,
            "abstained": answer.abstained,
            "lane": answer.lane,
            "model": answer.model,
            "adapter": answer.adapter,
            "generation": found.generation,
            "prompt_hash": prompt_hash(one.prompt),
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "cost_usd": 0.0,
            "guard": "none",
            "top_similarity": found.top_similarity,
            "passages": [_evidence(passage) for passage in answer.passages],
            "citations": [asdict(citation) for citation in answer.citations],
            "latency_ms": dict(answer.latency_ms),
            "fallback": answer.fallback or None,
            "support": _support(answer.passages, one.cited.rests_on),
        }


def _cites(one: _Answered, found: Retrieved) -> frozenset[str]:
    """The documents that an answer cites."""
    return frozenset(found.passages[n - 1].document_id for n in one.cited.numbers)


def _checked(question: str, lane: str) -> str:
    # A lone surrogate (bytes of a command line that are no UTF-8) could be logged, but never be folded into a table.
    question = " ".join(question.split()).encode("utf-8", "replace").decode()
    if not question:
        raise UsageError("the question is empty; ask something")
    if len(question) > LONGEST_QUESTION:
        raise UsageError(
            f"the question has {len(question):,} characters, at most {LONGEST_QUESTION:,} are taken; shorten it"
        )
    if lane not in LANES:
        raise UsageError(f"found lane {lane!r}, expected one of {', '.join(LANES)}")
    return question


def _citation(n: int, passage: Passage) -> Citation:
    return Citation(
        n,
        passage.uri,
        passage.heading,
        passage.start,
        passage.end,
        passage.chunk_id,
        passage.document_id,
        passage.revision,
    )


def _support(passages: Sequence[Passage], rests_on: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """Which statements of which documents the answer rests on, by their digests."""
    found: dict[str, list[str]] = {}
    for n, digests in rests_on.items():
        found.setdefault(passages[n - 1].document_id, []).extend(digests)
    return as_support(found)


def _evidence(passage: Passage) -> dict[str, Any]:
    return {
        "chunk_id": passage.chunk_id,
        "document_id": passage.document_id,
        "revision": passage.revision,
        "text_hash": passage.text_hash,
        "rank": passage.rank,
        "score": passage.score,
        "similarity": passage.similarity,
    }
