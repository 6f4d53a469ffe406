"""Import the traffic of another service into the log: tie its passages, write its rows, and say what became of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ragloop.answering.answer import LONGEST_QUESTION
from ragloop.journal import Journal
from ragloop.traffic.exchange import Exchange, Item, LateVote, Skipped
from ragloop.traffic.resolving.prompts import with_passages_of_prompts
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.tied import UNRESOLVED, Tied, Verdict
from ragloop.traffic.rows import interaction_id_of, row_of_exchange
from ragloop.traffic.votes import Votes

TOGETHER = 2_000
"""Exchanges that are tied and written at once."""
FEW = 200
_SHOWN = 50
"""Records that were skipped of which the report says where they stand."""


@dataclass(frozen=True)
class ImportReport:
    """What became of the records of a file.

    `rows` are exchanges that are in the log now, `tied` and `untied` their passages, `verdicts` counts passages by
    verdict. `votes` are in the log too. `skipped` records are not; `reasons` counts them, `problems` says where the
    first of them stand.
    """

    rows: int = 0
    tied: int = 0
    untied: int = 0
    skipped: int = 0
    votes: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[Skipped] = ()
    dry_run: bool = False


class TrafficImport:
    """One import. `resolver` is None where nothing is indexed: then every passage is unresolved."""

    def __init__(self, journal: Journal, resolver: Resolver | None, *, dry_run: bool) -> None:
        self._journal, self._resolver, self._dry_run = journal, resolver, dry_run
        self._generation = resolver.library.index.generation.fingerprint if resolver else ""
        self._now = journal.store.now()
        self._verdicts, self._reasons = Counter[str](), Counter[str]()
        self._problems: list[Skipped] = []
        self._taken: set[str] = set()
        self._votes = Votes()

    def run(self, items: Iterable[Item]) -> ImportReport:
        """Import exchanges and votes. Raises StorageFullError, StoreBusyError; what was written before stays."""
        for part in _parts(self._exchanges(items)):
            self._take(part)
        votes, strays = self._votes.rows(self._journal)
        for one in strays:
            self._skip(one)
        if not self._dry_run:
            self._journal.take("feedback", votes)
        untied = self._verdicts[Verdict.UNRESOLVED]
        return ImportReport(
            rows=len(self._taken),
            tied=self._verdicts.total() - untied,
            untied=untied,
            skipped=self._reasons.total(),
            votes=len(votes),
            verdicts={str(one): self._verdicts[one] for one in Verdict},
            reasons=dict(self._reasons),
            problems=tuple(self._problems),
            dry_run=self._dry_run,
        )

    def _exchanges(self, items: Iterable[Item]) -> Iterator[Exchange]:
        """Yield the exchanges that can be logged; keep votes for the end, and count what is skipped."""
        for one in items:
            if isinstance(one, LateVote):
                self._votes.add(one)
            elif isinstance(one, Skipped):
                self._skip(one)
            elif problem := _problem(one):
                self._skip(Skipped(one.external_id, problem))
            else:
                yield _cleaned(one)

    def _skip(self, skipped: Skipped) -> None:
        self._reasons[skipped.reason] += 1
        if len(self._problems) < _SHOWN:
            self._problems.append(skipped)

    def _take(self, exchanges: Sequence[Exchange]) -> None:
        rows = []
        for one, tied in zip(exchanges, self._tied(exchanges), strict=True):
            interaction_id = interaction_id_of(one)
            if interaction_id in self._taken:
                continue
            self._taken.add(interaction_id)
            row = row_of_exchange(one, interaction_id, tied, self._now, self._generation)
            self._verdicts.update(str(passage.verdict) for passage in tied)
            self._votes.note(one, interaction_id, row["asked_at"])
            rows.append(row)
        if self._dry_run:
            return
        # A table takes a commit for each write, the log a line: it is folded when there is more.
        if len(rows) > FEW:
            self._journal.take("interactions", rows)
        elif rows:
            self._journal.append("interactions", rows)

    def _tied(self, exchanges: Sequence[Exchange]) -> list[list[Tied]]:
        if self._resolver is None:
            return [[UNRESOLVED for _ in one.shown] for one in exchanges]
        found = with_passages_of_prompts(exchanges, self._resolver)
        tied = iter(self._resolver.resolve([shown for one in found for shown in one.shown]))
        return [[next(tied) for _ in one.shown] for one in found]


def _parts(exchanges: Iterator[Exchange]) -> Iterator[list[Exchange]]:
    part = list[Exchange]()
    for one in exchanges:
        part.append(one)
        if len(part) == TOGETHER:
            yield part
            part = []
    if part:
        yield part


def _cleaned(exchange: Exchange) -> Exchange:
    """Return the exchange as it can be logged: a question in one line, and no half of a surrogate pair."""
    question = _text(" ".join(exchange.question.split()))
    return replace(exchange, question=question, answer=_text(exchange.answer), model=_text(exchange.model))


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _problem(exchange: Exchange) -> str:
    """Say why an exchange cannot be logged; empty where it can."""
    question = exchange.question.strip()
    if not question:
        return "found no question, expected what was asked"
    if len(question) > LONGEST_QUESTION:
        return f"the question has more than {LONGEST_QUESTION:,} characters"
    return ""
