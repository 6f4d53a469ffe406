"""Whether a store is what its sources and its own parts say it is, and its repair.

A diagnosis reads all of it and writes nothing. A repair holds the lease of the index while it finds and fixes, lets the
ordinary sync read again what is wrong, and looks a second time: what it finds then, it could not repair.
"""

import time
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

from ragloop.corpus.doctor.check import Check, Completion, Finding, State
from ragloop.corpus.doctor.checks import CHECKS
from ragloop.corpus.doctor.examination import Examination, Patient
from ragloop.corpus.doctor.index_repair import write_again
from ragloop.errors import RagloopError, StoreBusyError
from ragloop.store import Store


@dataclass(frozen=True)
class Diagnosis:
    """What was found. `embedded`: chunks that the repair embedded. `notes` are worth knowing and need no repair."""

    findings: tuple[Finding, ...] = ()
    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return all(one.state is State.REPAIRED for one in self.findings)


def diagnose(patient: Patient) -> Diagnosis:
    """Find what is wrong, and write nothing."""
    started = time.perf_counter()
    examined = Examination(patient)
    findings = tuple(_found(examined).values())
    notes = _writers(patient.store) if findings else ()
    return _diagnosis(examined, findings, started, notes)


def repair(patient: Patient) -> Diagnosis:
    """Find what is wrong and fix it. Raises StoreBusyError when another process writes the index."""
    started = time.perf_counter()
    with patient.store.lease("index"):
        examined = Examination(patient)
        found = _found(examined)
        if not found:
            return _diagnosis(examined, (), started)
        for check in found:
            if check.fix is not None:
                check.fix(examined)
        # Last: what a sync writes again rests on what was fixed.
        write_again({one for check in found for one in check.marks(examined.index.audit)}, examined)
    embedded, notes = _completed(patient, {check.completed_by for check in found})
    again = Examination(patient)
    findings = _compared(found.values(), _found(again).values())
    settled = len(examined.index.audit.embeddable)
    return replace(_diagnosis(again, findings, started, notes), embedded=settled + embedded)


def _found(examined: Examination) -> dict[Check, Finding]:
    found = {check: check.finding(examined) for check in CHECKS}
    return {check: finding for check, finding in found.items() if finding is not None}


def _compared(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what a repair found, and what was wrong only after it, each with what became of it."""
    left = {(one.check, one.repair): replace(one, state=State.REMAINS) for one in after}
    was = [left.pop((one.check, one.repair), replace(one, state=State.REPAIRED)) for one in before]
    return (*was, *left.values())


def _completed(patient: Patient, wanted: Set[Completion]) -> tuple[int, tuple[str, ...]]:
    """Let a sync complete the fixes; return how many chunks it embedded, and what it could not do."""
    if patient.sources is None or wanted <= {Completion.NOTHING}:
        return 0, ()
    try:
        report = patient.sync(Completion.REBUILD in wanted)
    except RagloopError as error:
        return 0, (f"the sync that was to complete the repair ended: {error}",)
    return report.chunks_embedded, tuple(f"sync: {one}" for one in [*report.problems, *report.notices])


def _diagnosis(
    examined: Examination, findings: Sequence[Finding], started: float, notes: Sequence[str] = ()
) -> Diagnosis:
    audit, seconds = examined.index.audit, round(time.perf_counter() - started, 3)
    return Diagnosis(tuple(findings), audit.documents, audit.chunks, seconds=seconds, notes=tuple(notes))


def _writers(store: Store) -> tuple[str, ...]:
    """Return who is writing: what a writer has not finished may be among the findings."""
    try:
        with store.lease("index"):
            return ()
    except StoreBusyError as error:
        return (f"{error}; what it has not finished may show here",)
