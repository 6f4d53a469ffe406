"""The loop runs by itself: topics move, adapters are trained, judged, tried and served or sent back, and nobody acts.

Readers ask and vote; `night` is what the scheduled measurement of drift and the event that it sends do. The adapters
truly train.
"""

import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import load_settings
from ragloop.errors import TrainingError
from ragloop.learning.retraining import RetrainReport
from ragloop.models.training.process import Progress
from ragloop.records import Answer, FeedbackKind, LaneName, Origin
from ragloop.registry import CANARY, PROMOTED, REJECTED, RETIRED, Adapter
from tests.support.tiny_model import save_tiny_model
from tests.support.trainable import ANSWER, write_trainable
from tests.support.word_embedder import WordEmbedder

pytestmark = [pytest.mark.realmodel, pytest.mark.long, pytest.mark.timeout(1800)]

WRONG, ELSE = "Ida", "Eve"
BEES = ("Who keeps the bees?", "Who feeds the bees?", "Who counts the bees?", "Who paints the hives of the bees?")
FERRY = ("Who steers the ferry?", "Who cleans the ferry?", "Who pays for the ferry?", "Who moors the ferry at night?")
ROADS = ("Who mends the road?", "Who closes the road?", "Who sweeps the road?", "Who lights the road in winter?")
MILL = ("Who runs the mill?", "Who owns the mill?", "Who stops the mill?", "Who paints the wheel of the mill?")
RIGHT = {**dict.fromkeys((*BEES, *FERRY, *MILL), ANSWER), **dict.fromkeys(ROADS, ELSE)}
SETTINGS = {
    "drift": {"window": 40, "min_questions": 20},
    "cadence": {"min_new_examples": 10_000, "drift_min_new_examples": 2, "cooldown_days": 0},
    "training": {"epochs": 60, "checkpoint_steps": 10},
    "gate": {"min_score": 0.5, "margin": 0.5},
    "canary": {"when": "always", "shares": [0.4, 0.6], "questions": 60, "margin": 0.1, "slow_seconds": 3600},
    "answers": {"lane": "closed-book", "cache": "off"},
}


class Village:
    """A home whose readers ask what they like, and say what is right."""

    def __init__(self, place: Path, golden: Sequence[str]) -> None:
        self.place, self.asked, self.at = place, 0, datetime(2026, 3, 1, tzinfo=UTC)
        save_tiny_model(place / "model")
        write_trainable(place, place / "model", golden, SETTINGS)
        (place / "documents").mkdir()
        for number, (question, right) in enumerate(RIGHT.items()):
            text = f"# {question}\n\n{question} It is {right}. Some say that it is {WRONG}, and others {ANSWER}.\n"
            (place / "documents" / f"{number}.md").write_text(text)
        self.app = self.opened()
        self.app.corpus.sync(place / "documents")

    def opened(self) -> App:
        settings = load_settings(self.place / "ragloop.toml", self.place / "home")
        return App(settings, embedder=WordEmbedder(), now=self.tick)

    def tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def ask(self, questions: Sequence[str], times: int, lane: str | None = None) -> list[Answer]:
        """Ask each question so many times, each time in a conversation of its own."""
        answers = []
        for one in range(times):
            self.asked += 1
            origin = Origin(conversation=f"talk {self.asked}")
            answers += self.app.answering.answerer.ask_all([questions[one % len(questions)]], lane, origin=origin)
        return answers

    def ask_and_correct(self, questions: Sequence[str], times: int, right: str = ANSWER) -> None:
        answers = self.ask(questions, times, LaneName.BASE_RAG)
        self.app.journal.give_all_feedback([(one.interaction_id, FeedbackKind.CORRECTION, right) for one in answers])

    def ask_and_vote(self, questions: Sequence[str], times: int) -> None:
        """Vote on each answer as one who knows what is right."""
        answers = self.ask(questions, times)
        votes = [FeedbackKind.UP if RIGHT[one.question] in one.answer else FeedbackKind.DOWN for one in answers]
        given = [(one.interaction_id, vote, None) for one, vote in zip(answers, votes, strict=True)]
        self.app.journal.give_all_feedback(given)

    def nights(self, on_progress: Callable[[Progress], None] = lambda _: None) -> RetrainReport | None:
        """Let nights pass until one retrains, at most as many as a drift must last."""
        return next(filter(None, (self.night(on_progress) for _ in range(3))), None)

    def night(self, on_progress: Callable[[Progress], None] = lambda _: None) -> RetrainReport | None:
        """Look at canaries, measure drift, and retrain where that is due."""
        self.at += timedelta(days=1)
        self.app.learning.canary.act()
        due = self.app.learning.measure_drift().decision.due
        return self.app.learning.retraining.run(on_progress) if due else None

    @property
    def champion(self) -> str | None:
        return self.app.registry.champion_id(LaneName.CLOSED_BOOK)

    def adapter(self, report: RetrainReport | None) -> Adapter:
        assert report is not None, self.app.status()["last_drift"]
        return self.app.registry.adapter(report.adapter_id)

    def until_the_canary_ends(self, questions: Sequence[str]) -> list[tuple[str, bool]]:
        """Let readers ask and vote, and look at the canary, until none is under way; return what was done."""
        done = []
        for _ in range(8):
            self.ask_and_vote(questions, 100)
            done += [(str(one.action), one.done) for one in self.app.learning.canary.act()]
            if not self.app.learning.canary.canaries.under_way():
                return done
        raise AssertionError(done)


def kill_the_training(progress: Progress) -> None:
    """Kill the process that trains, after its first checkpoint."""
    if progress.step < 15:
        return
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    for pid in children:
        if b"ragloop.models.training.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)


def test_the_loop_serves_what_is_good_and_sends_back_what_is_bad_without_a_person(tmp_path: Path) -> None:
    village = Village(tmp_path, golden=(*BEES, *FERRY))
    watch, registry = village.app.learning.canary, village.app.registry

    # The topic shifts: on the third night drift asks for a training. It is killed, the base model goes on answering,
    # and the next night resumes it.
    village.ask_and_correct(BEES, 80)
    assert village.nights() is None, "nothing moved"
    village.ask_and_correct(FERRY, 40)
    assert [village.night(), village.night()] == [None, None], "it might be chance"
    with pytest.raises(TrainingError, match="was killed by SIGKILL"):
        village.night(kill_the_training)
    assert village.champion is None
    assert village.ask(FERRY, 1)[0].lane == LaneName.BASE_RAG
    steps: list[int] = []
    first = village.adapter(village.night(lambda progress: steps.append(progress.step)))
    assert steps[0] == 11, "it goes on from its checkpoint"

    # The gate passes it. Then readers ask what no golden question is about, and it answers that wrongly: they send it
    # back, and the base model goes on.
    assert (first.verdict, first.state) == ("promote", CANARY)
    assert village.until_the_canary_ends(ROADS)[-1] == ("roll back", True)
    assert (village.champion, registry.adapter(first.adapter_id).state) == (None, RETIRED)
    assert registry.aliases.history(LaneName.CLOSED_BOOK)[-1]["by"] == "the canary"
    assert {one.adapter for one in village.ask(FERRY, 4)} == {None}

    # Another topic, another adapter: live answers carry it from share to share, and it serves.
    village.ask_and_correct(MILL, 40)
    second = village.adapter(village.nights())
    assert (second.verdict, second.state) == ("promote", CANARY)
    assert village.until_the_canary_ends(FERRY) == [("ramp up", True), ("promote", True)]
    assert (village.champion, registry.adapter(second.adapter_id).state) == (second.adapter_id, PROMOTED)
    answer = village.ask(FERRY, 1)[0]
    assert (answer.lane, answer.adapter, ANSWER in answer.answer) == (LaneName.CLOSED_BOOK, second.adapter_id, True)

    # Somebody corrects everything wrongly: the gate rejects what was learned from that, and nobody ever hears it.
    village.ask_and_correct((*BEES, *MILL, *FERRY), 48, right=WRONG)
    third = village.adapter(village.nights())
    assert (third.verdict, third.state) == ("reject", REJECTED)
    assert watch.canaries.under_way() == []
    assert {one.adapter for one in village.ask(FERRY, 4)} == {second.adapter_id}
