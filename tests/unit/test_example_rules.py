"""What was judged by other rules is judged anew: their source says which they are, and no number has to be raised."""

import ast
import inspect
from importlib import import_module

import pytest

from ragloop.learning.examples.rules import RULES, rules_sha256, sources_sha256

RULES_MAY_LIE_IN = ("ragloop.answering.", "ragloop.learning.")
NO_RULES = {
    "ragloop.learning.examples.datasets",
    "ragloop.learning.examples.rules",
    "ragloop.learning.parquet_files",
}
"""Read what was made, and name the rules."""
SOURCES = [inspect.getsource(import_module(one)) for one in RULES]


@pytest.mark.parametrize("place", range(len(RULES)), ids=RULES)
def test_a_rule_that_changes_gives_other_rules(place: int) -> None:
    changed = [*SOURCES]
    changed[place] = changed[place].replace(" not ", " ", 1).replace("0.9", "0.8", 1) + "\n"
    assert sources_sha256(changed) != rules_sha256() == sources_sha256(SOURCES)


def test_whatever_a_rule_calls_is_a_rule() -> None:
    imported = {
        node.module
        for source in SOURCES
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(RULES_MAY_LIE_IN)
    }
    assert imported - NO_RULES <= {*RULES}
