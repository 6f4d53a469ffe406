"""The work of the service, in threads: a slow model keeps neither other callers nor the loop from going on."""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from ragloop.answering.retrieval import RetrievalPolicy
from ragloop.app import App
from ragloop.config.answering import ServiceSettings
from ragloop.errors import RagloopError
from ragloop.journal import Journal
from ragloop.models.generation.wanted import wanted_while
from ragloop.records import Answer, Earlier, Origin, View
from ragloop.service.callers import Caller
from ragloop.service.figures import Figures
from ragloop.service.jobs import Job, Jobs, Request
from ragloop.service.refusals import RETRY_S, Refused

log = logging.getLogger(__name__)
PING_S = 15.0
"""How often a stream whose answer is being written shows that it is alive."""
WATCH_EVERY = 50
"""Answers and votes after which the canaries are looked at."""
READERS = 4
"""Threads that read: searches, feedback, documents."""
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Asked:
    """A question of a caller, in the lane of the model that it named; None is the default.

    `conversation` is what was said before, oldest first.
    """

    question: str
    lane: str | None
    caller: Caller
    origin: Origin
    conversation: tuple[Earlier, ...] = ()


class EveryFew:
    """Counts calls of several threads, and is due at every so many."""

    def __init__(self, few: int) -> None:
        self._few, self._calls = few, itertools.count(1)

    def is_due(self) -> bool:
        """Count a call, and return whether it is one of them."""
        return next(self._calls) % self._few == 0


class Serving:
    """What routes call."""

    def __init__(self, app: App, settings: ServiceSettings, ping_s: float = PING_S) -> None:
        self.app, self.figures, self.ping_s = app, Figures(), ping_s
        self._most = settings.parallel + settings.waiting
        self._answers = ThreadPoolExecutor(settings.parallel, "ragloop-answer")
        self._reads = ThreadPoolExecutor(READERS, "ragloop-read")
        self._under_way = 0
        self._jobs = Jobs()
        self._retrieval = RetrievalPolicy.of(app.settings.retrieval, guard=app.settings.answers.guard)
        self._answerer, self._journal = app.answering.answerer, app.journal
        self._warming = threading.Lock()
        self._canaries = EveryFew(WATCH_EVERY)
        self.is_ready = False

    def warm(self) -> None:
        """Open the index and load what an answer needs: once, and before several threads ask for it."""
        with self._warming:
            if self.is_ready:
                return
            try:
                self.app.parts.active().embedder.embed(["warm"])
            except RagloopError as error:
                log.warning("not ready yet: %s", error)
            else:
                self.is_ready = True

    def view_of(self, caller: Caller) -> View:
        """Return which documents a caller sees."""
        return self._retrieval.view_of(caller.labels)

    @property
    def view_of_nobody(self) -> View:
        """Return what a caller without labels sees."""
        return self._retrieval.without_labels

    async def read(self, work: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run what reads or writes the store, but answers no question."""
        return await asyncio.get_running_loop().run_in_executor(self._reads, partial(work, *args, **kwargs))

    def ask(self, asked: Asked, request: Request) -> Job:
        """Begin to answer a question, or join the answer to the request that this one repeats.

        Raises Refused where too many questions wait.
        """
        return self._jobs.of(request, partial(self._begin, asked))

    def _begin(self, asked: Asked) -> Job:
        if self._under_way >= self._most:
            self.figures.refused.inc()
            raise Refused(503, "too many questions are being answered; come back later", retry_s=RETRY_S)
        self._under_way += 1
        gone = threading.Event()
        made = self._answers.submit(self._answer, asked, time.perf_counter(), gone)
        loop = asyncio.get_running_loop()
        made.add_done_callback(lambda _: loop.call_soon_threadsafe(self._ended))
        return Job(made, self._mark, gone)

    def _ended(self) -> None:
        self._under_way -= 1

    def _answer(self, asked: Asked, began: float, gone: threading.Event) -> Answer:
        self.warm()
        with wanted_while(lambda: not gone.is_set()):
            answer = self._answerer.ask(
                asked.question, asked.lane, asked.caller.labels, asked.origin, asked.conversation
            )
        self.figures.count(answer, time.perf_counter() - began)
        self.watch_canaries()
        return answer

    async def _mark(self, interaction_id: str, cut: bool) -> None:
        await self.read(mark_cut, self._journal, interaction_id, cut=cut)

    def watch_canaries(self) -> None:
        """Count an answer or a vote; after every few, let a thread decide on the canaries."""
        if self._canaries.is_due():
            self._reads.submit(self._act_on_canaries)

    def _act_on_canaries(self) -> None:
        try:
            changed = any(one.done for one in self.app.learning.canary.act())
            if changed and (left := self.app.safekeeping.follow_mirror()):
                log.warning("%s", left)
        except RagloopError as error:
            log.error("canaries cannot be watched now: %s", error)

    def log_traces(self) -> None:
        """Log the traces of other services that are done; what cannot be logged now waits."""
        try:
            self.app.traffic.traces.log_due()
        except Exception as error:  # noqa: BLE001 - its message may hold a question, and the next call is to be made
            log.error("traces cannot be logged now: %s", error if isinstance(error, RagloopError) else type(error))

    def close(self) -> None:
        """Wait for what is under way: an answer that was begun is logged, and what came of each trace."""
        self._answers.shutdown(cancel_futures=True)
        self._reads.shutdown()
        try:
            self.app.traffic.traces.close()
        except RagloopError as error:
            log.error("the next process logs the traces that wait: %s", error)


def mark_cut(journal: Journal, interaction_id: str, *, cut: bool) -> None:
    """Log whether the caller missed the end of an answer: one that is cut is never trained on."""
    journal.append("interactions", [{**journal.answer(interaction_id), "cut": cut}])
