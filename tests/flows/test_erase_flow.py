"""erase-documents against a real server: an operator decides, and what is kept and shown of it."""

from pathlib import Path

import pytest

from flows.erase import erase_documents
from ragloop.app import App
from ragloop.config import load_settings
from ragloop.erasure.asked import Asked
from ragloop.erasure.certificate import Certificate
from tests.flows.conftest import FlowsInProcess, answer_when_asked

pytestmark = pytest.mark.realmodel


@pytest.fixture
def home(folder: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    app = App(load_settings(home=home))
    app.corpus.sync(folder)
    app.answering.answerer.ask("What does the heron of pond 3 eat?")
    return home


def keys(home: Path) -> list[str]:
    return [one.key for one in App(load_settings(home=home)).documents()]


def test_an_operator_approves_an_erasure_and_the_certificate_says_who(flows: FlowsInProcess, home: Path) -> None:
    given: dict[str, object] = {"decision": "approve", "name": "Ada", "reason": "the court says so"}
    answering = answer_when_asked(flows, given, lambda: None)
    documents = ("chapter-03.md",)
    state = erase_documents(documents, reason="request 17", name="Bo", home=home, return_state=True)
    answering.join()
    run, artifacts = flows.run_of(state), flows.artifacts(state)
    (read,) = App(load_settings(home=home)).erasing.certificates.all()
    certificate = read.certificate
    assert (run["state_type"], read.is_signed()) == ("COMPLETED", True)
    assert run["name"] == f"erase · erased, certificate {certificate.certificate_id}, approved by Ada"
    assert (certificate.by, certificate.reason) == ("Bo, approved by Ada", "request 17; the court says so")
    assert "chapter-03.md" not in keys(home)
    assert certificate.certificate_id in artifacts["erasure"]
    assert "heron" not in str(artifacts)


@pytest.mark.long
def test_an_erasure_that_was_interrupted_meanwhile_does_not_stand_for_the_one_that_was_approved(
    flows: FlowsInProcess, home: Path
) -> None:
    def interrupted() -> None:
        erasing = App(load_settings(home=home)).erasing
        plan = erasing.plan(Asked(("chapter-04.md",)))
        erasing.certificates.write(Certificate("1" * 16, "2026-01-01T00:00:00+00:00", plan.traces, by="signature"))
        assert len(erasing.certificates.unfinished()) == 1

    answering = answer_when_asked(flows, {"decision": "approve", "name": "Ada"}, interrupted)
    state = erase_documents(("chapter-03.md",), home=home, return_state=True)
    answering.join()
    assert flows.run_of(state)["state_type"] == "COMPLETED"
    assert not {"chapter-03.md", "chapter-04.md"} & set(keys(home))


def test_a_refusal_and_an_empty_form_erase_nothing(flows: FlowsInProcess, home: Path) -> None:
    answering = answer_when_asked(flows, {"decision": "refuse", "name": "Ada"}, lambda: None)
    state = erase_documents(("chapter-03.md",), home=home, return_state=True)
    answering.join()
    assert flows.run_of(state)["name"] == "erase · refused by Ada"
    assert flows.run_of(erase_documents(home=home, return_state=True))["name"] == "erase · nothing to erase"
    assert len(keys(home)) == 25
    assert App(load_settings(home=home)).erasing.certificates.all() == []
