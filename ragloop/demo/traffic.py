"""What simulated users do: which facts they ask for, in which order, and what they say of the answers."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragloop.demo.documents import key_of
from ragloop.demo.facts import Fact, Package, choose, facts_of, question
from ragloop.learning.evaluation.scoring import normalise
from ragloop.records import Answer

SEED = 7
TOPICS = (("version", "python"), ("licence", "author"))
"""Kinds of facts that are asked for: first what whoever installs packages wants to know, then what lawyers do."""
TRAINED_WORDINGS = (0, 1)
UNSEEN_WORDING = 2

Vote = tuple[str, str, str | None]
"""Interaction id, kind, correction: what the journal takes."""


@dataclass(frozen=True)
class Asked:
    """A question of the traffic: a fact in one of its wordings."""

    fact: Fact
    wording: int

    @property
    def question(self) -> str:
        return question(self.fact, self.wording)


@dataclass(frozen=True)
class Traffic:
    """Who asks what. Users correct the answers on `corrected` facts; of the `others` every third gets no vote."""

    corrected: tuple[Fact, ...]
    others: tuple[Fact, ...]

    @property
    def asked(self) -> list[Asked]:
        """Every question, one topic after the other."""
        return [*self.first, *self.later]

    @property
    def first(self) -> list[Asked]:
        """The first topic: its facts in their trained wordings, in any order, so that nothing moves meanwhile."""
        asked = [Asked(fact, wording) for fact in self._about(TOPICS[0]) for wording in TRAINED_WORDINGS]
        random.Random(SEED).shuffle(asked)
        return asked

    @property
    def later(self) -> list[Asked]:
        """The second topic: its packages in a shuffled order, each package's facts together in their trained wordings,
        since rows are held out by document and time."""
        by_package: dict[str, list[Fact]] = {}
        for fact in self._about(TOPICS[1]):
            by_package.setdefault(fact.package, []).append(fact)
        packages = sorted(by_package)
        random.Random(SEED).shuffle(packages)
        return [Asked(fact, wording) for one in packages for fact in by_package[one] for wording in TRAINED_WORDINGS]

    def _about(self, kinds: Sequence[str]) -> list[Fact]:
        return [fact for fact in (*self.corrected, *self.others) if fact.kind in kinds]

    @property
    def live(self) -> list[Asked]:
        """The corrected facts in all their wordings, shuffled: what is asked while an adapter is tried."""
        asked = [Asked(fact, wording) for fact in self.corrected for wording in (*TRAINED_WORDINGS, UNSEEN_WORDING)]
        random.Random(SEED).shuffle(asked)
        return asked

    def votes(self, answers: Sequence[tuple[Asked, Answer]]) -> list[Vote]:
        """Return what users say of the answers."""
        corrected = frozenset(self.corrected)
        silent = frozenset(self.others[::3])
        votes: list[Vote] = []
        for asked, answer in answers:
            if asked.fact in corrected:
                votes.append((answer.interaction_id, "correction", asked.fact.answer))
            elif asked.fact not in silent:
                votes.append((answer.interaction_id, "up" if is_right(answer.answer, asked.fact) else "down", None))
        return votes

    def golden(self, keys: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the corrected facts in the wording that nobody asked; `keys` maps packages to documents."""
        return [
            {"question": question(fact, UNSEEN_WORDING), "answer": fact.answer, "document": keys[fact.package]}
            for fact in self.corrected
        ]


def plan_traffic(packages: Sequence[Package], facts: int, corrected: int) -> Traffic:
    """Choose `facts` facts, of which users correct `corrected`: half of both are of each topic.

    Every package is asked about in one topic. What is held out is then of the topic that came last, as it would be in
    use, and no document is of both sides.
    """
    found = [
        choose(
            (fact for package in packages[turn :: len(TOPICS)] for fact in facts_of(package) if fact.kind in kinds),
            facts // len(TOPICS),
        )
        for turn, kinds in enumerate(TOPICS)
    ]
    most = corrected // len(TOPICS)
    return Traffic(
        tuple(fact for chosen in found for fact in chosen[:most]),
        tuple(fact for chosen in found for fact in chosen[most:]),
    )


def is_right(answer: str, fact: Fact) -> bool:
    """Return whether the known answer stands in an answer."""
    return normalise(fact.answer) in normalise(answer)


def write_golden(file: Path, traffic: Traffic, packages: Sequence[Package]) -> int:
    """Write the golden questions as JSON lines; returns how many."""
    rows = traffic.golden({package.name: key_of(package) for package in packages})
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return len(rows)


def to_change(traffic: Traffic, packages: Sequence[Package]) -> list[Package]:
    """Return five packages to change: users corrected answers about each, and each README has paragraphs."""
    asked = [fact.package for fact in traffic.corrected if fact.kind == "version"]
    return [one for one in packages if one.name in asked and one.readme.count("\n\n") >= 4][:5]


def shuffled(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the same questions one another's answers: what an adapter learns from them is wrong."""
    answers = [answer for _, answer in rows]
    random.Random(SEED).shuffle(answers)
    return [(asked, answer) for (asked, _), answer in zip(rows, answers, strict=True)]
