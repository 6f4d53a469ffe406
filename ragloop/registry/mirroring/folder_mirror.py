"""A mirror in a folder or a bucket: one folder per adapter, which PEFT loads, and a file that names the aliases.

    mirror.json                        of which store this is, which adapters are here, and what each alias names
    ID/adapter_model.safetensors       weights
    ID/adapter_config.json             PEFT's description
    ID/ragloop.json                    what is known of it; written last

An adapter stands in mirror.json from before its first file is written until its last one is removed: what is here of it
when something stops either is found by its id, and nothing else in the folder is touched.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ragloop.errors import MismatchError, NotFoundError, UnavailableError, UsageError
from ragloop.records import LaneName
from ragloop.registry.files import ADAPTER_CONFIG, WEIGHTS
from ragloop.registry.mirroring.mirror import FILES, Portable
from ragloop.registry.mirroring.plan import Holding, Move, Version
from ragloop.registry.portable import ABOUT
from ragloop.registry.succession import Alias
from ragloop.store import Boundary
from ragloop.store.files import PART_BYTES, Files

INDEX = "mirror.json"
_FORMAT = 1


class FolderMirror:
    """The mirror of the store `store_id` in `files`."""

    def __init__(self, files: Files, store_id: str, boundary: Boundary) -> None:
        self._files, self._store_id, self._boundary = files, store_id, boundary

    def __str__(self) -> str:
        return str(self._files)

    def is_there(self) -> bool:
        """Return whether the folder says that it is a mirror."""
        with self._errors():
            return INDEX in self._files.list(INDEX)

    def held(self) -> Holding:
        """Read mirror.json and what stands in the folder of each adapter."""
        with self._errors():
            index = self._index()
            aliases = {
                (LaneName(lane), Alias(alias)): str(adapter_id)
                for lane, names in index["aliases"].items()
                for alias, adapter_id in names.items()
            }
            return Holding([self._version(one) for one in index["adapters"]], aliases)

    def add(self, one: Portable) -> None:
        """Note the id, then write the files; what is known of the adapter comes last."""
        adapter_id = one.adapter.adapter_id
        with self._errors():
            self._noted(adapter_id, is_here=True)
            # What is known of other bytes must not stand beside these.
            self._remove(adapter_id, "drop")
            self._write(f"{adapter_id}/{ADAPTER_CONFIG}", [one.config])
            with one.weights.open("rb") as file:
                self._write(f"{adapter_id}/{WEIGHTS}", iter(lambda: file.read(PART_BYTES), b""))
            self._write(f"{adapter_id}/{ABOUT}", [one.about])

    def update(self, one: Portable) -> None:
        """Write what is known of an adapter."""
        with self._errors():
            self._write(f"{one.adapter.adapter_id}/{ABOUT}", [one.about])

    def point(self, move: Move) -> None:
        """Write mirror.json with another adapter under an alias."""
        with self._errors():
            index = self._index()
            names = {**index["aliases"].get(str(move.lane), {}), str(move.alias): move.adapter_id}
            left = {alias: one for alias, one in names.items() if one}
            self._write_index({**index, "aliases": {**index["aliases"], str(move.lane): left}})

    def remove(self, adapter_id: str) -> None:
        """Remove the folder of an adapter, then its id from mirror.json."""
        with self._errors():
            self._remove(adapter_id, "remove")
            self._noted(adapter_id, is_here=False)

    def _index(self) -> dict[str, Any]:
        try:
            found = json.loads(b"".join(self._files.read(INDEX)))
            _ = found["adapters"], found["aliases"], found["store"]
        except NotFoundError:
            if self._files.list():
                raise UsageError(
                    f"found files at {self} that are no mirror; name an empty folder in registry.mirror, or a new one"
                ) from None
            return {"format": _FORMAT, "store": self._store_id, "adapters": [], "aliases": {}}
        except (ValueError, LookupError, TypeError):
            raise MismatchError(f"{self}/{INDEX} is damaged; remove the folder: the next run makes it anew") from None
        if found["store"] != self._store_id:
            raise UsageError(
                f"found the mirror of another store at {self}; name a folder of its own in registry.mirror"
            )
        return dict(found)

    def _version(self, adapter_id: str) -> Version:
        there = self._files.list(f"{adapter_id}/")
        try:
            said: Mapping[str, Any] = json.loads(b"".join(self._files.read(f"{adapter_id}/{ABOUT}")))
            whole = all(f"{adapter_id}/{name}" in there for name in FILES) and said["adapter_id"] == adapter_id
            return Version(adapter_id, said["sha256"], said["record"], whole)
        except (NotFoundError, ValueError, LookupError, TypeError):
            return Version(adapter_id, "", "", is_whole=False)

    def _noted(self, adapter_id: str, *, is_here: bool) -> None:
        index = self._index()
        others = [one for one in index["adapters"] if one != adapter_id]
        self._write_index({**index, "adapters": [*others, adapter_id] if is_here else others})

    def _write_index(self, index: Mapping[str, Any]) -> None:
        self._write(INDEX, [(json.dumps(index, indent=1) + "\n").encode()])

    def _write(self, name: str, parts: Any) -> None:
        with self._boundary(f"write {name}"):
            self._files.write(name, parts)

    def _remove(self, adapter_id: str, step: str) -> None:
        # Without what is known of it, an adapter that is half removed is not taken for a whole one.
        first = f"{adapter_id}/{ABOUT}"
        found = sorted(self._files.list(f"{adapter_id}/"), key=lambda name: name != first)
        for name in found:
            with self._boundary(f"{step} {name}"):
                self._files.remove([name])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(f"cannot write to {self} now: {error.strerror or error}") from error
