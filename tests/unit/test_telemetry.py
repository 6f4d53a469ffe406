"""Log lines and spans name what they belong to, and hold no text of documents or questions."""

import logging
import subprocess
import sys

import pytest

from ragloop.telemetry import ROOT, Lines, WithContext, as_run, context, show, span
from tests.support.recorded_spans import recording

log = logging.getLogger(f"{ROOT}.test")


def ids() -> tuple[str, str]:
    record = logging.makeLogRecord({})
    WithContext().filter(record)
    return vars(record)["interaction"], vars(record)["run"]


def test_a_line_belongs_to_nothing_unless_it_is_written_inside() -> None:
    assert ids() == ("", "")
    with context(run="r"):
        with context(interaction="i"):
            assert ids() == ("i", "r")
        assert ids() == ("", "r")
    assert ids() == ("", "")


def test_each_call_is_a_run_of_its_own() -> None:
    called = as_run(lambda: ids()[1])
    assert called() != called()
    assert ids() == ("", "")


def test_lines_for_people_hold_the_message_alone_and_are_shown_once() -> None:
    shown: list[str] = []
    try:
        show(Lines(print))
        show(Lines(shown.append))
        log.info("exporting %s", "a model")
        log.debug("not for people")
    finally:
        root = logging.getLogger(ROOT)
        root.removeHandler(next(one for one in root.handlers if isinstance(one, Lines)))
    assert shown == ["exporting a model"]


def test_a_span_has_the_ids_around_it_and_its_parent() -> None:
    spans = recording()
    with context(run="r"), span("outer"), span("inner", strings=3):
        pass
    inner, outer = spans.ended
    assert (inner.name, inner.parent, inner.attributes) == (
        "inner",
        "outer",
        {"ragloop.run": "r", "ragloop.strings": 3},
    )
    assert (outer.name, outer.parent, outer.status) == ("outer", "", "")


def test_a_span_that_fails_names_the_class_of_the_error_and_not_what_it_quotes() -> None:
    spans = recording()
    with pytest.raises(ValueError, match="secret"), span("failing"):
        raise ValueError("the secret text of a document")
    (failed,) = spans.ended
    assert failed.status == "ERROR ValueError"


def test_a_span_is_a_line_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, ROOT)
    with span("sync source", source="handbook"):
        pass
    assert caplog.messages[-1].startswith("sync source: ")
    assert caplog.messages[-1].endswith("ms, {'source': 'handbook'}")


def test_a_span_starts_nothing_where_a_library_loaded_the_api_and_nobody_traces() -> None:
    code = (
        "import opentelemetry.trace as api\n"
        "from ragloop.telemetry import span\n"
        "def get_tracer(name): raise AssertionError(name)\n"
        "api.get_tracer = get_tracer\n"
        "with span('a'): pass\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_span_loads_nothing_where_nobody_traces() -> None:
    code = (
        "import sys; from ragloop.telemetry import span\nwith span('a'): pass\n"
        "assert 'opentelemetry' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
