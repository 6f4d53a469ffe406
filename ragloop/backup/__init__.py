"""Backups of a store: one consistent state of everything that nothing can rebuild, written elsewhere and restored."""

from ragloop.backup.backups import BackupReport, Backups, LastBackup, last_backup
from ragloop.backup.manifest import Entry, Manifest, TableState
from ragloop.backup.restoring import RestoreReport, restore

__all__ = [
    "BackupReport",
    "Backups",
    "Entry",
    "LastBackup",
    "Manifest",
    "RestoreReport",
    "TableState",
    "last_backup",
    "restore",
]
