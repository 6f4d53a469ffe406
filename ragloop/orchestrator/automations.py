"""The automations of flows/automations.json on a Prefect server: what notices failures, silence and lateness of a home.

`prefect automation create` doubles what is there; this makes the server equal to the file, as often as one likes. The
automations that belong to a deployment are in prefect.yaml, and left alone here, as are those of other homes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragloop.errors import NotFoundError
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi

_NAME = "{{ name }}"
"""What stands in the file for the name of the home."""
_ADDED = ("id", "created", "updated")
"""What the server adds to an automation, its trigger and its actions."""
_EMPTY: Mapping[str, Any] = {"actions_on_trigger": [], "actions_on_resolve": []}
"""What the file leaves out, and the server would keep."""
_PAGE = 200
"""Most that the server tells at once."""
_BODY = """{{ automation.description }}

{% if event %}{{ event.resource.name }}
{{ event.resource["prefect.state-message"] or event.payload | tojson }}{% endif %}"""

Automation = Mapping[str, Any]


@dataclass(frozen=True)
class Applied:
    """Names of automations by what became of them."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: tuple[str, ...]


def wanted(project: Path, names: Names) -> list[Automation]:
    """Return the automations of the file for one home."""
    text = (project / "flows" / "automations.json").read_text(encoding="utf-8")
    found: list[Automation] = json.loads(text.replace(_NAME, names.name))
    return found


def apply(api: PrefectApi, names: Names, wanted: Sequence[Automation], block: str | None = None) -> Applied:
    """Make the server's automations of a home these; `block` (TYPE/NAME) hears of those that do nothing else.

    What bears the tag and the beginning of the names of this home and is not wanted is deleted; Prefect gives those of
    deployments no tag. Raises NotFoundError where the server has no such block, UnavailableError where it does not
    answer.
    """
    if block:
        wanted = [_notifying(one, _block_id(api, block)) for one in wanted]
    there = _there(api)
    done: dict[str, list[str]] = {"created": [], "changed": [], "deleted": [], "unchanged": []}
    for one in wanted:
        same_name = [found for found in there if found["name"] == one["name"]]
        done[_made_equal(api, one, same_name)].append(one["name"])
    kept = {one["name"] for one in wanted}
    for found in there:
        ours = names.tag in found["tags"] and found["name"].startswith(names.automations)
        if ours and found["name"] not in kept:
            api.call("DELETE", f"/automations/{found['id']}")
            done["deleted"].append(found["name"])
    return Applied(**{what: tuple(those) for what, those in done.items()})


def _made_equal(api: PrefectApi, one: Automation, there: Sequence[Automation]) -> str:
    """Leave one automation of this name, as it is wanted; returns what was done."""
    if not there:
        api.call("POST", "/automations/", one)
        return "created"
    for double in there[1:]:
        api.call("DELETE", f"/automations/{double['id']}")
    if not _is(one, there[0]):
        # It is not replaced where it is equal: a replaced trigger starts without what it has seen.
        api.call("PUT", f"/automations/{there[0]['id']}", {**_EMPTY, **one})
    return "unchanged" if _is(one, there[0]) and len(there) == 1 else "changed"


def _there(api: PrefectApi) -> list[Automation]:
    found: list[Automation] = []
    while page := api.call("POST", "/automations/filter", {"limit": _PAGE, "offset": len(found)}):
        found += page
    return found


def _is(wanted: Any, found: Any) -> bool:
    """Return whether the server's value says what the file says, and nothing beside it; the server adds ids and empty
    values, and keeps some lists as sets."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _is(wanted[name], found.get(name)) if name in wanted else name in _ADDED or not found[name]
            for name in {*wanted, *found}
        )
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(wanted) != len(found):
            return False
        return all(map(_is, sorted(wanted, key=_sorted), sorted(found, key=_sorted)))
    return bool(wanted == found)


def _sorted(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _notifying(one: Automation, block_id: str) -> Automation:
    if one["actions"] != [{"type": "do-nothing"}]:
        return one
    action = {"type": "send-notification", "block_document_id": block_id, "subject": one["name"], "body": _BODY}
    return {**one, "actions": [action]}


def _block_id(api: PrefectApi, block: str) -> str:
    kind, _, name = block.partition("/")
    try:
        return str(api.call("GET", f"/block_types/slug/{kind}/block_documents/name/{name}")["id"])
    except NotFoundError:
        raise NotFoundError(
            f"found no notification block {block} (notify.block) on {api.url}; create it in the UI under Blocks, then "
            "run `ragloop automations apply`"
        ) from None
