"""What an application does so that nothing is lost, and nothing outlives its source: backups, restores, erasures,
and the mirror of the adapters."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.config.settings import MLFLOW
from ragloop.errors import ConfigError, RagloopError, UsageError
from ragloop.store import make_home
from ragloop.store.files import Files, FolderFiles, open_files

if TYPE_CHECKING:
    from ragloop.backup import BackupReport, Backups, RestoreReport
    from ragloop.catalogue import Derived
    from ragloop.erasure.audit import Auditor
    from ragloop.erasure.certificate import Erasures
    from ragloop.erasure.erasing import Erasing
    from ragloop.erasure.subject_access import SubjectAccess
    from ragloop.learning.monitoring.windows import ErasedAnswers
    from ragloop.registry.mirroring.mirror import Mirror
    from ragloop.registry.mirroring.reconciling import Mirroring


class Safekeeping:
    """The backups, the erasures and the mirror of one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def backups(self, uri: str | None = None) -> "Backups":
        """Open the backups at `uri`, by default at backup.uri. Raises ConfigError where both lack, UsageError."""
        from ragloop.app.catalogue import CATALOGUE
        from ragloop.backup import Backups
        from ragloop.backup.place import backup_files

        wanted = self._parts.settings
        buckets = [one for one in (wanted.store, wanted.artifacts) if one]
        files = backup_files(uri or wanted.backup.uri, wanted.home, buckets)
        return Backups(files, CATALOGUE, self._parts.now, self._parts.artifacts.files)

    def back_up(
        self, uri: str | None = None, progress: "Callable[[int, int, int], None] | None" = None
    ) -> "BackupReport":
        """Take a backup, and delete those beyond backup.keep; see ragloop.backup."""
        shown = progress or (lambda done, total, copied: None)
        wanted = self._parts.settings.backup
        return self.backups(uri).make(
            self._parts.store, wanted.keep, shown, verified_within=timedelta(days=wanted.verify_days)
        )

    def restore(
        self,
        uri: str | None,
        backup_id: str = "latest",
        *,
        replace: bool = False,
        dry_run: bool = False,
        progress: "Callable[[int, int, int], None] | None" = None,
    ) -> "RestoreReport":
        """Bring a backup back to where the store of the settings is; see ragloop.backup.restoring."""
        from ragloop.backup import restore

        home, place = self._parts.settings.home, self._parts.place
        shown = progress or (lambda done, total, written: None)
        if not dry_run:
            make_home(home)
        from ragloop.registry import files_are_whole

        return restore(
            self.backups(uri),
            backup_id,
            home,
            place,
            replace=replace,
            dry_run=dry_run,
            whole=partial(files_are_whole, self._parts.artifacts.files),
            boundary=self._parts.boundary,
            progress=shown,
        )

    @property
    def auditor(self) -> "Auditor":
        """What answers who saw which document, and who approved what about it."""
        from ragloop.erasure.audit import Auditor

        return Auditor(self._parts.journal, self._parts.registry)

    @property
    def subject_access(self) -> "SubjectAccess":
        """What exports all that a home has of a person."""
        from ragloop.erasure.subject_access import SubjectAccess

        return SubjectAccess(self._parts.journal, self._parts.registry)

    def erasing(self, catalogue: "Sequence[Derived] | None" = None) -> "Erasing":
        """Return the erasures of this home, over its catalogue or, for a test, over a part of it."""
        from ragloop.app.catalogue import CATALOGUE
        from ragloop.erasure.erasing import Erasing

        return Erasing(
            self._parts.store,
            self._parts.registry,
            CATALOGUE if catalogue is None else catalogue,
            self.backups() if self._parts.settings.backup.uri else None,
            lambda: self.back_up().backup_id,
            mirroring_of_erasures(self._parts),
        )

    @property
    def mirroring(self) -> "Mirroring":
        """The mirror of the registry. Raises ConfigError and UsageError as open_mirror does."""
        return mirroring(self._parts)

    def follow_mirror(self) -> str:
        """Make the mirror hold what the registry keeps, where the settings name one; return what is left to do.

        What changed the registry is done, whatever becomes of the mirror: the next run completes it.
        """
        if not self._parts.settings.registry.mirror:
            return ""
        try:
            return "; ".join(self.mirroring.run().problems)
        except RagloopError as error:
            return f"the mirror is not as the registry is: {error}; `ragloop adapters mirror` completes it"

    def mirror_after_restore(self) -> str:
        """Say that the mirror is not as the restored registry is, or cannot be looked at; it is left as it is.

        Whoever tries a backup out restores it beside the home that it is of, by the same configuration. To follow there
        would take adapters that are newer than the backup out of the mirror that others load from.
        """
        if not self._parts.settings.registry.mirror:
            return ""
        try:
            found = self.mirroring.look()
        except RagloopError as error:
            return f"the mirror was not looked at: {error}"
        if found.plan.is_empty:
            return "; ".join(found.problems)
        left = "leave it where this restore is a trial"
        return f"the mirror {found.place} is not as this registry is: `ragloop adapters mirror` makes it so; {left}"


def erasures_of(parts: Parts) -> "Erasures":
    """Return what tells what was erased of a home and not lifted; see erasure.certificate."""
    from ragloop.erasure.certificate import Certificates, Erasures

    return Erasures(Certificates(parts.artifacts.files, parts.settings.home))


def erased_answers(parts: Parts) -> "list[ErasedAnswers]":
    """Return how many answers each erasure removed from the log. Raises MismatchError where a record is damaged."""
    from ragloop.erasure.certificate import Certificates
    from ragloop.learning.monitoring.windows import ErasedAnswers

    read = (one.certificate for one in Certificates(parts.artifacts.files, parts.settings.home).all())
    return [
        ErasedAnswers(datetime.fromisoformat(one.done_at or one.begun_at), one.removed.get("answers", 0))
        for one in read
    ]


def mirroring(parts: Parts) -> "Mirroring":
    """Return what keeps the mirror of a home, None of it where the settings name none. Raises as open_mirror does."""
    from ragloop.registry.mirroring.reconciling import Mirroring

    return Mirroring(parts.store, parts.registry, open_mirror(parts))


def mirroring_of_erasures(parts: Parts) -> "Mirroring":
    """Return what keeps the mirror of a home; where it cannot be opened, what the home notes of it still tells."""
    from ragloop.registry.mirroring.reconciling import Mirroring

    try:
        return mirroring(parts)
    except UsageError:
        return Mirroring(parts.store, parts.registry, None)


def open_mirror(parts: Parts) -> "Mirror | None":
    """Open the mirror that registry.mirror names; nothing is reached before it is used.

    Raises ConfigError where the address of MLflow is missing, UsageError where the mirror lies in the home, or in a
    bucket of the store or its artifacts.
    """
    wanted = parts.settings.registry
    if not wanted.mirror:
        return None
    identity = parts.store.migrations.identity
    if wanted.mirror != MLFLOW:
        from ragloop.registry.mirroring.folder_mirror import FolderMirror

        return FolderMirror(_outside(wanted.mirror, parts), identity, parts.boundary)
    from ragloop.registry.mirroring.mlflow_mirror import MlflowMirror

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise ConfigError("registry.mirror is mlflow: set MLFLOW_TRACKING_URI to the address of its server")
    return MlflowMirror(uri, wanted.mirror_name, identity, parts.boundary)


def _outside(place: str, parts: Parts) -> Files:
    files, settings = open_files(place), parts.settings
    home = settings.home.resolve()
    if isinstance(files, FolderFiles) and files.folder.resolve().is_relative_to(home):
        raise UsageError(f"{files} lies in {home}; name a place outside of it in registry.mirror")
    for one in filter(None, (settings.store, settings.artifacts, settings.backup.uri)):
        if f"{files}/".startswith(f"{one.rstrip('/')}/"):
            raise UsageError(f"{files} lies in {one}; name another place in registry.mirror")
    return files
