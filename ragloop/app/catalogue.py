"""The catalogue: everything that a home keeps, from the rooms that keep it."""

from ragloop.catalogue import STORE, Derived
from ragloop.corpus.derived import DERIVED as CORPUS
from ragloop.journal.derived import DERIVED as JOURNAL
from ragloop.keys.derived import DERIVED as KEYS
from ragloop.learning.derived import DERIVED as LEARNING
from ragloop.registry.derived import DERIVED as REGISTRY

CATALOGUE: tuple[Derived, ...] = (*STORE, *JOURNAL, *CORPUS, *REGISTRY, *KEYS, *LEARNING)
"""Prefect's own state under HOME/prefect is the orchestrator's."""
