"""Every check of doctor."""

from ragloop.corpus.doctor.check import Check
from ragloop.corpus.doctor.index_checks import INDEX_CHECKS, SOURCE_CHECKS
from ragloop.corpus.doctor.store_checks import (
    GENERATION_CHECKS,
    LEFTOVER_CHECKS,
    LOG_CHECKS,
    MODEL_CHECKS,
    TABLE_CHECKS,
)

CHECKS: tuple[Check, ...] = (
    *TABLE_CHECKS,
    *MODEL_CHECKS,
    *GENERATION_CHECKS,
    *INDEX_CHECKS,
    *LEFTOVER_CHECKS,
    *SOURCE_CHECKS,
    *LOG_CHECKS,
)
"""In the order of a repair: each fix relies on those before it. docs/operations/store-and-backup.md lists them."""
