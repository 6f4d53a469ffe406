"""The adapters of a store: their versions, what is known of each, and which one serves or is tried in each lane."""

from ragloop.registry.adapter import (
    CANARY,
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
from ragloop.registry.canaries import Canaries, retire
from ragloop.registry.evidence import Evidence, VerdictKind
from ragloop.registry.files import adapter_sha256, files_are_whole, other_base, state_of_files
from ragloop.registry.registry import Registry, lost_adapters, prune_copies, without_row
from ragloop.registry.retention import expire_adapters
from ragloop.registry.succession import Challenger, Standing, Step, Succession

__all__ = [
    "CANARY",
    "INCONCLUSIVE",
    "PROMOTED",
    "REGISTERED",
    "REJECTED",
    "RETIRED",
    "Adapter",
    "AdapterState",
    "Canaries",
    "Challenger",
    "Evidence",
    "Registry",
    "Request",
    "Rollback",
    "Standing",
    "Step",
    "Succession",
    "VerdictKind",
    "adapter_sha256",
    "expire_adapters",
    "files_are_whole",
    "lost_adapters",
    "other_base",
    "prune_copies",
    "retire",
    "state_of_files",
    "without_row",
]
