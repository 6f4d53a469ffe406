"""Apply what the queues of buckets say: receive, look at the objects, commit, delete the messages.

The queue says what is left to do and a message is a hint: the object is looked at under the lease, so that an
older state never follows a newer one, and the messages are deleted after the commit, so that a kill loses none. What
events lose, the next sync of the whole source finds.
"""

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ragloop.config import SourceSettings
from ragloop.corpus.changes.notifications import MessageError, ObjectChange, changed_objects
from ragloop.corpus.changes.sqs import ChangeQueue, Message
from ragloop.corpus.index import health, readings
from ragloop.corpus.index.generations.generation import Generation, GenerationState
from ragloop.corpus.index.generations.table import Generations
from ragloop.corpus.index.retention import drop_unnamed_pages
from ragloop.corpus.index.table import Index
from ragloop.corpus.sources.opening import open_sources
from ragloop.corpus.sources.s3 import S3Bucket
from ragloop.corpus.sync.applying.source_sync import SourceSync
from ragloop.corpus.sync.decided_deletes import kept_by, refusals, refused_documents
from ragloop.corpus.sync.policy import SyncPolicy
from ragloop.corpus.sync.report import NamedDocument, SourceOutcome, SyncReport, add_up
from ragloop.corpus.sync.run import named
from ragloop.corpus.sync.scans import last_scan, record_lags
from ragloop.corpus.sync.suppressions import suppressions
from ragloop.errors import NotFoundError, StorageFullError, StoreBusyError, UnavailableError, UsageError
from ragloop.models import Embedder
from ragloop.reports import Reports
from ragloop.store import Store

LEASE_WAIT_S = 20.0
"""How long a batch waits for another writer; its messages stay hidden meanwhile."""
DRAIN_WAIT_S = 600.0
"""How long a drain waits for another writer. It holds no message yet, and applies what waits as soon as the other one
has ended: a run that gave up earlier would be rung for again and again, each time at the cost of a process."""


@dataclass(frozen=True)
class Watched:
    """A queue, and the sources whose buckets notify it."""

    queue: ChangeQueue
    sources: Sequence[S3Bucket]


def watched(configured: Sequence[SourceSettings]) -> list[Watched]:
    """List the queues that sources name, each once. Raises UsageError for a queue of a source that is no bucket."""
    by_queue: dict[str, list[S3Bucket]] = {}
    for one, source in zip(configured, open_sources(configured, Path()), strict=True):
        if one.queue:
            if not isinstance(source, S3Bucket):
                raise UsageError(f"source {one.name} has a queue and is {one.uri}; expected s3://bucket/prefix")
            by_queue.setdefault(one.queue, []).append(source)
    return [Watched(ChangeQueue(url), sources) for url, sources in by_queue.items()]


@dataclass(frozen=True)
class Drained:
    """What was done with messages: `foreign` counts objects of no source, `refused` messages that are none of S3's.

    `kept` messages stay in the queue, since a source that they tell of fails; `undeleted` ones since SQS did not delete
    them. `busy` says who kept the rest from being received, by writing the index all the time.
    """

    report: SyncReport
    messages: int = 0
    objects: int = 0
    foreign: int = 0
    refused: int = 0
    kept: int = 0
    undeleted: int = 0
    received_again: int = 0
    busy: str = ""

    @property
    def complete(self) -> bool:
        return self.report.complete and not self.refused


@dataclass(frozen=True)
class _Applied:
    """What was done with one batch; the counts are those of Drained."""

    outcome: SourceOutcome
    commits: int
    seconds: float
    messages: int
    objects: int
    foreign: int
    refused: int
    kept: int
    undeleted: int
    received_again: int


@dataclass(frozen=True)
class _Committed:
    """What was committed of a batch. `failed`: objects of sources that failed; `foreign` counts those of no source."""

    outcome: SourceOutcome
    failed: frozenset[ObjectChange]
    foreign: int


@dataclass
class Batch:
    """Messages that were received, and the objects that they name, each once, in the order of their first message."""

    most: int
    messages: list[Message] = field(default_factory=list)
    unreadable: list[tuple[Message, str]] = field(default_factory=list)
    objects: dict[ObjectChange, None] = field(default_factory=dict)

    @property
    def held(self) -> list[Message]:
        return [*self.messages, *(message for message, _ in self.unreadable)]

    @property
    def full(self) -> bool:
        return len(self.objects) >= self.most or len(self.held) >= 4 * self.most

    def take(self, message: Message) -> None:
        try:
            self.objects.update(dict.fromkeys(changed_objects(message.body)))
        except MessageError as error:
            self.unreadable.append((message, str(error)))
        else:
            self.messages.append(message)

    def of(self, objects: Set[ObjectChange]) -> frozenset[Message]:
        """Return the messages that name one of these objects."""
        named = ((one, changed_objects(one.body)) for one in self.messages if objects)
        return frozenset(one for one, found in named if not objects.isdisjoint(found))


def receive(queue: ChangeQueue, most: int, wait_s: int) -> Batch:
    """Return what is in the queue now, up to about `most` objects; wait so long for the first message.

    A queue that answers slowly gives less: what was received first must not come again before it is held.
    """
    batch, until = Batch(most), time.monotonic() + wait_s + queue.visibility_s / 3
    while not batch.full and time.monotonic() < until and (messages := queue.receive(wait_s)):
        for message in messages:
            batch.take(message)
        wait_s = 0
    return batch


@dataclass(frozen=True)
class Changes:
    """Applies batches to the active generation of a store. `open_embedder` raises as App.embedder_of does."""

    store: Store
    open_embedder: Callable[[Generation], Embedder]
    wanted: Generation
    policy: SyncPolicy

    def drain(self, watched: Sequence[Watched], wait_s: int = 1) -> Drained:
        """Apply all that the queues hold, or what can be applied until another process writes the index for long.

        A queue or a bucket that is not there is a problem in the report; of the only one, NotFoundError.
        """
        applied: list[_Applied] = []
        problems: list[str] = []
        busy = ""
        for one in watched:
            try:
                # What was applied before an error stays applied, and in the list.
                applied.extend(self._batches(one, wait_s))
            except NotFoundError as error:
                if len(watched) == 1:
                    raise
                problems.append(str(error))
            except StoreBusyError as error:
                # Nothing failed: the messages stay, and the other writer, or the next ring, applies them.
                busy = str(error)
                break
        drained = self._drained(applied, problems, busy)
        record_lags(Reports(self.store), drained.report.changes)
        return drained

    def _batches(self, watched: Watched, wait_s: int) -> Iterator[_Applied]:
        while applied := self._apply_next(watched, wait_s):
            yield applied

    def _apply_next(self, watched: Watched, wait_s: int) -> _Applied | None:
        """Receive and apply a batch, if there is one; nothing is received that could not be applied, see `ready`."""
        with self._writing(DRAIN_WAIT_S) as index:
            batch = receive(watched.queue, self.policy.batch_documents, wait_s)
            if not batch.held:
                return None
            with watched.queue.held(batch.held):
                return self._apply_into(index, watched, batch)

    def ready(self) -> None:
        """Raise what keeps a batch from being applied now: StoreBusyError, NotFoundError.

        A message that is received in vain gets closer to the dead-letter queue.
        """
        with self._writing(LEASE_WAIT_S):
            pass

    @contextmanager
    def _writing(self, wait_s: float) -> Iterator[Index]:
        """Yield the index that answers, under the writer's lease."""
        with self.store.lease("index", wait_s=wait_s):
            active = Generations(self.store).active()
            if active is None or not active.is_made_as(self.wanted):
                raise NotFoundError(
                    "found no index that this ragloop can bring up to date; `ragloop sync` makes one: the messages stay"
                )
            yield Index(self.store, active)

    def apply(self, watched: Watched, batch: Batch) -> Drained:
        """Look at the objects of a batch and commit what changed, in one commit a batch; then delete the messages."""
        with watched.queue.held(batch.held), self._writing(LEASE_WAIT_S) as index:
            applied = self._apply_into(index, watched, batch)
        return self._drained([applied])

    def _apply_into(self, index: Index, watched: Watched, batch: Batch) -> _Applied:
        started = time.perf_counter()
        committed = self._commit(index, watched.sources, batch)
        kept = batch.of(committed.failed)
        undeleted = watched.queue.delete([one for one in batch.messages if one not in kept])
        refused = [_refuse(watched.queue, message, reason) for message, reason in batch.unreadable]
        return _Applied(
            outcome=add_up([committed.outcome, SourceOutcome(problems=tuple(refused))]),
            commits=index.commits,
            seconds=time.perf_counter() - started,
            messages=len(batch.held) - len(kept),
            objects=len(batch.objects) - len(committed.failed),
            foreign=committed.foreign,
            refused=len(refused),
            kept=len(kept),
            undeleted=undeleted,
            received_again=sum(message.received > 1 for message in batch.messages),
        )

    def _commit(self, index: Index, sources: Sequence[S3Bucket], batch: Batch) -> _Committed:
        """Apply the objects of every source; beside those that fail, the others go on."""
        taken, failed = set[ObjectChange](), set[ObjectChange]()
        outcomes: list[SourceOutcome] = []
        away: list[UnavailableError] = []
        for source in sources:
            keys = {key: one for one in batch.objects if (key := source.key_of(one.bucket, one.key)) is not None}
            taken |= set(keys.values())
            try:
                if keys:
                    outcomes.append(self._apply(source, list(keys), index))
            except (StoreBusyError, StorageFullError):
                raise
            except (NotFoundError, UnavailableError) as error:
                if len(sources) == 1:
                    raise
                failed |= set(keys.values())
                away += [error] if isinstance(error, UnavailableError) else []
                outcomes.append(SourceOutcome(problems=(f"{error}; its messages stay in the queue",)))
        if away and failed == taken:
            raise away[-1]  # a service is away: a later try is for all of them
        health.maintain_indexes(index)
        drop_unnamed_pages(Generations(self.store))
        return _Committed(add_up(outcomes), frozenset(failed), len(batch.objects.keys() - taken))

    def _apply(self, source: S3Bucket, keys: Sequence[str], index: Index) -> SourceOutcome:
        embedder = self.open_embedder(index.generation)
        last = last_scan(Reports(self.store), source.name)
        refused = refused_documents(refusals(Reports(self.store)))
        policy = replace(self.policy, refused=refused, suppressed=suppressions(self.store))
        sync = SourceSync(source, index, embedder, policy, last_scan=last, keys=keys)
        return sync.run(listing=source.look(keys))

    def _drained(self, applied: Sequence[_Applied], problems: Sequence[str] = (), busy: str = "") -> Drained:
        """Add up what was done with batches."""
        active = Generations(self.store).active()
        outcome = add_up([*(one.outcome for one in applied), SourceOutcome(problems=tuple(problems))])
        report = SyncReport.of(outcome, generation=active.fingerprint if active else "", state=GenerationState.ACTIVE)
        report = replace(report, planted=_speaking(Index(self.store, active), outcome) if active else ())
        commits, seconds = sum(one.commits for one in applied), sum(one.seconds for one in applied)
        notices = (*report.notices, *self._kept(report))
        return Drained(
            replace(report, commits=commits, seconds=seconds, notices=notices),
            messages=sum(one.messages for one in applied),
            objects=sum(one.objects for one in applied),
            foreign=sum(one.foreign for one in applied),
            refused=sum(one.refused for one in applied),
            kept=sum(one.kept for one in applied),
            undeleted=sum(one.undeleted for one in applied),
            received_again=sum(one.received_again for one in applied),
            busy=busy,
        )

    def _kept(self, report: SyncReport) -> tuple[str, ...]:
        """Say of documents that are gone and stay who refused to delete them."""
        kept = frozenset((one.source, one.key) for one in report.refused)
        return kept_by(refusals(Reports(self.store)), kept) if kept else ()


def _speaking(index: Index, outcome: SourceOutcome) -> tuple[NamedDocument, ...]:
    """Name those of the documents that changed that speak to a model."""
    changed = {(one.source, one.key) for one in outcome.changes}
    return named(one for one in readings.speaking(index) if (one.source, one.key) in changed) if changed else ()


def _refuse(queue: ChangeQueue, message: Message, reason: str) -> str:
    """Refuse a message that is none of S3's; returns the problem."""
    return f"a message of {queue.url} {reason}; {queue.refuse(message, reason)}"
