"""What an application knows of its sources, and removing one with its documents."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragloop.app.parts import Parts
from ragloop.app.policies import sync_policy
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.corpus.sync.report import SyncReport
    from ragloop.corpus.sync.source_states import SourceState


@dataclass(frozen=True)
class Removal:
    """What removing a source deletes. `withheld`: so much that it takes confirm_deletes."""

    source: "SourceState"
    withheld: bool


class Sources:
    """The sources of one home: those of the configuration, and those that its index knows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def states(self) -> "list[SourceState]":
        """Describe every source; none is listed, and no model is loaded."""
        from ragloop.corpus.sync.source_states import source_states

        parts = self._parts
        store = parts.store if parts.place.exists() else None
        index = parts.index if store and parts.generations.active() else None
        return source_states(parts.settings.sources, store, index)

    def removal(self, name: str) -> Removal:
        """Tell what removing a source would delete, and change nothing. Raises UsageError where there is none."""
        from ragloop.corpus.sync.decisions.guard import withholds

        states = {one.name: one for one in self.states()}
        if name not in states:
            raise UsageError(f"found no source {name}; known here: {', '.join(states) or 'none'}")
        count, policy = states[name].documents, sync_policy(self._parts.settings)
        return Removal(states[name], withholds(count, count, policy.guard_documents, policy.guard_share))

    def delete_documents(self, name: str, *, confirm_deletes: bool) -> "SyncReport | None":
        """Delete the documents of a source as a sync does, under the same guard; None where nothing is indexed.

        To delete needs no parser: the generation that answers is not rebuilt for it.
        """
        from ragloop.corpus.sync.run import sync

        parts = self._parts
        active = parts.generations.active() if parts.place.exists() else None
        if active is None:
            return None
        policy = replace(sync_policy(parts.settings), confirm_deletes=confirm_deletes)
        return sync(parts.store, [], parts.embedder_of, active, policy, everything=False, removed=[name])
