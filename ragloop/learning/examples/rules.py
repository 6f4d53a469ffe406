"""The rules by which logged answers become examples, identified by a hash of their source.

What was judged by other rules is judged again. A reworded comment does that too, and costs less than a number that
nobody raised.
"""

import hashlib
import inspect
from collections.abc import Iterable
from functools import cache
from importlib import import_module

RULES = (
    "ragloop.answering.support.statements",
    "ragloop.learning.evaluation.scoring",
    "ragloop.learning.examples.choosing",
    "ragloop.learning.examples.curation",
    "ragloop.learning.examples.eligibility",
    "ragloop.learning.examples.example",
    "ragloop.learning.examples.known",
    "ragloop.learning.examples.lineage",
    "ragloop.learning.examples.near_duplicates",
    "ragloop.learning.examples.resting",
)
"""The modules that decide which examples the same answers, feedback and documents give."""


@cache
def rules_sha256() -> str:
    """Return the SHA-256 of the rules that run."""
    return sources_sha256(inspect.getsource(import_module(one)) for one in RULES)


def sources_sha256(sources: Iterable[str]) -> str:
    """Return a SHA-256 over the sources of rules."""
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()
