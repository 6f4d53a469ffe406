"""What a sync and a question leave as spans: one for each source, batch and stage, each with the id of its work."""

import logging

import pytest

from ragloop.telemetry import WithContext
from tests.support.indexed_folder import IndexedFolder
from tests.support.recorded_spans import recording

SECRET = "The reactor stops at 451 degrees."


def test_a_sync_and_a_question_are_traced_without_their_text(indexed: IndexedFolder) -> None:
    spans = recording()
    indexed.write("plant.md", SECRET)
    indexed.sync()
    (source,) = spans.named("sync source")
    (batch,) = spans.named("embed batch")
    assert batch.parent == "sync source"
    assert batch.attributes["ragloop.strings"] == 1
    assert batch.attributes["ragloop.run"] == source.attributes["ragloop.run"] != ""

    spans = recording()
    answer = indexed.app().answering.answerer.ask("At how many degrees does the reactor stop?")
    stages = [one.name for one in spans.ended]
    assert list(dict.fromkeys(stages)) == [f"answer: {one}" for one in answer.latency_ms]
    assert {one.attributes["ragloop.interaction"] for one in spans.ended} == {answer.interaction_id}
    assert "reactor" not in str([one.attributes for one in spans.ended])


def test_two_syncs_are_two_runs_also_for_their_log_lines(
    indexed: IndexedFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ragloop")
    caplog.handler.addFilter(WithContext())
    indexed.write("plant.md", SECRET)
    indexed.sync()
    first = {vars(one)["run"] for one in caplog.records if one.message.startswith("sync source")}
    caplog.clear()
    indexed.sync()
    second = {vars(one)["run"] for one in caplog.records if one.message.startswith("sync source")}
    assert len(first) == len(second) == len(first | second) - 1 == 1
    assert SECRET not in caplog.text
