"""The quick demonstration, told once; every test looks at another part of its report."""

import json

import pytest
import typer
from typer.testing import CliRunner

from ragloop.app import App
from ragloop.app.catalogue import CATALOGUE
from ragloop.catalogue import Kind, claiming_file, claiming_table
from ragloop.cli import options as context
from ragloop.cli.commands import demo
from ragloop.config import load_settings
from ragloop.demo.scale import QUICK
from ragloop.errors import UsageError

pytestmark = [pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The home of a demonstration, what it said, and its report."""
    home = tmp_path_factory.mktemp("demo") / "home"
    application = typer.Typer()
    application.command()(demo.demo)
    context.remember(str(home), None)
    try:
        result = CliRunner().invoke(application, ["--quick", "--json"], catch_exceptions=False)
    finally:
        context.remember(None, None)
    assert result.exit_code == 0
    return home, result.stderr, json.loads(result.stdout)


@pytest.fixture
def steps(told):
    return {step["name"]: step["figures"] for step in told[2]["steps"]}


@pytest.fixture
def app(told):
    home = told[0]
    return App(load_settings(home / "ragloop.toml", home))


def test_every_step_states_its_seconds_and_its_cpu(told):
    report = told[2]
    assert len(report["steps"]) == 13
    assert all(step["seconds"] >= 0 and step["cpu_seconds"] >= 0 for step in report["steps"])
    assert report["seconds"] >= sum(step["seconds"] for step in report["steps"]) - 1


def test_the_first_sync_indexes_every_document_and_answers_while_it_runs(steps):
    sync = steps["Sync them; ask while it runs"]
    assert sync["added"] == QUICK.packages
    assert sync["failed"] == 0
    assert sync["chunks_embedded"] + sync["chunks_reused"] == sync["chunks_total"]
    assert 0 < sync["first_cited_answer_s"] < 120


def test_questions_are_answered_with_citations(steps):
    assert steps["Ask three questions"]["questions"] == 3
    assert steps["Ask three questions"]["cited"] >= 2


def test_the_journal_holds_all_answers_and_all_feedback(steps, app):
    traffic = steps["Replay traffic and collect feedback"]
    assert traffic["questions"] == 2 * traffic["facts"] == 2 * QUICK.facts
    assert traffic["correction"] == 2 * QUICK.corrected
    given = traffic["correction"] + traffic["up"] + traffic["down"]
    assert given + traffic["no_feedback"] == traffic["questions"]
    tried = sum(figures["questions"] for figures in steps.values() if "looks" in figures)
    assert app.journal.feedback().num_rows == given + tried
    assert app.journal.interactions().num_rows >= traffic["questions"] + 4
    assert traffic["answers_with_known_answer"] >= 0.7 * traffic["questions"]


def test_the_second_sync_embeds_only_what_is_new(steps):
    change = steps["Change five documents and sync again"]
    assert (change["updated"], change["renamed"], change["deleted"]) == (3, 1, 1)
    assert change["unchanged"] == QUICK.packages - 5
    assert len(change["embedded"]) == change["chunks_embedded"] <= 6
    assert change["chunks_reused"] > change["chunks_embedded"]
    assert not any(one.startswith("renamed-") for one in change["embedded"])


def test_answers_that_rest_on_changed_documents_are_no_longer_eligible(steps):
    change = steps["Change five documents and sync again"]
    assert change["ineligible_rows"] == change["eligible_before"] - change["eligible_after"] > 0
    assert change["funnel_before"].get("passage changed or gone", 0) == 0
    assert change["funnel_after"]["passage changed or gone"] == change["ineligible_rows"]


def test_the_changed_version_is_answered_from_the_new_revision(steps):
    change = steps["Change five documents and sync again"]
    assert change["new_version"] in change["answer_after"]
    assert change["new_version"] not in change["answer_before"]


def test_the_bell_rings_once_people_ask_for_other_things(steps):
    before, drift = (
        steps["Replay traffic and collect feedback"],
        steps["Measure drift, now that other things are asked"],
    )
    assert not before["due_before_the_shift"]
    assert drift["due"]
    assert drift["signals"]["questions"] == "drift"
    assert all(reason.startswith("Drift rings") for reason in drift["reasons"]), "cadence alone does not"


@pytest.mark.parametrize("step", ["Retrain, as the bell asked", "Plant an adapter trained on shuffled answers"])
def test_the_verdict_follows_from_its_criteria(steps, step):
    judged = steps[step]
    states = {criterion["state"] for criterion in judged["criteria"]}
    expected = "reject" if "fail" in states else "promote" if states == {"pass"} else "inconclusive"
    assert judged["verdict"] == expected
    assert (judged["promoted"] or judged["tried"]) == (expected == "promote")
    assert len(judged["reasons"]) >= 3, "one sentence per criterion, then notes"


def test_what_serves_follows_from_the_canaries(steps, app):
    judged, tried = steps["Retrain, as the bell asked"], steps["Try it on a share of the questions"]
    assert (tried["questions"] == 0) == (judged["verdict"] == "reject")
    planted = steps["Try the planted adapter on readers"]
    assert 0 < planted["questions"] < QUICK.canary_questions
    assert planted["ended"] in ("roll back", "stopped")
    assert app.learning.canary.canaries.under_way() == []
    asked = steps["Ask a trained question again, through the adapter"]
    assert (asked["champion"] is not None) == tried["promoted"]
    assert steps["Roll back"]["lane_after"] == "base+rag"
    assert len(app.registry.adapters()) == 2


def test_a_training_that_was_killed_goes_on_from_its_checkpoint(steps):
    house = steps["Teach another adapter the format of a house"]
    assert (house["killed_at"], house["resumed_with_step"]) == (14, 11)
    assert house["rows"] >= 10
    assert house["asked"] == 6
    assert 0 <= house["valid"] <= 6
    assert house["valid_before"] == 0


def test_it_says_how_to_see_it_as_an_operator(told):
    home, said, report = told
    assert f"ragloop up --home {home}" in said
    assert report["open"].startswith(f"ragloop up --home {home}")
    assert said.startswith("This shows the whole loop, offline; it takes two to three minutes")
    assert "Step 8 of 8. Roll back" in said
    asked = "Which package shows progress bars and tables in a terminal?"
    assert f"ragloop ask '{asked}' --home {home} --config {home}/ragloop.toml" in said


def test_a_folder_that_holds_something_is_refused(told):
    context.remember(str(told[0]), None)
    try:
        with pytest.raises(UsageError, match="empty folder"):
            demo.demo(quick=True)
    finally:
        context.remember(None, None)


INPUT = ("desk", "documents", "tiny-model", "ragloop.toml", "golden.jsonl")
"""What the demonstration writes as a person would, beside the home's own; the desk is a home of its own."""


def test_the_catalogue_claims_all_that_a_home_keeps_once(told):
    home = told[0]
    files = [str(one.relative_to(home)) for one in home.rglob("*") if one.is_file()]
    own = [one for one in files if one.split("/")[0] not in (*INPUT, "store")]
    tables = {one.split("/")[1].removesuffix(".lance") for one in files if one.startswith("store/")}
    claims = {one: [entry.name for entry in claiming_file(CATALOGUE, one)] for one in own}
    claims |= {one: [entry.name for entry in claiming_table(CATALOGUE, one)] for one in tables}
    assert {one: names for one, names in claims.items() if len(names) != 1} == {}
    # Of every kind of artifact the demonstration leaves one, but what a training that ends well removes.
    claimed = {name for names in claims.values() for name in names}
    # Another test may have folded the journal; copies are made of adapters in a bucket, and pages of scans recognised.
    unseen = {one.name for one in CATALOGUE} - claimed - {"journal/*.jsonl", "artifacts/copies/**"}
    # Nobody erases anything in it, adds a golden question, sends traces, reports a training or mirrors adapters.
    assert unseen == {
        "aside/**", "journal/unreadable.lines", "recognised/*", "artifacts/adapters/ID/checkpoints/**",
        "artifacts/adapters/ID/tensorboard/**", "artifacts/adapters/ID/wandb/**", "artifacts/mirrors.json",
        "artifacts/golden.jsonl", "artifacts/erasures/ID.json", "erasure.key", "traces/**",
    }  # fmt: skip


def test_a_backup_holds_what_the_catalogue_says(told, app):
    done = app.safekeeping.back_up(str(told[0].with_name("backup")))
    (manifest,) = app.safekeeping.backups(str(told[0].with_name("backup"))).all()
    assert manifest.backup_id == done.backup_id
    held = [one.path for one in manifest.entries if not one.path.startswith("store/")]
    found = {entry.name for path in held for entry in claiming_file(CATALOGUE, path)}
    there = {
        entry.name
        for one in told[0].rglob("*")
        if one.is_file()
        for entry in claiming_file(CATALOGUE, str(one.relative_to(told[0])))
    }
    assert found == {one.name for one in CATALOGUE if one.backed_up and one.name in there}
    tables = {entry.name for one in manifest.tables for entry in claiming_table(CATALOGUE, one.name)}
    assert tables == {one.name for one in CATALOGUE if one.kind is not Kind.FILES}
