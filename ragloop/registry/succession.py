"""What follows from the history of an alias: who serves, what a rollback returns to, and who is retired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ragloop.registry.adapter import PROMOTED, RETIRED, AdapterState


class AliasChange(StrEnum):
    """What moved an alias."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Succession:
    """What follows from a history: the champion and what rollbacks can return to, the champion last, and the state of
    every adapter that ever served. `left` holds what each rollback was made from, by the id of the change."""

    stack: tuple[str, ...]
    states: Mapping[str, AdapterState]
    left: Mapping[str, str]


def succession(history: Sequence[Mapping[str, Any]]) -> Succession:
    """Return what follows from the changes of an alias, oldest first."""
    stack: list[str] = []
    states: dict[str, AdapterState] = {}
    left: dict[str, str] = {}
    for change in history:
        if change["kind"] == AliasChange.PROMOTE:
            stack.append(change["adapter_id"])
        elif stack:
            left[change["change_id"]] = stack.pop()
            states[left[change["change_id"]]] = RETIRED
            while stack and stack[-1] != change["adapter_id"]:
                stack.pop()
        if change["adapter_id"]:
            states[change["adapter_id"]] = PROMOTED
    return Succession(tuple(stack), states, left)
