"""The adapters of a store: their versions, what is known of each, and which one serves."""

from ragloop.registry.adapter import (
    INCONCLUSIVE,
    PROMOTED,
    REGISTERED,
    REJECTED,
    RETIRED,
    Adapter,
    AdapterState,
    Request,
    Rollback,
)
from ragloop.registry.evidence import Evidence, VerdictKind
from ragloop.registry.files import adapter_sha256, files_are_whole, other_base, state_of_files
from ragloop.registry.registry import Registry, lost_adapters, prune_copies, without_row

__all__ = [
    "INCONCLUSIVE",
    "PROMOTED",
    "REGISTERED",
    "REJECTED",
    "RETIRED",
    "Adapter",
    "AdapterState",
    "Evidence",
    "Registry",
    "Request",
    "Rollback",
    "VerdictKind",
    "adapter_sha256",
    "files_are_whole",
    "lost_adapters",
    "other_base",
    "prune_copies",
    "state_of_files",
    "without_row",
]
