"""What the home notes of its mirrors: which adapters each may hold, from before the first of them is added.

A mirror that cannot be reached, is not mounted, or is named by no setting any more still holds what it held: only by
this note can an erasure tell.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ragloop.errors import MismatchError, NotFoundError
from ragloop.store.files import Files

NAME = "mirrors.json"


@dataclass(frozen=True)
class NotedMirrors:
    """The note among the artifacts of a home."""

    files: Files

    def all(self) -> Mapping[str, frozenset[str]]:
        """Return the ids of the adapters that a mirror may hold, by its address. Raises MismatchError."""
        try:
            found = json.loads(b"".join(self.files.read(NAME)))
            return {str(place): frozenset(map(str, ids)) for place, ids in found.items()}
        except NotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError):
            raise MismatchError(
                f"{self.files}/{NAME} is damaged, which says what mirrors hold; restore it from a backup, or remove it"
            ) from None

    def write(self, place: str, adapter_ids: Iterable[str]) -> None:
        """Note what a mirror may hold; a mirror that holds nothing is left out."""
        before = self.all()
        noted = {**before, place: frozenset(adapter_ids)}
        noted = {one: ids for one, ids in noted.items() if ids}
        if noted != before:
            body = json.dumps({one: sorted(ids) for one, ids in sorted(noted.items())}, indent=1) + "\n"
            self.files.write(NAME, [body.encode()])
