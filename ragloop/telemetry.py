"""Log lines and spans that name the interaction or the run that they belong to.

Lines go to the loggers of `logging`; spans go to OpenTelemetry, where the process has loaded its API: a program that
wants spans has set up a provider by then, and one that does not pays nothing. Neither holds text of documents or
questions: attributes are counts, ids and names of sources, and of an error only its class.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from time import perf_counter
from types import MappingProxyType
from typing import ParamSpec, TypeVar
from uuid import uuid4

_P = ParamSpec("_P")
_R = TypeVar("_R")
ROOT = "ragloop"
"""The logger above those of the core."""
IDS = ("interaction", "run")
"""What a line may belong to: the id of a question on its way, and of a sync or a training."""
log = logging.getLogger(__name__)
_current: ContextVar[Mapping[str, str]] = ContextVar("ragloop_telemetry", default=MappingProxyType({}))


@contextmanager
def context(*, interaction: str = "", run: str = "") -> Iterator[None]:
    """Name the interaction or the run that the lines and spans inside belong to; what is not given stays as it is."""
    given = {name: one for name, one in zip(IDS, (interaction, run), strict=True) if one}
    token = _current.set({**_current.get(), **given})
    try:
        yield
    finally:
        _current.reset(token)


def as_run(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function, each call of which is a run with an id of its own."""

    @wraps(work)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with context(run=uuid4().hex):
            return work(*args, **kwargs)

    return run


class WithContext(logging.Filter):
    """Give each record `interaction` and `run`, empty where it belongs to none; a format may name them."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name in IDS:
            setattr(record, name, _current.get().get(name, ""))
        return True


class Lines(logging.Handler):
    """Hands each message to a function, without its level and origin."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(record.getMessage())
        except Exception:  # noqa: BLE001 - as every handler of logging: what cannot be logged must not stop the work
            self.handleError(record)


def show(handler: logging.Handler, *, verbose: bool = False) -> None:
    """Give the lines of the core to a handler, in place of an earlier one of its class; with `verbose` those for
    debugging, too."""
    root = logging.getLogger(ROOT)
    for other in [one for one in root.handlers if type(one) is type(handler)]:
        root.removeHandler(other)
    handler.addFilter(WithContext())
    root.addHandler(handler)
    if verbose:
        handler.setLevel(logging.DEBUG)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)


@contextmanager
def diverted(handler: logging.Handler, names: Iterable[str]) -> Iterator[None]:
    """Give the lines of these loggers to a handler, and to nobody else, until the block ends."""
    loggers = [logging.getLogger(name) for name in names]
    for one in loggers:
        one.addHandler(handler)
        one.propagate = False
        one.setLevel(logging.INFO)
    try:
        yield
    finally:
        for one in loggers:
            one.removeHandler(handler)
            one.propagate = True
            one.setLevel(logging.NOTSET)


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Time a step, as a span and as a line for debugging."""
    described = {**_current.get(), **attributes}
    began = perf_counter()
    try:
        with _traced(name, {f"{ROOT}.{key}": value for key, value in described.items()}):
            yield
    finally:
        log.debug("%s: %.1f ms, %s", name, (perf_counter() - began) * 1000, described)


@contextmanager
def _traced(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    if not _is_provided():
        yield
        return
    from opentelemetry.trace import Status, StatusCode, get_tracer

    tracer = get_tracer(ROOT)
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield
        except BaseException as error:
            opened.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _is_provided() -> bool:
    """Return whether this process has set up who takes spans: other libraries load the API and set up none."""
    if "opentelemetry.trace" not in sys.modules:
        return False
    from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

    return not isinstance(get_tracer_provider(), ProxyTracerProvider)
