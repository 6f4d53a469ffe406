"""The catalogue: everything that a home keeps, from the rooms that keep it."""

from ragloop.catalogue import STORE, Derived
from ragloop.corpus.derived import DERIVED as CORPUS
from ragloop.erasure.derived import DERIVED as ERASURE
from ragloop.journal.derived import DERIVED as JOURNAL
from ragloop.keys.derived import DERIVED as KEYS
from ragloop.learning.derived import DERIVED as LEARNING
from ragloop.migration.derived import DERIVED as MIGRATION
from ragloop.registry.derived import DERIVED as REGISTRY
from ragloop.traffic.derived import DERIVED as TRAFFIC

CATALOGUE: tuple[Derived, ...] = (
    *STORE,
    *JOURNAL,
    *TRAFFIC,
    *CORPUS,
    *REGISTRY,
    *KEYS,
    *LEARNING,
    *MIGRATION,
    *ERASURE,
)
"""Prefect's own state under HOME/prefect is the orchestrator's."""
