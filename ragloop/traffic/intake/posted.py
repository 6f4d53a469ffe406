"""Traces that are posted: on disk before they are acknowledged, in the log once they are done."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ragloop.errors import UsageError
from ragloop.traffic.exchange import Exchange
from ragloop.traffic.intake.requests import Request, Spans, read_request
from ragloop.traffic.intake.spool import FOLDER, Spool
from ragloop.traffic.intake.traces import Done, TraceIntake

log = logging.getLogger(__name__)
UNFIT = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What values raise that are none: the same ones would raise it for ever."""


class PostedTraces:
    """The traces that one process takes in. Threads may share it.

    `log_all(exchanges)` puts exchanges into the log, each once however often it is called with it. Nothing is lost
    where it raises, or the process dies: the next call, or the next process, logs what waits on disk.
    """

    def __init__(
        self,
        home: Path,
        log_all: Callable[[Iterator[Exchange]], object],
        intake: TraceIntake,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home, self._log_all, self._intake, self._seconds = home, log_all, intake, seconds
        self._spool: Spool | None = None
        self._lock, self._logging = threading.Lock(), threading.Lock()

    def take(self, request: Request) -> Spans:
        """Take in a request; what is not rejected of it is on disk then. Raises UsageError, StorageFullError."""
        spans = read_request(request)
        if spans.steps:
            name = self._opened().keep(request)
            with self._lock:
                self._intake.take(spans.steps, name, self._seconds())
        return spans

    def log_due(self) -> None:
        """Log the traces that are done. Raises what writing the log raises; the traces wait then."""
        if self._spool is None and (self._home / FOLDER).is_dir():
            self._opened()
        with self._logging:
            with self._lock:
                done = self._intake.due(self._seconds())
            self._finish(done)

    def close(self) -> None:
        """Log all traces as far as they came: the process ends."""
        with self._logging:
            with self._lock:
                done = self._intake.rest()
            self._finish(done)
        if self._spool is not None:
            self._spool.close()

    def _finish(self, done: Done) -> None:
        if not done.traces or self._spool is None:
            return
        try:
            self._log_each(done)
        except BaseException:
            with self._lock:
                self._intake.give_back(done)
            raise
        with self._lock:
            finished = self._intake.finish(done)
        self._spool.drop(finished)

    def _log_each(self, done: Done) -> None:
        """Log traces at once; where something in them cannot be logged one by one, without those that have it."""
        try:
            self._log_all(done.exchanges())
            return
        except UNFIT as error:
            log.warning("%d traces are logged one by one: %s", len(done.traces), type(error).__name__)
        for name, one in done.traces.items():
            try:
                self._log_all(Done({name: one}).exchanges())
            except UNFIT as error:
                log.warning("the trace %r was left out: %s", name, type(error).__name__)

    def _opened(self) -> Spool:
        """Open the spool when it is first needed, and take over what other processes left."""
        with self._lock:
            if self._spool is None:
                self._spool = Spool(self._home)
                for name, request in self._spool.take_over():
                    self._again(self._spool, name, request)
            return self._spool

    def _again(self, spool: Spool, name: str, request: Request) -> None:
        try:
            self._intake.take(read_request(request).steps, name, self._seconds())
        except UsageError as error:
            log.warning("a request of %s was left out: %s", spool, error)
            spool.drop([name])
