"""Canaries over a real log and registry: a bad challenger goes without a person, a good one serves in the end."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from ragloop.answering.routing import CANARY, Arm, assigned
from ragloop.cli.main import app as command
from ragloop.errors import MismatchError, UsageError
from ragloop.journal import Journal
from ragloop.learning.canary.decision import CanaryAction, CanaryPolicy
from ragloop.learning.canary.watching import CanaryWatch, questions_of
from ragloop.records import FeedbackKind, LaneName
from ragloop.registry import CANARY as TRIED
from ragloop.registry import (
    PROMOTED,
    REGISTERED,
    RETIRED,
    Adapter,
    Canaries,
    Registry,
    Request,
    expire_adapters,
    retire,
)
from ragloop.store import TABLES, Store
from tests.support.bytes_read import bytes_read
from tests.support.dying import Dying, Killed
from tests.support.registered import register

LANE = LaneName.CLOSED_BOOK
START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = CanaryPolicy((0.05, 0.25), margin=0.03, alpha=0.05, questions=200, slow_ms=1000.0)


class Home:
    """A store with the adapters a and b, of which a serves, a clock that is set, and a log."""

    def __init__(self, place: Path) -> None:
        self.at, self.asked, self.dying = START, 0, Dying()
        self.store = Store.open(place, now=lambda: self.at, boundary=self.dying)
        self.journal, self.registry = Journal(self.store), Registry(self.store)
        for name in "ab":
            register(self.registry, name)
        self.registry.promote("a", "test")
        self.canaries = Canaries(self.registry)
        self.stale = ""
        self.watch = CanaryWatch(self.journal, self.registry, POLICY, lambda _: self.stale)

    def ask(self, count: int, *, bad_share: float = 0.0, vote_after_h: float = 0.0) -> None:
        """Log answers as routing assigns them; of the challenger's this share gets a thumb down, later."""
        [tried] = self.canaries.under_way()
        rows, votes = [], list[dict[str, Any]]()
        for _ in range(count):
            self.at += timedelta(seconds=1)
            self.asked += 1
            name = f"i{self.asked}"
            who = assigned(name, tried.adapter_id, tried.now.share)
            rows.append(
                {
                    "interaction_id": name, "asked_at": self.at, "lane": LANE, "abstained": False,
                    "decisions": {CANARY: str(who)}, "latency_ms": {"generate": 5.0},
                }
            )  # fmt: skip
            bad = who.arm is Arm.CHALLENGER and self.asked % 100 < 100 * bad_share
            kind = FeedbackKind.DOWN if bad else FeedbackKind.UP
            given_at = self.at + timedelta(hours=vote_after_h)
            votes.append({"feedback_id": f"f{name}", "interaction_id": name, "kind": kind, "given_at": given_at})
        self.journal.append("interactions", rows)
        self.journal.append("feedback", votes)
        self.at += timedelta(hours=vote_after_h)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.canaries.start("b", 0.05, "the gate", "test")
    return made


def serves(home: Home) -> tuple[str | None, str]:
    return home.registry.champion_id(LANE), home.registry.adapter("b").state


def test_a_challenger_that_is_worse_is_rolled_back_without_a_person(home: Home) -> None:
    home.ask(800)
    assert [one.decision.action for one in home.watch.act()] == [CanaryAction.RAMP]
    home.ask(1200, bad_share=0.8, vote_after_h=30)
    [watched] = home.watch.act()
    assert (watched.decision.action, watched.done) == (CanaryAction.ROLL_BACK, True)
    assert serves(home) == ("a", RETIRED)
    assert not home.canaries.under_way()
    last = home.registry.aliases.history(LANE)[-1]
    assert (last["alias"], last["kind"], last["by"]) == ("challenger", "rollback", "the canary")
    assert "thumbs down" in last["reason"]
    assert home.watch.act() == []


def test_a_look_reads_of_the_answers_of_others_only_who_was_to_give_them(home: Home) -> None:
    home.ask(60)
    home.journal.fold()
    others = [
        {
            "interaction_id": f"other{number}", "asked_at": home.at, "lane": "base+rag", "abstained": False,
            "answer": os.urandom(200).hex(), "conversation": os.urandom(200).hex(), "decisions": {},
        }
        for number in range(5_000)
    ]  # fmt: skip
    home.store.insert("interactions", pa.Table.from_pylist(others, schema=TABLES["interactions"]))
    everything = bytes_read(home.journal.interactions)
    assert [one.decision.measured[0].champion > 0 for one in home.watch.look()] == [True]
    looked = bytes_read(home.watch.look)
    assert looked < everything / 10, (looked, everything)


def test_a_challenger_that_is_not_worse_gets_larger_shares_and_serves_in_the_end(home: Home) -> None:
    done = []
    for _ in range(12):
        home.ask(400)
        done += [one.decision.action for one in home.watch.act() if one.done]
        if not home.canaries.under_way():
            break
    assert done == [CanaryAction.RAMP, CanaryAction.PROMOTE]
    assert serves(home) == ("b", PROMOTED)
    assert home.registry.rollback("test").left == "b"
    assert serves(home) == ("a", RETIRED)


def test_a_challenger_that_is_worse_goes_though_the_clock_was_set_back_since_it_began(home: Home) -> None:
    home.at -= timedelta(days=400)
    home.ask(1200, bad_share=1.0)
    assert [one.action for one in home.watch.act()] == [CanaryAction.ROLL_BACK]


def test_a_look_decides_and_changes_nothing(home: Home) -> None:
    home.ask(800)
    before = home.registry.aliases.history()
    assert [one.decision.action for one in home.watch.look()] == [CanaryAction.RAMP]
    assert home.registry.aliases.history() == before


def test_a_kill_between_decision_and_change_leaves_the_step_and_the_next_look_makes_it(home: Home) -> None:
    home.ask(1200, bad_share=1.0)
    home.journal.fold()
    home.dying.steps = len(home.dying.made)
    with pytest.raises(Killed):
        home.watch.act()
    home.dying.steps = None
    assert serves(home) == ("a", TRIED)
    assert [one.done for one in home.watch.act()] == [True]
    assert serves(home) == ("a", RETIRED)


def test_of_two_watchers_one_makes_the_step(home: Home) -> None:
    [seen] = home.canaries.under_way()
    assert home.canaries.ramp(seen, 0.25, "first") is True
    assert home.canaries.ramp(seen, 0.25, "second") is False
    assert home.canaries.promote(seen, "third") is False
    assert [one.now.share for one in home.canaries.under_way()] == [0.25]


def test_a_challenger_whose_files_are_damaged_is_rolled_back_and_a_stale_one_is_stopped(home: Home) -> None:
    home.stale = "a row is no longer true"
    home.ask(800)
    home.watch.act()
    home.ask(400)
    assert [(one.action, one.done) for one in home.watch.look()] == [(CanaryAction.STOP, False)]
    assert [(one.action, one.trouble) for one in home.watch.act()] == [(CanaryAction.STOP, "a row is no longer true")]
    assert serves(home) == ("a", REGISTERED)
    home.canaries.start("b", 0.05, "again")
    weights = home.registry.artifacts.folder / "adapters" / "b" / "adapter_model.safetensors"
    weights.write_bytes(b"other")
    home.watch.act()
    assert "cannot serve" in home.registry.aliases.history()[-1]["reason"]
    assert serves(home) == ("a", RETIRED)
    with pytest.raises(MismatchError):
        home.canaries.start("b", 0.05, "again")


def test_a_challenger_of_another_base_than_the_settings_name_waits_until_they_are_corrected(home: Home) -> None:
    wrong = Registry(home.store, lambda adapter: f"{adapter.adapter_id} is not of model.base: set it back")
    home.ask(800)
    [watched] = CanaryWatch(home.journal, wrong, POLICY, lambda _: "").act()
    assert (watched.action, watched.done) == (CanaryAction.STAY, False)
    assert watched.reasons == ("it waits: b is not of model.base: set it back",)
    assert serves(home) == ("a", TRIED)
    assert [(one.action, one.done) for one in home.watch.act()] == [(CanaryAction.RAMP, True)]


def test_a_challenger_of_which_nobody_can_tell_whether_it_is_stale_is_stopped_at_the_end(home: Home) -> None:
    def unreadable(_: Adapter) -> str:
        raise MismatchError("its rows are not there")

    watch = CanaryWatch(home.journal, home.registry, POLICY, unreadable)
    for _ in range(2):
        home.ask(800)
        watched = watch.act()
    assert [(one.action, one.reasons, one.done) for one in watched] == [
        (CanaryAction.STOP, ("its rows are not there",), True)
    ]
    assert serves(home) == ("a", REGISTERED)


def test_another_champion_ends_the_canary_and_its_challenger_is_as_it_was(home: Home) -> None:
    register(home.registry, "c")
    home.registry.promote("c", "by hand")
    assert not home.canaries.under_way()
    assert serves(home) == ("c", REGISTERED)


def test_one_canary_a_lane_and_none_of_the_champion(home: Home) -> None:
    register(home.registry, "c")
    with pytest.raises(UsageError, match="found a canary of adapter b"):
        home.canaries.start("c", 0.05, "test")
    with pytest.raises(UsageError, match="found a canary"):
        home.canaries.start("a", 0.05, "test")
    assert home.canaries.start("b", 0.25, "again").now.share == 0.05, "it goes on as it does"
    [tried] = home.canaries.under_way()
    assert home.canaries.stop(tried, "by hand")
    with pytest.raises(UsageError, match="serves the lane closed-book already"):
        home.canaries.start("a", 0.05, "test")


def test_an_adapter_that_does_not_serve_can_be_retired_which_ends_its_canary(home: Home) -> None:
    assert retire(home.registry, "b", "old").state == RETIRED
    assert not home.canaries.under_way()
    with pytest.raises(UsageError, match="serves the lane closed-book"):
        retire(home.registry, "a", "old")
    assert home.registry.promote("b", "by hand").state == PROMOTED


def test_lanes_have_champions_of_their_own(home: Home) -> None:
    other = register(home.registry, "rag", lane=LaneName.ADAPTER_RAG)
    home.registry.promote("rag", "test")
    assert home.registry.aliases.champions() == {LANE: "a", other.lane: "rag"}
    with pytest.raises(UsageError, match="found several champions"):
        home.registry.rollback("test")
    assert home.registry.rollback("test", Request("a")).champion is None
    assert home.registry.aliases.champions() == {other.lane: "rag"}
    assert home.registry.rollback("test").left == "rag"


def test_who_serves_and_who_is_tried_is_told_of_every_lane(home: Home) -> None:
    register(home.registry, "rag", lane=LaneName.ADAPTER_RAG)
    home.registry.promote("rag", "test")
    rag, facts = home.registry.aliases.standings()
    assert (rag.lane, rag.champion, rag.challenger, str(rag)) == ("adapter+rag", "rag", None, "rag in adapter+rag")
    assert (facts.lane, facts.champion, facts.challenger, facts.share) == (LANE, "a", "b", 0.05)
    assert str(facts) == "a in closed-book, b is tried at 0.05"
    home.registry.rollback("test", Request("rag"))
    assert [one.lane for one in home.registry.aliases.standings()] == [LANE]


def test_questions_of_a_lane_are_those_that_it_or_its_fallback_answered(home: Home) -> None:
    rows: list[dict[str, Any]] = [
        {"interaction_id": "1", "asked_at": START, "lane": LANE},
        {"interaction_id": "2", "asked_at": START, "lane": "base+rag", "fallback": f"found no champion adapter for "
         f"the lane {LANE}; `ragloop retrain` makes one, or use base+rag"},
        {"interaction_id": "3", "asked_at": START, "lane": "base+rag"},
        {"interaction_id": "4", "asked_at": START - timedelta(days=1), "lane": LANE},
    ]  # fmt: skip
    home.journal.append("interactions", rows)
    assert questions_of(home.journal, LANE, START) == 2


def test_of_each_lane_the_newest_adapters_keep_their_files_and_so_do_those_that_are_needed(home: Home) -> None:
    for number in range(5):
        register(home.registry, f"c{number}", at=START + timedelta(days=number))
    register(home.registry, "rag", lane=LaneName.ADAPTER_RAG)
    folder = home.registry.artifacts.folder / "adapters"
    assert expire_adapters(home.registry, 2) == 3
    assert sorted(one.name for one in folder.iterdir()) == ["a", "b", "c3", "c4", "rag"]
    gone = home.registry.adapter("c0")
    assert (gone.state, gone.is_erased, "adapters_kept" in gone.reasons[-1]) == (RETIRED, True, True)
    with pytest.raises(MismatchError):
        home.registry.promote("c0", "by hand")
    assert expire_adapters(home.registry, 2) == 0
    assert serves(home) == ("a", TRIED)


def test_the_commands_show_start_and_stop_a_canary_and_lists_name_recipe_lane_and_alias(tmp_path: Path) -> None:
    Home(tmp_path / "home")
    (tmp_path / "ragloop.toml").write_text('[model]\nbase = "base"\n')

    def run(*arguments: str) -> dict[str, Any]:
        given = ["--config", str(tmp_path / "ragloop.toml"), "--home", str(tmp_path / "home"), *arguments, "--json"]
        done = CliRunner().invoke(command, given, catch_exceptions=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    assert run("canary", "start", "b") == {"adapter_id": "b", "lane": LANE, "share": 0.01, "against": "a"}
    rows = {one["adapter_id"]: one for one in run("adapters", "list")["adapters"]}
    assert {name: [one[key] for key in ("lane", "alias", "state")] for name, one in rows.items()} == {
        "a": [LANE, "champion", PROMOTED],
        "b": [LANE, "challenger", TRIED],
    }
    [shown] = run("canary", "status")["canaries"]
    assert (shown["action"], shown["share"], shown["measured"][0]["measure"]) == ("stay", 0.01, "thumbs down")
    assert [one["done"] for one in run("canary", "watch")["canaries"]] == [False]
    assert run("canary", "stop", "--retire")["changed"] is True
    assert [one["kind"] for one in run("canary", "status")["history"]] == ["start", "rollback"]
    assert run("adapters", "show", "b")["state"] == RETIRED
