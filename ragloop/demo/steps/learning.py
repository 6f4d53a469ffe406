"""Drift, the bell, an adapter that is trained, judged, used and rolled back, and another one that must be rejected."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ragloop.demo.facts import question
from ragloop.demo.flows import DRIFT, RETRAIN
from ragloop.demo.stage import Stage
from ragloop.demo.steps.documents_and_traffic import tell_answer
from ragloop.demo.traffic import UNSEEN_WORDING, is_right, shuffled
from ragloop.registry import CANARY

if TYPE_CHECKING:
    from ragloop.learning.examples.datasets import Dataset
    from ragloop.models.training.process import Progress
    from ragloop.registry import Adapter
    from ragloop.registry.evidence import Scores

PLANT = "Plant an adapter trained on shuffled answers"
_SCORES = {
    "trained wordings": ("exact_match_trained", "trained_questions"),
    "unseen wording": ("exact_match", "target_questions"),
    "F1 elsewhere": ("token_f1_elsewhere", "elsewhere_questions"),
}
"""Heads of the table of scores: the score under each, and of how many questions it is."""


def measure(stage: Stage) -> None:
    """Measure drift again and hear whether the bell rings."""
    with stage.step(4, "Measure drift, now that other things are asked") as figures:
        if stage.flows is None:
            stage.app.learning.measure_drift()
        else:
            stage.tell(stage.flows.run(DRIFT))
        measured = stage.app.status()["last_drift"]
        stage.show("Signals", measured["signals"], ("name", "p_value", "n_current", "state", "action"))
        figures["signals"] = {signal["name"]: signal["state"] for signal in measured["signals"]}
        figures["due"] = measured["decision"]["due"]
        figures["reasons"] = list(measured["decision"]["reasons"])
        for reason in figures["reasons"]:
            stage.say(f"   {reason}")


def retrain(stage: Stage) -> "Adapter":
    """Follow the retraining that the bell started: on the server by its event, else called here."""
    with stage.step(5, "Retrain, as the bell asked") as figures:
        _answer_the_bell(stage)
        adapter = stage.app.registry.adapters()[-1]
        figures |= _tell_verdict(stage, adapter)
        dataset = _dataset(stage, adapter)
        figures["dataset"] = {"id": dataset.dataset_id, "train": dataset.train.num_rows, "funnel": dataset.funnel}
        return adapter


def _answer_the_bell(stage: Stage) -> None:
    if stage.flows is None:
        stage.app.learning.retraining.run(every_few_steps(stage))
    elif stage.app.status()["last_drift"]["decision"]["due"]:
        stage.say("   the event of the last step started the deployment retrain-adapter")
        stage.tell(stage.flows.follow(RETRAIN))
    else:
        stage.say("   retraining was not due, so no event came; starting the deployment by hand")
        stage.tell(stage.flows.run(RETRAIN))


def every_few_steps(stage: Stage, every: int = 10) -> "Callable[[Progress], None]":
    """Say where training stands, every few steps."""

    def progress(now: "Progress") -> None:
        if now.step % every == 0 or now.step == now.steps:
            stage.say(f"   step {now.step} of {now.steps}, loss {now.loss:.3f}")

    return progress


def plant_bad_adapter(stage: Stage, good: "Adapter") -> "Adapter":
    """Train on the same questions with one another's answers, and shorter; the gate has to see it."""
    with stage.step(6, PLANT) as figures:
        retraining = stage.app.learning.retraining
        rows = [(row["question"], row["answer"]) for row in _dataset(stage, good).train.to_pylist()]
        epochs = stage.scale.planted_epochs
        adapter_id = retraining.train_rows(shuffled(rows), good.dataset_id, every_few_steps(stage), epochs=epochs)
        retraining.evaluate(adapter_id)
        ended = retraining.promote(adapter_id, retraining.judge(adapter_id))
        adapter = stage.app.registry.adapter(adapter_id)
        figures |= _tell_verdict(stage, adapter)
        figures["promoted"] = ended.promoted or ended.tried
        figures["champion_after"] = champion_of(stage)
        return adapter


def planted_was_promoted(report: Mapping[str, Any]) -> bool:
    """Return whether the gate of a demonstration let the planted adapter through."""
    return any(step["name"] == PLANT and step["figures"]["promoted"] for step in report["steps"])


def _tell_verdict(stage: Stage, adapter: "Adapter") -> dict[str, Any]:
    """Print scores of champion and candidate, the verdict and its reasons; an undecided one says what would decide."""
    scored = _scored(adapter)
    rows = [_heads(who, scores) for who, scores in scored.items()]
    stage.show(f"Scores for adapter {adapter.adapter_id}", rows, ("model", *_SCORES))
    stage.say("   n questions: those of its rows, golden ones, and held-out ones that are answered from passages")
    for reason in adapter.reasons:
        stage.say(f"   {reason}")
    stage.say(f"   verdict: {adapter.verdict}; now serving: {champion_of(stage) or 'the base model'}")
    training = adapter.evidence.training
    return {
        "adapter_id": adapter.adapter_id,
        "verdict": adapter.verdict,
        "reasons": list(adapter.reasons),
        "criteria": [asdict(one) for one in adapter.evidence.criteria],
        **scored,
        "promoted": champion_of(stage) == adapter.adapter_id,
        "tried": adapter.state == CANARY,
        "training": {name: getattr(training, name) for name in ("rows", "seconds", "cpu_seconds", "final_loss")},
    }


def _scored(adapter: "Adapter") -> "dict[str, Scores]":
    """Return the scores of the champion of that time and of the adapter; none where it was not evaluated."""
    found = adapter.evidence.evaluation
    return {"champion": found.incumbent, "candidate": found.challenger} if found else {}


def _heads(who: str, scores: "Scores") -> dict[str, Any]:
    return {"model": who, **{head: _of(scores[name], scores[count]) for head, (name, count) in _SCORES.items()}}


def _of(score: float | None, questions: float | None) -> str | None:
    return None if score is None else f"{score:.3f} (n {questions:.0f})"


def ask_adapter(stage: Stage, adapter: "Adapter") -> None:
    """Ask a trained fact without passages, in a wording that nobody asked before."""
    with stage.step(8, "Ask a trained question again, through the adapter") as figures:
        figures["champion"] = champion_of(stage)
        if figures["champion"] is None:
            stage.say("   no adapter serves: the base model keeps answering from passages")
            return
        trained = {row["question"] for row in _dataset(stage, adapter).train.to_pylist()}
        fact = next((fact for fact in stage.traffic.corrected if question(fact, 0) in trained), None)
        if fact is None:
            stage.say("   the adapter was trained on no corrected fact, so there is no question to ask it")
            return
        answers = [
            stage.app.answering.answerer.ask(question(fact, wording), lane="closed-book")
            for wording in (0, UNSEEN_WORDING)
        ]
        for answer in answers:
            tell_answer(stage, answer)
        figures |= {
            "expected": fact.answer,
            "answers": [answer.answer for answer in answers],
            "lanes": [answer.lane for answer in answers],
            "right": sum(bool(answer.adapter) and is_right(answer.answer, fact) for answer in answers),
        }


def roll_back(stage: Stage) -> None:
    """Bring back what served before, and ask again."""
    with stage.step(8, "Roll back") as figures:
        figures["champion_before"] = champion_of(stage)
        if figures["champion_before"] is None:
            stage.say("   the base model serves; there is nothing to roll back")
        else:
            stage.app.registry.rollback("demonstration")
        figures["champion_after"] = champion_of(stage)
        stage.say(f"   now serving: {figures['champion_after'] or 'the base model'}")
        answer = stage.app.answering.answerer.ask(question(stage.traffic.corrected[0], UNSEEN_WORDING))
        tell_answer(stage, answer)
        figures["lane_after"] = answer.lane
        history = stage.app.registry.history()
        figures["history"] = [{"adapter": change["adapter_id"], "reason": change["reason"][:80]} for change in history]


def champion_of(stage: Stage) -> str | None:
    """Return the id of the adapter that serves, None for the base model."""
    champion = stage.app.registry.champion()
    return champion.adapter_id if champion else None


def _dataset(stage: Stage, adapter: "Adapter") -> "Dataset":
    from ragloop.learning.examples.datasets import load

    return load(stage.app.registry.artifacts.files, adapter.dataset_id)
