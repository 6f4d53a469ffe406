"""Backups of a store: one consistent state of everything that cannot be made anew, written elsewhere and restored."""

from ragloop.backup.backups import BackupReport, Backups
from ragloop.backup.manifest import Entry, Manifest, TableState
from ragloop.backup.restoring import RestoreReport, restore

__all__ = ["BackupReport", "Backups", "Entry", "Manifest", "RestoreReport", "TableState", "restore"]
