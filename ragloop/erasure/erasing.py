"""An erasure: plan, suppress, remove, back up again, search, sign.

A record of what is erased is written first, as hashes, then that no sync may bring it back. Every step after that may
be repeated, so an erasure that was killed is completed by the next one. The certificate is signed when a search of all
files found nothing.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from secrets import token_hex

from ragloop.backup import Backups
from ragloop.catalogue import Derived, Erasure, Lease
from ragloop.corpus.sync.policy import Suppressions
from ragloop.corpus.sync.suppressions import lift, suppress
from ragloop.erasure.asked import Asked
from ragloop.erasure.certificate import Certificate, Certificates, Searched, sorted_counts
from ragloop.erasure.finding import Finder, Plan
from ragloop.erasure.removing.artifacts import places, remove_empty_folders, resting, sha256_of_files
from ragloop.erasure.removing.databases import erase_names
from ragloop.erasure.removing.erasers import ERASERS
from ragloop.erasure.removing.index import leave_answers
from ragloop.erasure.removing.log import gone_interactions
from ragloop.erasure.removing.work import Counts, Work
from ragloop.erasure.searching import Finding, search
from ragloop.erasure.traces import Traces
from ragloop.errors import MismatchError, NotFoundError, RagloopError
from ragloop.registry import Registry
from ragloop.registry.mirroring.reconciling import Mirroring
from ragloop.store import Store

_LEFT_OUT = (
    "the sources themselves, which ragloop only reads",
    "free space of disks, snapshots of file systems, and earlier versions of objects in a bucket that keeps them",
    "the memory of running processes",
    "adapters that somebody exported, or copied from a mirror",
    "keys of a single word without an ending, where they stand in sentences",
)
_LEASE_WAIT_S = 60
_log = logging.getLogger(__name__)
Progress = Callable[[int, int, str], None]
"""Called with steps done, steps to do, and what is erased next."""


@dataclass(frozen=True)
class Erased:
    """What an erasure did. `found` are traces that are still there; where there is one, it is not done.

    `traces` are of what it was about.
    """

    certificate_id: str
    certificate: str
    traces: Traces
    removed: Counts
    backups_removed: tuple[str, ...]
    found: tuple[Finding, ...]
    retraining_is_due: bool

    @property
    def is_done(self) -> bool:
        """Return whether nothing was found any more, and the certificate is signed."""
        return not self.found


@dataclass(frozen=True)
class Verified:
    """What a search for the traces of a certificate found, and whether its signature holds.

    `is_ours`: the key of this home signed it; None where the home has no key any more.
    """

    certificate_id: str
    found: tuple[Finding, ...]
    signed: bool
    is_ours: bool | None
    searched: Searched


@dataclass(frozen=True)
class Erasing:
    """The erasures of one store, over what a catalogue names. `backups` opens them, None where there are none;
    `mirroring` is that of the registry, with or without a mirror."""

    store: Store
    registry: Registry
    catalogue: Sequence[Derived]
    backups: Backups | None
    back_up: Callable[[], str]
    mirroring: Mirroring

    @property
    def certificates(self) -> Certificates:
        """The records of the erasures of this home."""
        return Certificates(self.registry.artifacts.files, self.store.home)

    def plan(self, asked: Asked) -> Plan:
        """Find what an erasure would remove; nothing is changed. Raises NotFoundError, UsageError."""
        return Finder(self.store, self.registry, self.backups).find(asked)

    def run(self, asked: Asked, progress: Progress = lambda done, total, name: None) -> Erased:
        """Erase. Raises StoreBusyError while another erasure or a retraining is under way, or the index is written.

        Raises MismatchError where a backup cannot be read, so that nobody can tell what it holds.
        """
        with self.store.lease(Lease.ERASURE):
            return self._run(asked, progress)

    def _run(self, asked: Asked, progress: Progress) -> Erased:
        self._backups_must_be_readable()
        with self._writing():
            plan = self.plan(asked)
            certificate = Certificate(
                token_hex(8),
                self.store.now().isoformat(),
                plan.traces,
                asked.by,
                asked.reason,
                shared=tuple(sorted(one.text_hash for one in plan.shared)),
                made_by=version("ragloop"),
            )
            self.certificates.write(certificate)
            certificate = self._remove(certificate, progress)
        return self._finish(certificate)

    def complete(self, progress: Progress = lambda done, total, name: None) -> list[Erased]:
        """Complete the erasures that were interrupted, oldest first. Raises StoreBusyError while one is under way."""
        if not self.certificates.unfinished():
            return []
        with self.store.lease(Lease.ERASURE):
            unfinished = sorted(self.certificates.unfinished(), key=lambda one: one.begun_at)
            return [self._again(one, progress) for one in unfinished]

    def _again(self, certificate: Certificate, progress: Progress = lambda done, total, name: None) -> Erased:
        """Take the steps of an erasure, however many were taken before."""
        self._backups_must_be_readable()
        with self._writing():
            self.certificates.write(certificate)
            certificate = self._remove(certificate, progress)
        return self._finish(certificate)

    def erase_what_returned(self) -> list[Erased]:
        """Erase again what is there again of erasures that were done and not lifted, as a restore brings it back.

        Each certificate is searched for. It is unsigned first, so that one that is killed is completed as any other.
        """
        with self.store.lease(Lease.ERASURE):
            held = [read.certificate for read in self.certificates.all()]
            done = [one for one in held if one.is_done and not one.lifted_at]
            return [self._again(replace(one, done_at="")) for one in done if self._search(one.traces)[0]]

    def verify(self, name: str) -> Verified:
        """Search for what a certificate says was erased; see searching."""
        read = self.certificates.find(name)
        found, searched = self._search(read.certificate.traces)
        certificate_id = read.certificate.certificate_id
        return Verified(certificate_id, found, read.is_signed(), self.certificates.is_ours(read), searched)

    def lift(self, name: str) -> int:
        """Let the documents of an erasure be indexed again, by the next sync; return how many hashes are lifted."""
        one = self.certificates.find(name).certificate
        with self.store.lease(Lease.INDEX):
            if not (lifted := lift(self.store, one.certificate_id)):
                raise NotFoundError(
                    f"found nothing that the erasure {one.certificate_id} suppresses; it was lifted before"
                )
            self.certificates.write(replace(one, lifted_at=self.store.now().isoformat()))
        return lifted

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.store.lease(Lease.RETRAINING), self.store.lease(Lease.INDEX):
            yield

    def _remove(self, certificate: Certificate, progress: Progress) -> Certificate:
        """Suppress, then remove everything that rests on the traces, kind by kind. Needs the leases."""
        traces = certificate.traces
        suppress(self.store, Suppressions(traces.documents, traces.uris, traces.revisions), certificate.certificate_id)
        leave_answers(self._work(traces))
        with self.store.lease(Lease.TRAFFIC, wait_s=_LEASE_WAIT_S):
            pass  # who logs traffic from now on reads the record of this erasure; what was logged before is found below
        certificate = self._with_what_came_late(certificate)
        work, counts = self._work(certificate.traces), [certificate.removed]
        wanted = [one for name in ERASERS for one in self.catalogue if one.name == name]
        for done, entry in enumerate(one for one in wanted if one.erased is not Erasure.NOTHING):
            progress(done, len(wanted), entry.name)
            counts.append(ERASERS[entry.name](work, entry))
        progress(len(wanted), len(wanted), "")
        remove_empty_folders(self.registry, certificate.traces)
        counts.append({"names in databases": erase_names(self.store.home, certificate.traces)})
        return replace(certificate, removed=sorted_counts(counts))

    def _with_what_came_late(self, certificate: Certificate) -> Certificate:
        """Keep which answers, datasets and adapters go, those included that came since the plan, as an erasure that was
        killed may be completed days later; a repeated step finds them again."""
        before = certificate.traces
        traces = replace(before, interactions=gone_interactions(self._work(before)))
        datasets, adapters = resting(self.registry, traces)
        traces = replace(traces, datasets=traces.datasets | datasets, adapters=traces.adapters | adapters)
        traces = replace(traces, files=traces.files | sha256_of_files(self.registry, traces))
        if traces == before:
            return certificate
        certificate = replace(certificate, traces=traces)
        self.certificates.write(certificate)
        return certificate

    def _finish(self, certificate: Certificate) -> Erased:
        removed = self._renewed_backups()
        self._follow_mirror(certificate.traces)
        certificate = replace(certificate, backups_removed=(*certificate.backups_removed, *removed))
        found, searched = self._search(certificate.traces)
        certificate = replace(certificate, searched=searched)
        if not found:
            certificate = replace(certificate, done_at=self.store.now().isoformat())
        name = self.certificates.write(certificate)
        if certificate.is_done:
            self._renewed_backups()  # so that the one that is left has the signed record
        champions = certificate.removed.get("champions rolled back", 0)
        due = bool(champions or certificate.removed.get("adapters", 0))
        place = f"{self.registry.artifacts.files}/{name}"
        return Erased(certificate.certificate_id, place, certificate.traces, certificate.removed, removed, found, due)

    def _follow_mirror(self, traces: Traces) -> None:
        """Remove adapters from the mirror; what is left there, the search says, also where nobody can reach it."""
        if not traces.adapters or self.mirroring.mirror is None:
            return
        try:
            self.mirroring.run()
        except RagloopError as error:
            _log.warning("the mirror was not brought in line: %s", error)

    def _renewed_backups(self) -> tuple[str, ...]:
        """Take a backup of what is left, then remove every other one, and what no backup names."""
        if self.backups is None or not (before := [one.backup_id for one in self.backups.all()]):
            return ()
        made = self.back_up()
        self.backups.keep_only(self.store, made)
        return tuple(one for one in before if one != made)

    def _backups_must_be_readable(self) -> None:
        if self.backups is not None and (damaged := self.backups.damaged()):
            raise MismatchError(
                f"nobody can tell what a damaged backup holds: {damaged[0]}; remove it, then erase: nothing was changed"
            )

    def _search(self, traces: Traces) -> tuple[tuple[Finding, ...], Searched]:
        files = self.backups.files if self.backups is not None else None
        found, searched = search(traces, self.store, places(self.registry), files)
        found += [Finding(where, what) for where, what in self.mirroring.left(traces.adapters)]
        no_backups = () if files else ("backups: no place of backups is configured",)
        return tuple(found), replace(searched, left_out=(*searched.left_out, *_LEFT_OUT, *no_backups))

    def _work(self, traces: Traces) -> Work:
        return Work(self.store, self.registry, traces)
