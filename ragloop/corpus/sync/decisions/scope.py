"""Decide what a sync covers: the sources that it lists, and those that it removes."""

from dataclasses import dataclass

from ragloop.errors import UsageError


@dataclass(frozen=True)
class FoundSources:
    """The sources of a home, by name, as they are found before a sync.

    `known`: those that are configured, those that were synced by path, and the folder that was named, unless it is part
    of another. `within`: of these, what a sync of the named folder is of. `indexed`: those that the index has. `gone`:
    those that confirmed deletes remove, the named folder's where it is not there any more, or else all, where none is
    known.
    """

    known: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class SyncScope:
    """What a sync covers. `everything`: `sources` are all that are known, so that a generation may be built of them.

    `removed`: sources of which every document is deleted, as far as the guard allows it.
    """

    sources: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    everything: bool = False

    @property
    def only_deletes(self) -> bool:
        """Return whether nothing is listed: to delete needs no parser, so what answers is not rebuilt for it."""
        return not self.sources


def deletes_only(found: FoundSources) -> SyncScope:
    """Cover the sources that are gone, which a person confirmed."""
    return SyncScope(removed=found.gone)


def scope(found: FoundSources, *, of_folder: bool, builds: bool) -> SyncScope:
    """Decide what a sync covers: of all sources, or `of_folder`, of the folder that was named.

    A generation that is built (`builds`) needs every source, whatever was named. Raises UsageError when there is
    nothing to sync.
    """
    everything = builds or not of_folder
    sources = found.known if everything else found.within
    if not sources:
        raise UsageError(_nothing(found, everything=everything))
    removed = () if of_folder else tuple(one for one in found.indexed if one not in sources)
    return SyncScope(sources, removed, everything)


def _nothing(found: FoundSources, *, everything: bool) -> str:
    left = ", ".join(found.indexed if everything else ())
    but = f", though the index knows {left}" if left else ""
    delete = ", or delete their documents with `ragloop sync --confirm-deletes`" if left else ""
    return f"found no source{but}; name a folder (`ragloop sync DIR`) or add [[sources]] to ragloop.toml{delete}"
