"""A third adapter, of another recipe: it answers from passages in the format of a house, which no prompt describes.

A desk of its own has a home of its own, so that its corrections are not mixed with those of the first adapter: the
recipe `style` takes whatever people corrected as the way to answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ragloop.demo.documents import write_documents
from ragloop.demo.facts import Fact, Package, facts_of, question
from ragloop.demo.stage import Stage
from ragloop.demo.steps.canary import BY
from ragloop.demo.steps.documents_and_traffic import tell_answer
from ragloop.demo.steps.learning import every_few_steps
from ragloop.records import FeedbackKind, LaneName

if TYPE_CHECKING:
    from ragloop.app import App
    from ragloop.models.training.process import Progress
    from ragloop.records import Answer

DESK = "desk"
CONFIG = "ragloop.toml"
UNSEEN = 6
"""Packages that the adapter is not trained on."""
CHECKPOINT_STEPS = 10
KILLED_AT = 14


class _KilledError(Exception):
    """Ends a training as kill -9 does: whoever waits for the process kills it where its own code fails."""


@dataclass(frozen=True)
class _Desk:
    """What the readers of one desk ask: what is corrected, and what is not trained on."""

    app: "App"
    corrected: Sequence[Fact]
    unseen: Sequence[Fact]


def teach_format(stage: Stage) -> None:
    """Correct answers into the format, train on them, kill the training midway, and ask of other packages."""
    with stage.step(7, "Teach another adapter the format of a house") as figures:
        desk = _open_desk(stage)
        before = _ask(desk, desk.unseen)
        _correct(stage, desk)
        made = desk.app.learning.retraining.build_dataset()
        figures |= {"rows": made.train, "valid_before": _valid(before), "asked": len(before)}
        figures |= _trained_though_killed(stage, desk, made.dataset_id)
        desk.app.registry.promote(figures["format_adapter_id"], "too few rows for the gate to decide", by=BY)
        needed = desk.app.settings.gate.min_pairs
        stage.say(f"   held-out rows: {made.eval}; the gate needs {needed}, so a person promotes it by hand, as here")
        after = _ask(desk, desk.unseen)
        figures |= {"valid": _valid(after), "lanes_of_format": [answer.lane for answer in after]}
        tell_answer(stage, before[0])
        tell_answer(stage, after[0])
        stage.say(
            f"   in the format: {figures['valid']} of {len(after)} questions about packages it was not trained on; "
            f"before, {figures['valid_before']}"
        )


def formatted(answer: str) -> str:
    """Write an answer as the house wants it."""
    return f"```json\n{json.dumps({'answer': answer}, ensure_ascii=False)}\n```"


def is_formatted(text: str) -> bool:
    """Return whether a text is one block of JSON with an answer, and a citation below it."""
    block, _, mark = text.strip().rpartition("\n```\n")
    try:
        value = json.loads(block.removeprefix("```json\n"))
    except ValueError:
        return False
    named = isinstance(value, dict) and list(value) == ["answer"] and bool(value["answer"])
    return named and block.startswith("```json\n") and mark in ("[1]", "[2]")


def _open_desk(stage: Stage) -> _Desk:
    """Index the facts of some packages in a home of its own."""
    from ragloop.app import App
    from ragloop.config import load_settings

    folder = stage.folder / DESK
    corrected, packages = _facts(stage)
    write_documents(folder / "documents", [replace(one, readme="") for one in packages])
    base = stage.app.settings.model.base
    settings = _SETTINGS.format(base=base, scale=stage.scale, checkpoint_steps=CHECKPOINT_STEPS)
    (folder / CONFIG).write_text(settings, encoding="utf-8")
    app = App(load_settings(folder / CONFIG, folder), embedder=stage.app.embedder)
    app.corpus.sync()
    unseen = [Fact(one.name, "licence", one.licence) for one in packages[-UNSEEN:]]
    return _Desk(app, corrected, unseen)


def _facts(stage: Stage) -> tuple[list[Fact], list[Package]]:
    """Choose packages with a licence, and of all but the last ones the facts that are corrected."""
    licensed = [one for one in stage.packages if one.licence and len(facts_of(one)) > 2]
    asked = licensed[: stage.scale.format_rows // 2]
    facts = [fact for one in asked for fact in facts_of(one) if fact.kind in ("version", "licence")]
    return facts, [*asked, *licensed[-UNSEEN:]]


def _ask(desk: _Desk, facts: Sequence[Fact]) -> "list[Answer]":
    return desk.app.answering.answerer.ask_all([question(fact, 0) for fact in facts], lane=LaneName.ADAPTER_RAG)


def _correct(stage: Stage, desk: _Desk) -> None:
    answers = _ask(desk, desk.corrected)
    given = [
        (answer.interaction_id, FeedbackKind.CORRECTION, formatted(fact.answer))
        for answer, fact in zip(answers, desk.corrected, strict=True)
    ]
    desk.app.journal.give_all_feedback(given)
    stage.say(f"   {len(given)} answers at another desk are corrected into JSON; no prompt says so")


def _valid(answers: "Sequence[Answer]") -> int:
    return sum(is_formatted(answer.answer) for answer in answers)


def _trained_though_killed(stage: Stage, desk: _Desk, dataset_id: str) -> dict[str, Any]:
    """Train, kill the process that trains after its first checkpoint, and train again."""
    steps: list[int] = []
    say = every_few_steps(stage)

    def kill(progress: "Progress") -> None:
        if progress.step == KILLED_AT:
            raise _KilledError

    def go_on(progress: "Progress") -> None:
        if not steps:
            last = f"its last checkpoint was of step {CHECKPOINT_STEPS}"
            stage.say(f"   started again, it goes on with step {progress.step}; {last}")
        steps.append(progress.step)
        say(progress)

    retraining, killed = desk.app.learning.retraining, False
    try:
        adapter_id = retraining.train(dataset_id, kill)
    except _KilledError:
        killed = True
        serving = _ask(desk, desk.unseen[:1])[0]
        stage.say(f"   killed at step {KILLED_AT}; meanwhile lane {serving.lane} answers")
        adapter_id = retraining.train(dataset_id, go_on)
    training = desk.app.registry.adapter(adapter_id).evidence.training
    return {
        "format_adapter_id": adapter_id,
        "killed_at": KILLED_AT if killed else None,
        "resumed_with_step": steps[0] if killed else None,
        "training": {name: getattr(training, name) for name in ("rows", "seconds", "cpu_seconds", "final_loss")},
    }


_SETTINGS = """\
# The settings of a desk whose readers want answers as JSON. What is not named here has its default.

[[sources]]
name = "packages"
uri = "documents"

[model]
base = "{base}"
max_new_tokens = 40

[retrieval]
# One passage a row: each of these documents is one passage, and rows of more take longer to train on.
top_n = 1
reranker = "none"

[dataset]
eval_share = 0.05

[training]
recipe = "style"
epochs = {scale.format_epochs}
frozen_share = 0.75
checkpoint_steps = {checkpoint_steps}
"""
