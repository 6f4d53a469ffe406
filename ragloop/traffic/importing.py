"""Import the traffic of another service into the log: tie its passages, write its rows, and say what became of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from ragloop.answering.conversation.screening import LONGEST_QUESTION
from ragloop.catalogue import Lease
from ragloop.errors import StoreDamagedError
from ragloop.journal import Journal, passages_in
from ragloop.traffic.exchange import LEASE_WAIT_S, Erased, Exchange, Item, LateVote, Skipped, rests_on
from ragloop.traffic.resolving.prompts import with_passages_of_prompts
from ragloop.traffic.resolving.resolver import Resolver
from ragloop.traffic.resolving.tied import UNRESOLVED, Tied, Verdict
from ragloop.traffic.rows import encodable, interaction_id_of, row_of_exchange
from ragloop.traffic.votes import Votes

TOGETHER = 2_000
"""Records that are read, tied and written at once."""
FEW = 200
ERASED = "found something that was erased; `ragloop erase lift` lets it be logged again"
OURS = "the log has this answer: the file is an export of this home"
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
    """One import. `resolver()` opens what ties passages, None where nothing is indexed: then all are unresolved.

    What says something of what was erased is skipped. An erasure may come while a large file is imported: `erased()` is
    asked again under the lease under which a part is logged, and an erasure removes what was logged before it took that
    lease.
    """

    def __init__(
        self, journal: Journal, resolver: Callable[[], Resolver | None], erased: Callable[[], Erased], *, dry_run: bool
    ) -> None:
        self._journal, self._erased, self._dry_run = journal, erased, dry_run
        self._open, self._resolver = resolver, resolver()
        self._now = journal.store.now()
        self._verdicts, self._reasons = Counter[str](), Counter[str]()
        self._problems: list[Skipped] = []
        self._taken: set[str] = set()
        self._votes = Votes()

    def run(self, items: Iterable[Item]) -> ImportReport:
        """Import exchanges and votes. Raises StorageFullError, StoreBusyError; what was written before stays."""
        for part in _parts(items):
            erased = self._erased()
            if exchanges := list(self._exchanges(part, erased)):
                tied = self._tied(exchanges)
                with self._writing():
                    self._take(list(zip(exchanges, tied, strict=True)), erased)
        votes = self._take_votes() if self._votes.are_given else 0
        untied = self._verdicts[Verdict.UNRESOLVED]
        return ImportReport(
            rows=len(self._taken),
            tied=self._verdicts.total() - untied,
            untied=untied,
            skipped=self._reasons.total(),
            votes=votes,
            verdicts={str(one): self._verdicts[one] for one in Verdict},
            reasons=dict(+self._reasons),
            problems=tuple(self._problems),
            dry_run=self._dry_run,
        )

    def _exchanges(self, items: Sequence[Item], erased: Erased) -> Iterator[Exchange]:
        """Yield the exchanges that can be logged; keep votes for the end, and count what is skipped."""
        for one in items:
            if isinstance(one, LateVote):
                if erased.rest_in((one.vote.correction,)):
                    self._skip(Skipped(next(iter(one.about), "?"), ERASED))
                else:
                    self._votes.add(one)
            elif isinstance(one, Skipped):
                self._skip(one)
            elif problem := _problem(one) or _erased_of(one, erased):
                self._skip(Skipped(one.external_id, problem))
            else:
                yield _cleaned(one)

    def _skip(self, skipped: Skipped) -> None:
        self._reasons[skipped.reason] += 1
        if len(self._problems) < _SHOWN:
            self._problems.append(skipped)

    def _writing(self) -> AbstractContextManager[None]:
        return nullcontext() if self._dry_run else self._journal.store.lease(Lease.TRAFFIC, wait_s=LEASE_WAIT_S)

    def _take(self, exchanges: Sequence[tuple[Exchange, Sequence[Tied]]], erased: Erased) -> None:
        """Log exchanges that were held against `erased`, but for what was erased since. Needs the lease.

        One with fewer passages than the log has of it is a part that was sent again: it is passed over. One that is
        named as an answer of the log comes from `ragloop log export`, and would count twice.
        """
        now, rows = self._erased(), list[Mapping[str, Any]]()
        generation = self._resolver.library.index.generation.fingerprint if self._resolver else ""
        held = self._journal.answered.passages([interaction_id_of(one) for one, _ in exchanges])
        ours = self._journal.answered.passages([encodable(one.external_id) for one, _ in exchanges])
        for one, tied in exchanges:
            interaction_id = interaction_id_of(one)
            if interaction_id in self._taken:
                continue
            if now != erased and (problem := _erased_of(one, now)):
                self._skip(Skipped(one.external_id, problem))
                continue
            if encodable(one.external_id) in ours:
                self._skip(Skipped(one.external_id, OURS))
                continue
            self._taken.add(interaction_id)
            left = _left(tied, now)
            row = row_of_exchange(one, interaction_id, left, self._now, generation)
            self._votes.note(one, interaction_id, row["asked_at"])
            if passages_in(row) < held.get(interaction_id, 0):
                continue
            self._verdicts.update(str(passage.verdict) for passage in left)
            rows.append(row)
        if not self._dry_run:
            self._write(rows)

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        # A table takes a commit for each write, the log a line: it is folded when there is more.
        if len(rows) > FEW:
            self._journal.take("interactions", rows)
        elif rows:
            self._journal.append("interactions", rows)

    def _take_votes(self) -> int:
        """Log the votes but for what was erased since they were read; return how many."""
        with self._writing():
            erased = self._erased()
            votes, strays = self._votes.rows(self._journal)
            kept = [one for one in votes if not _vote_is_erased(one, erased)]
            if not self._dry_run:
                self._journal.take("feedback", kept)
        for one in strays:
            self._skip(one)
        self._reasons[ERASED] += len(votes) - len(kept)
        return len(kept)

    def _tied(self, exchanges: Sequence[Exchange]) -> list[list[Tied]]:
        try:
            return _tied_by(self._resolver, exchanges)
        except StoreDamagedError:
            self._resolver = self._open()  # an erasure may have removed the version of the index that was open
            return _tied_by(self._resolver, exchanges)


def _tied_by(resolver: Resolver | None, exchanges: Sequence[Exchange]) -> list[list[Tied]]:
    if resolver is None:
        return [[UNRESOLVED for _ in one.shown] for one in exchanges]
    found = with_passages_of_prompts(exchanges, resolver)
    tied = iter(resolver.resolve([shown for one in found for shown in one.shown]))
    return [[next(tied) for _ in one.shown] for one in found]


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    part = list[Item]()
    for one in items:
        part.append(one)
        if len(part) == TOGETHER:
            yield part
            part = []
    if part:
        yield part


def _cleaned(exchange: Exchange) -> Exchange:
    """Return the exchange as it can be logged: a question in one line, and no half of a surrogate pair."""
    question = encodable(" ".join(exchange.question.split()))
    return replace(exchange, question=question, answer=encodable(exchange.answer), model=encodable(exchange.model))


def _erased_of(exchange: Exchange, erased: Erased) -> str:
    """Say that an exchange was erased itself, or rests on what was; empty where neither is so."""
    itself = erased.named_by([interaction_id_of(exchange)])
    return ERASED if itself or rests_on(exchange, erased) else ""


def _left(tied: Sequence[Tied], erased: Erased) -> list[Tied]:
    """Return passages as they were tied, untied from documents that were erased since the index was read."""
    return [UNRESOLVED if one.document and erased.named_by([one.document.document_id]) else one for one in tied]


def _vote_is_erased(row: Mapping[str, Any], erased: Erased) -> bool:
    return erased.named_by([row["interaction_id"]]) or erased.rest_in([row["correction"]])


def _problem(exchange: Exchange) -> str:
    """Say why an exchange cannot be logged; empty where it can."""
    question = exchange.question.strip()
    if not question:
        return "found no question, expected what was asked"
    if len(question) > LONGEST_QUESTION:
        return f"the question has more than {LONGEST_QUESTION:,} characters"
    return ""
