"""A log becomes an adapter that is promoted, or not and why: with a model that trains in seconds."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ragloop.app import App
from ragloop.cli.main import main
from ragloop.config import load_settings
from ragloop.corpus.index import inventory
from ragloop.errors import StoreBusyError, UsageError
from ragloop.learning.evaluation.gate import Verdict
from ragloop.learning.evaluation.measures import EXACT_MATCH, EXACT_MATCH_TRAINED, TOKEN_F1_ELSEWHERE
from ragloop.learning.monitoring.windows import SNAPSHOT
from ragloop.learning.retraining import Retraining
from ragloop.learning.steps.parts import CanaryEntry
from ragloop.learning.steps.promote import Promotion, note_verdict
from ragloop.models import Generator
from ragloop.models.generation.local import LocalGenerator
from ragloop.records import Draft, Prompt
from ragloop.registry import (
    CANARY,
    INCONCLUSIVE,
    PROMOTED,
    REGISTERED,
    REJECTED,
    RETIRED,
    Adapter,
    Canaries,
    VerdictKind,
)
from ragloop.reports import Reports
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.tiny_model import FACTS, save_tiny_model
from tests.support.trainable import ANSWER, write_trainable

QUESTIONS = (*FACTS, "Where does the fox sleep?", "How old is the mill?", "Whose is the boat?")


def app_of(place: Path, home: str = "home") -> App:
    return App(load_settings(place / "ragloop.toml", place / home), embedder=ConstantEmbedder())


def ask_and_correct(app: App, *questions: str) -> None:
    answers = app.answering.answerer.ask_all(questions)
    app.journal.give_all_feedback([(one.interaction_id, "correction", ANSWER) for one in answers])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration and homes: `asked` has a log, in `trained` an adapter is trained and evaluated, not judged."""
    place = tmp_path_factory.mktemp("retraining")
    save_tiny_model(place / "model")
    write_trainable(place, place / "model", QUESTIONS, {"training": {"epochs": 40, "checkpoint_steps": 20}})
    (place / "documents").mkdir()
    for number, question in enumerate(QUESTIONS):
        (place / "documents" / f"{number}.md").write_text(f"# {question}\n\n{question} Nobody knows but Ada.\n")
    app = app_of(place, "asked")
    app.corpus.sync(place / "documents")
    ask_and_correct(app, *QUESTIONS)
    app.journal.fold()
    shutil.copytree(place / "asked", place / "trained")
    app = app_of(place, "trained")
    adapter_id = app.learning.retraining.train(app.learning.retraining.build_dataset().dataset_id)
    app.learning.retraining.evaluate(adapter_id)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """Copies of all that `made` holds; the model stays where it is."""
    shutil.copytree(made, tmp_path / "place", ignore=shutil.ignore_patterns("model"))
    return tmp_path / "place"


@pytest.fixture
def app(place: Path) -> App:
    """The home with an adapter that is trained and evaluated."""
    return app_of(place, "trained")


def configure(place: Path, old: str, new: str) -> None:
    file = place / "ragloop.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def only(app: App) -> Adapter:
    adapters = app.registry.adapters()
    assert len(adapters) == 1
    return adapters[0]


def other(app: App, name: str = "other") -> Adapter:
    """Another adapter with files of its own, not judged."""
    adapter = only(app)
    shutil.copytree(app.registry.folder(adapter), app.registry.artifacts.folder / "adapters" / name)
    copied = replace(adapter, adapter_id=name, path=f"adapters/{name}", state=REGISTERED)
    app.registry.register(copied)
    return copied


def champion(app: App) -> str | None:
    serving = app.registry.champion()
    return serving.adapter_id if serving else None


PROMOTE = Verdict(VerdictKind.PROMOTE, ("it is good.",))


def test_a_log_becomes_a_champion_and_is_rolled_back(place: Path) -> None:
    app = app_of(place, "asked")
    steps: list[int] = []
    report = app.learning.retraining.run(lambda progress: steps.append(progress.step))
    assert (report.verdict, report.promoted) == ("promote", True), report
    assert steps[-1] == 40
    adapter = app.registry.champion()
    assert adapter is not None
    assert (adapter.adapter_id, adapter.state, adapter.verdict) == (report.adapter_id, PROMOTED, "promote")
    for measure in (EXACT_MATCH, EXACT_MATCH_TRAINED):
        base, trained = (report.metrics[who][measure.name] for who in ("champion", "candidate"))
        assert base == 0
        assert trained
    assert report.metrics["candidate"]["trained_questions"]
    assert app.registry.rollback("test").champion is None
    assert app.registry.adapter(report.adapter_id).state == RETIRED
    assert not app.learning.retraining.promote(report.adapter_id, PROMOTE).promoted
    assert champion(app) is None
    assert "rolled back" in only(app).reasons[0]
    assert app.registry.promote(report.adapter_id, "by hand").state == PROMOTED


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_an_adapter_that_learned_what_is_no_longer_true_is_not_promoted(app: App, place: Path, change: str) -> None:
    retraining, adapter = app.learning.retraining, only(app)
    verdict = retraining.judge(adapter.adapter_id)
    assert verdict.verdict == "promote"
    for number in range(8):
        file = place / "documents" / f"{number}.md"
        file.write_text("# Other\n\nAll is different.\n") if change == "edit" else file.unlink()
    resync(app, place)
    promoted = retraining.promote(adapter.adapter_id, verdict).promoted
    assert (promoted, champion(app)) == (False, None)
    found = only(app)
    assert found.verdict == "inconclusive"
    rows = len(trained_questions(app))
    assert found.reasons[0].startswith(f"not promotable: {rows} of {rows} trained rows rest on passages that changed")
    if change == "edit":
        assert ".md (" in found.reasons[0]
    judged = retraining.judge(adapter.adapter_id)
    assert (judged.verdict, judged.reasons[0]) == ("inconclusive", found.reasons[0])


def resync(app: App, place: Path) -> None:
    """Sync the copied folder in place of the one that the home was made from."""
    original = Path(inventory.sources(app.index)[0])
    kept = original.with_name("kept")
    original.rename(kept)
    try:
        shutil.copytree(place / "documents", original)
        app.corpus.sync(original, confirm_deletes=True)
    finally:
        shutil.rmtree(original)
        kept.rename(original)


def test_examples_that_any_retraining_looked_at_are_not_new(app: App, place: Path) -> None:
    assert app_of(place, "asked").learning.retraining.new_eligible() == 8
    retraining, adapter = app.learning.retraining, only(app)
    assert retraining.new_eligible() == 0
    ask_and_correct(app, "What does the ferry cost?")
    assert retraining.new_eligible() == 1
    retraining.promote(adapter.adapter_id, Verdict(VerdictKind.REJECT, ("bad.",)))
    assert retraining.new_eligible() == 1
    app.registry.update(adapter.adapter_id, lambda now: replace(now, recipe="grounded"))
    assert retraining.new_eligible() == 9, "another recipe learned something else of them"
    app.registry.update(adapter.adapter_id, lambda now: replace(now, recipe=adapter.recipe))
    assert retraining.new_eligible() == 1
    shutil.rmtree(app.registry.artifacts.folder / "datasets" / adapter.dataset_id)
    assert retraining.new_eligible() == 9


@pytest.mark.parametrize(("verdict", "word"), [("promote", "promoted"), ("reject", "rejected")])
def test_the_same_examples_are_not_trained_on_twice(app: App, verdict: str, word: str) -> None:
    retraining, adapter = app.learning.retraining, only(app)
    retraining.promote(adapter.adapter_id, Verdict(VerdictKind(verdict), ("so it is.",)))
    before = only(app)
    with pytest.raises(UsageError, match=f"nothing new to train on: adapter {adapter.adapter_id} .* {word}"):
        retraining.run(lambda _: pytest.fail("it trains"))
    assert only(app) == before


def test_a_run_that_was_killed_before_its_verdict_goes_on(app: App) -> None:
    before = only(app)
    report = app.learning.retraining.run(lambda _: pytest.fail("it trains"))
    after = only(app)
    assert (report.adapter_id, report.promoted) == (before.adapter_id, True)
    assert (after.created_at, after.sha256) == (before.created_at, before.sha256)
    assert after.evidence.training == before.evidence.training


def test_a_step_that_is_run_again_leaves_what_it_left_before(app: App) -> None:
    steps, adapter_id = app.learning.retraining, only(app).adapter_id
    verdict = steps.judge(adapter_id)
    for step in (
        lambda: steps.train(steps.build_dataset().dataset_id, lambda _: pytest.fail("it trains")),
        lambda: steps.judge(adapter_id),
        lambda: [steps.evaluate(adapter_id), steps.judge(adapter_id)],
        lambda: steps.promote(adapter_id, verdict),
    ):
        step()
        before = [app.registry.adapters(), app.registry.history(), app.store.count("datasets"), snapshot(app)]
        step()
        assert [app.registry.adapters(), app.registry.history(), app.store.count("datasets"), snapshot(app)] == before


def test_an_adapter_whose_files_changed_is_not_marked_promoted(app: App) -> None:
    adapter = only(app)
    (app.registry.folder(adapter) / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(UsageError, match="were changed"):
        app.learning.retraining.promote(adapter.adapter_id, PROMOTE)
    assert (only(app).state, champion(app)) == ("registered", None)


def test_an_adapter_is_compared_again_when_another_champion_came_in_between(app: App) -> None:
    adapter = only(app)
    app.registry.promote(other(app).adapter_id, "by hand")
    ended = app.learning.retraining.promote(adapter.adapter_id, PROMOTE)
    assert (ended.promoted, champion(app)) == (False, "other")
    assert "evaluate again" in ended.verdict.reasons[0]
    assert app.registry.adapter(adapter.adapter_id).reasons == ended.verdict.reasons
    report = app.learning.retraining.run(lambda _: pytest.fail("it trains"))
    assert app.registry.adapter(adapter.adapter_id).evidence.compared_with == "other"
    assert not report.promoted, "it answers as the champion does"


def test_an_adapter_that_finds_another_one_tried_waits_and_is_evaluated_again(app: App) -> None:
    adapter, canaries = only(app), Canaries(app.registry)
    canaries.start(other(app).adapter_id, 0.05, "by hand")
    parts = app.learning.retraining.parts
    steps = Retraining(replace(parts, policy=replace(parts.policy, canary=CanaryEntry("always", 0.05, 20, 7))))
    verdict = steps.judge(adapter.adapter_id)
    ended = steps.promote(adapter.adapter_id, verdict)
    assert (ended.tried, ended.promoted, ended.verdict.verdict) == (False, False, "inconclusive")
    assert "another adapter is tried" in ended.verdict.reasons[0]
    canaries.stop(canaries.under_way()[0], "by hand")
    report = steps.run(lambda _: pytest.fail("it trains"))
    assert (report.adapter_id, report.tried) == (adapter.adapter_id, True)
    with pytest.raises(UsageError, match="made a challenger"):
        steps.run()


# --- what happens to the registry between the steps and during them ---------------------------------------------------


def promote_and_roll_back(app: App, adapter_id: str) -> None:
    app.registry.promote(adapter_id, "by hand")
    app.registry.rollback("a person saw it")


def retraining_during_which(app: App, act: Callable[[], object]) -> Retraining:
    """The steps, with something that happens once while an adapter is being loaded for its evaluation."""
    parts, acts = app.learning.retraining.parts, iter([act])

    def generator(adapter_id: str | None) -> AbstractContextManager[Generator]:
        for one in acts:
            one()
        return parts.generator(adapter_id)

    return Retraining(replace(parts, generator=generator))


def test_a_rollback_by_hand_during_an_evaluation_is_not_overwritten(app: App) -> None:
    adapter_id = only(app).adapter_id
    steps = retraining_during_which(app, lambda: promote_and_roll_back(app, adapter_id))
    steps.evaluate(adapter_id)
    assert only(app).state == RETIRED
    verdict = steps.judge(adapter_id)
    assert (verdict.verdict, only(app).state) == ("promote", RETIRED)
    assert not steps.promote(adapter_id, verdict).promoted
    assert (only(app).state, champion(app), only(app).verdict) == (RETIRED, None, "inconclusive")
    steps.promote(adapter_id, Verdict(VerdictKind.REJECT, ("bad.",)))
    assert only(app).state == RETIRED


def test_what_is_measured_is_added_to_what_the_row_holds_by_then(app: App) -> None:
    adapter_id = only(app).adapter_id

    def note() -> None:
        app.registry.update(adapter_id, lambda now: replace(now, reasons=("meanwhile",)))

    retraining_during_which(app, note).evaluate(adapter_id)
    assert only(app).reasons == ("meanwhile",)
    assert only(app).evidence.evaluation is not None


def test_a_state_that_cannot_follow_the_present_one_is_refused(app: App) -> None:
    adapter_id = only(app).adapter_id
    for state in (PROMOTED, RETIRED):
        with pytest.raises(ValueError, match=f"is registered and cannot be made {state}"):
            app.registry.update(adapter_id, partial(replace, state=state))
    app.registry.promote(adapter_id, "by hand")
    with pytest.raises(ValueError, match="is promoted and cannot be made rejected"):
        app.registry.update(adapter_id, lambda now: replace(now, state=REJECTED))


@pytest.mark.parametrize("first", [VerdictKind.REJECT, VerdictKind.INCONCLUSIVE])
def test_an_adapter_that_is_judged_again_is_in_the_state_of_its_last_verdict(app: App, first: VerdictKind) -> None:
    steps, adapter_id = app.learning.retraining, only(app).adapter_id
    before = Verdict(first, ("so it was.",))
    steps.promote(adapter_id, before)
    assert (only(app).state, only(app).verdict) == ({"reject": REJECTED, "inconclusive": INCONCLUSIVE}[first], first)
    note_verdict(steps.parts, adapter_id, steps.judge(adapter_id))
    assert (only(app).state, only(app).verdict) == (REGISTERED, VerdictKind.PROMOTE)
    steps.promote(adapter_id, before)
    assert steps.promote(adapter_id, steps.judge(adapter_id)).promoted


def test_a_document_that_changes_while_a_promotion_waits_for_its_turn_counts(app: App, place: Path) -> None:
    adapter_id = only(app).adapter_id
    verdict = app.learning.retraining.judge(adapter_id)
    file = place / "documents" / "0.md"
    for number in range(8):
        file.with_name(f"{number}.md").write_text("# Other\n\nAll is different.\n")
    with ThreadPoolExecutor(1) as thread:
        with app.store.lease("registry"):
            concluded = thread.submit(app_of(place, "trained").learning.retraining.promote, adapter_id, verdict)
            time.sleep(1)
            resync(app, place)
        ended = concluded.result()
    assert (ended.promoted, champion(app)) == (False, None)
    assert "rest on passages that changed" in ended.verdict.reasons[0]


def test_a_verdict_promotes_on_the_evaluation_only_that_it_is_of(app: App) -> None:
    adapter_id = only(app).adapter_id
    verdict = app.learning.retraining.judge(adapter_id)
    app.learning.retraining.evaluate(adapter_id)
    ended = app.learning.retraining.promote(adapter_id, verdict)
    assert (ended.promoted, champion(app), only(app).state) == (False, None, "registered")
    assert "judge it again" in ended.verdict.reasons[0]
    assert app.learning.retraining.promote(adapter_id, app.learning.retraining.judge(adapter_id)).promoted


def test_a_promotion_that_is_tried_again_says_that_it_was_made_though_a_document_changed_since(
    app: App, place: Path
) -> None:
    adapter_id = only(app).adapter_id
    verdict = app.learning.retraining.judge(adapter_id)
    assert app.learning.retraining.promote(adapter_id, verdict).promoted
    for number in range(8):
        (place / "documents" / f"{number}.md").write_text("# Other\n\nAll is different.\n")
    resync(app, place)
    assert app.learning.retraining.promote(adapter_id, verdict) == Promotion(verdict, promoted=True, by="the gate")
    assert (champion(app), only(app).state) == (adapter_id, PROMOTED)
    app.registry.rollback("a person saw it")
    assert not app.learning.retraining.promote(adapter_id, verdict).promoted


def test_where_canaries_are_wanted_the_gate_begins_one_and_the_base_model_answers_the_rest(place: Path) -> None:
    (place / "ragloop.toml").write_text((place / "ragloop.toml").read_text() + '\n[canary]\nwhen = "always"\n')
    app = app_of(place, "trained")
    adapter_id, retraining = only(app).adapter_id, app.learning.retraining
    verdict = retraining.judge(adapter_id)
    ended = retraining.promote(adapter_id, verdict)
    assert (ended.promoted, ended.tried, ended.outcome) == (False, True, "made a challenger")
    assert (champion(app), only(app).state) == (None, CANARY)
    [tried] = app.learning.canary.canaries.under_way()
    assert (tried.adapter_id, tried.now.share, tried.against) == (adapter_id, 0.01, None)
    assert retraining.promote(adapter_id, verdict).tried, "done again, it is the same canary"
    assert app.learning.canary.canaries.under_way() == [tried]
    retraining.promote(other(app).adapter_id, PROMOTE)
    assert app.learning.canary.canaries.under_way() == [tried], "one canary at a time"
    assert app.learning.canary.canaries.promote(tried, "not worse")
    assert retraining.promote(adapter_id, verdict).promoted, "what serves needs no canary"


def test_a_lane_that_is_hardly_asked_has_no_canary(app: App) -> None:
    verdict = app.learning.retraining.judge(only(app).adapter_id)
    assert app.learning.retraining.promote(only(app).adapter_id, verdict).promoted


def test_retrainings_of_one_home_do_not_run_side_by_side(app: App) -> None:
    with app.store.lease("retraining"):
        for step in (
            app.learning.retraining.run,
            lambda: app.learning.retraining.train("any"),
            lambda: app.learning.retraining.evaluate(only(app).adapter_id),
            lambda: app.learning.retraining.train_rows([("a", "b")], "any", epochs=1),
        ):
            with pytest.raises(StoreBusyError, match=r"retraining .* by process \d+"):
                step()


def test_the_base_model_stands_in_for_a_champion_whose_files_are_gone(app: App) -> None:
    app.registry.promote(other(app).adapter_id, "by hand")
    shutil.rmtree(app.registry.artifacts.folder / "adapters" / "other")
    assert any("stands in for the champion" in warning for warning in app.learning.retraining.warnings())
    report = app.learning.retraining.run()
    assert any("found no files of adapter other" in reason for reason in report.reasons)
    assert (report.promoted, champion(app)) == (True, report.adapter_id)


@pytest.mark.long
def test_held_out_rows_of_a_setting_decide_which_pass_is_the_adapter_and_stay_with_it(place: Path) -> None:
    configure(place, "epochs = 40", "epochs = 6\nheld_out_share = 0.3")
    app = app_of(place, "asked")
    report = app.learning.retraining.run()
    training = app.registry.adapter(report.adapter_id).evidence.training
    assert training is not None
    losses = training.held_out_losses
    assert training.held_out_rows > 0
    assert training.kept_pass == losses.index(min(losses)) + 1
    rows = app.learning.retraining.parts.trained_rows(app.registry.adapter(report.adapter_id))
    assert training.rows + training.held_out_rows == len(rows), "what is held out is in the lineage, too"


def test_without_golden_questions_it_says_before_training_that_nothing_can_be_promoted(place: Path) -> None:
    configure(place, 'golden = "golden.jsonl"', "")
    configure(place, "min_pairs = 1", "min_pairs = 70")
    app = app_of(place, "trained")
    assert app.learning.retraining.warnings() == [
        "found 0 golden questions: without passages nothing is promoted with fewer than 70; dataset.golden has them"
    ]
    report = app.learning.retraining.run()
    assert (report.verdict, report.promoted) == ("inconclusive", False)
    assert "no golden questions; name at least 70 in dataset.golden" in " ".join(report.reasons)


def golden_of(place: Path, *rows: Mapping[str, Any]) -> None:
    (place / "golden.jsonl").write_text("\n".join(map(json.dumps, rows)))


def trained_questions(app: App) -> list[str]:
    return [row.question for row in app.learning.retraining.parts.trained_rows(only(app))]


def test_golden_questions_that_were_trained_on_are_not_asked_and_counted(place: Path) -> None:
    trained = trained_questions(app_of(place, "trained"))
    golden_of(
        place,
        {"question": trained[0].upper(), "answer": "Ada"},
        {"question": "Is it far?", "answer": "no", "document": "nowhere.md"},
        {"question": "Is it near?", "answer": "yes"},
    )
    app = app_of(place, "trained")
    report = app.learning.retraining.evaluate(only(app).adapter_id)
    assert len(report.of(EXACT_MATCH)) == 1
    notes = only(app).evidence.notes
    assert notes == (
        "golden questions left out because they match a trained row: 1.",
        "golden questions left out because they name a document that the index does not have: 1.",
    )
    assert set(notes) <= set(app.learning.retraining.judge(only(app).adapter_id).reasons)


@pytest.mark.long
def test_rows_that_match_a_golden_question_are_not_trained_on(place: Path) -> None:
    app = app_of(place, "asked")
    dataset_id = app.learning.retraining.build_dataset().dataset_id
    question = app.learning.retraining.parts.dataset(dataset_id).train["question"].to_pylist()[0]
    golden_of(place, {"question": question.upper(), "answer": "Ada"})
    configure(place, "epochs = 40", "epochs = 1")
    app = app_of(place, "asked")
    app.learning.retraining.train(dataset_id)
    assert question not in trained_questions(app)
    assert only(app).evidence.left_out == {"stale": 0, "golden": 1}
    app.learning.retraining.evaluate(only(app).adapter_id)
    assert only(app).evidence.notes == ("rows not trained on because they match a golden question: 1.",)


def snapshot(app: App) -> tuple[datetime, dict[str, str]] | None:
    """When the reference of the corpus signal was taken, and the revisions that it holds."""
    report = Reports(app.store).latest(*SNAPSHOT)
    return (report.at, dict(report.body)) if report else None


@pytest.mark.long
def test_drift_is_measured_from_the_revisions_that_were_trained_on(place: Path) -> None:
    configure(place, "epochs = 40", "epochs = 1")
    app = app_of(place, "asked")
    before = inventory.revisions(app.index)
    dataset_id = app.learning.retraining.build_dataset().dataset_id
    for number in range(8):
        (place / "documents" / f"{number}.md").write_text("# Other\n\nChanged while it was trained.\n")
    app.learning.retraining.train(dataset_id, lambda progress: resync(app, place) if progress.step == 1 else None)
    taken = snapshot(app)
    assert taken is not None
    assert taken[1] == before != inventory.revisions(app.index)


@pytest.mark.long
def test_a_planted_run_leaves_the_reference_of_drift_alone(app: App) -> None:
    before = snapshot(app)
    assert before is not None
    planted = app.learning.retraining.train_rows([("Who keeps the bees?", "Ida")], only(app).dataset_id, epochs=1)
    training = app.registry.adapter(planted).evidence.training
    assert training is not None
    assert training.rows == 1
    assert snapshot(app) == before


def test_held_out_questions_find_passages_as_questions_of_people_do(place: Path) -> None:
    configure(place, "top_k = 1", "top_k = 1\ncandidates = 7\nrrf_k = 11")
    policy = app_of(place, "trained").learning.retraining.parts.policy
    assert (policy.retrieval.candidates, policy.retrieval.rrf_k) == (7, 11)


def command(capsys: pytest.CaptureFixture[str], place: Path, *arguments: str) -> dict[str, Any]:
    """What a command prints with --json."""
    where = ["--home", str(place / "asked"), "--config", str(place / "ragloop.toml")]
    with contextlib.suppress(SystemExit):
        main([*arguments, "--json", *where])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_commands_go_from_the_log_to_a_champion_and_back(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragloop.models.embedding.runtimes.open_embedder", lambda *_, **__: ConstantEmbedder())
    drift = command(capsys, place, "drift")
    assert drift.keys() == {"signals", "decision"}
    assert drift["decision"].keys() == {"due", "reasons"}
    named = {"name", "kind", "statistic", "p_value", "threshold", "n_reference", "n_current", "state", "action"}
    assert all(signal.keys() >= named for signal in drift["signals"])
    dataset = command(capsys, place, "dataset", "build")
    assert dataset.keys() >= {"dataset_id", "rows", "train", "eval", "funnel", "path"}
    report = command(capsys, place, "retrain")
    assert report.keys() >= {"adapter_id", "verdict", "reasons", "metrics", "promoted"}
    assert (report["verdict"], report["promoted"], report["metrics"].keys()) == (
        "promote",
        True,
        {"champion", "candidate"},
    )
    adapter_id = report["adapter_id"]
    assert command(capsys, place, "adapters", "list")["champion"] == adapter_id
    shown = command(capsys, place, "adapters", "show", adapter_id)
    assert (shown["adapter_id"], shown["state"], shown["dataset_id"]) == (adapter_id, "promoted", dataset["dataset_id"])
    rolled_back = command(capsys, place, "adapters", "rollback")
    assert rolled_back == {"champion": None, "retired": adapter_id, "skipped": [], "changed": True}
    assert command(capsys, place, "adapters", "promote", adapter_id) == {"champion": adapter_id}
    assert command(capsys, place, "log", "export", str(place / "log.jsonl"))["rows"] == len(QUESTIONS)


def test_an_answer_that_an_evaluation_keeps_is_not_written_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    by: list[str | None] = []
    write = LocalGenerator.generate

    def counted(self: LocalGenerator, prompts: Sequence[Prompt]) -> list[Draft]:
        by.extend([self.adapter] * len(prompts))
        return write(self, prompts)

    monkeypatch.setattr(LocalGenerator, "generate", counted)
    first = app.learning.retraining.evaluate(only(app).adapter_id)
    assert by == []
    second = other(app)
    again = app.learning.retraining.evaluate(second.adapter_id)
    assert set(by) == {second.adapter_id}
    assert again.of(TOKEN_F1_ELSEWHERE).incumbent.tolist() == first.of(TOKEN_F1_ELSEWHERE).incumbent.tolist()


def test_a_candidate_that_the_target_rejects_is_asked_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(place, "min_score = 0.0", "min_score = 0.5")
    golden = place / "golden.jsonl"
    golden.write_text(golden.read_text().replace(ANSWER, "Zed"))
    app, asked = app_of(place, "trained"), 0
    write = LocalGenerator.generate

    def counted(self: LocalGenerator, prompts: Sequence[Prompt]) -> list[Draft]:
        nonlocal asked
        asked += len(prompts)
        return write(self, prompts)

    monkeypatch.setattr(LocalGenerator, "generate", counted)
    adapter_id = other(app).adapter_id
    report = app.learning.retraining.evaluate(adapter_id)
    assert report.scores.keys() == {EXACT_MATCH.name}
    assert asked == len(report.of(EXACT_MATCH)) > 0, "the champion's answers are kept"
    verdict = app.learning.retraining.judge(adapter_id)
    assert verdict.verdict == "reject"
    assert not [reason for reason in verdict.reasons if reason.startswith("non-inferiority")]
    configure(place, "min_score = 0.5", "min_score = 0.0")  # judged later, by a gate that it does not reject
    later = app_of(place, "trained").learning.retraining.judge(adapter_id)
    assert later.verdict == "inconclusive"
    assert any("the held-out questions were not asked" in reason for reason in later.reasons), later.reasons
