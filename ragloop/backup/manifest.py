"""The manifest of a backup: its tables, and every file with its size and SHA-256. It makes the backup exist."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ragloop.errors import MismatchError
from ragloop.store.names import why_unclean

FORMAT = 1
OBJECTS = "files/"
"""Objects that hold the bytes of files have names that begin so."""
UNREADABLE = "unreadable.lines"
_PATH = re.compile(rf"store/[^/]+\.lance/.+|artifacts/.+|journal/(sealed-[0-9A-Za-z]+\.jsonl|{re.escape(UNREADABLE)})")
"""What a backup holds of a home."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class TableState:
    """A table at one version: its rows, and the files that hold them."""

    name: str
    version: int
    rows: int
    files: int
    bytes: int


@dataclass(frozen=True)
class Entry:
    """A file of the store: where it belongs (`path`) and which object of the backup holds its bytes (`name`).

    Paths begin with store/, artifacts/ or journal/, as under a home.
    """

    path: str
    bytes: int
    sha256: str
    name: str

    def __post_init__(self) -> None:
        if why := why_unclean(self.path) or ("" if _PATH.fullmatch(self.path) else "it is of no file of a store"):
            raise ValueError(f"found the path {self.path[:200]!r} in a backup: {why}")
        if why := why_unclean(self.name) or ("" if self.name.startswith(OBJECTS) else f"it is not under {OBJECTS}"):
            raise ValueError(f"found the object {self.name[:200]!r} in a backup: {why}")
        if self.bytes < 0 or not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"found {self.bytes} bytes with SHA-256 {self.sha256!r} for {self.path}")


@dataclass(frozen=True)
class Manifest:
    """One backup. `store` is the identity of what was backed up, `place` its address then, `schema` its number."""

    backup_id: str
    created_at: datetime
    store: str
    place: str
    schema: int
    tables: Sequence[TableState]
    entries: Sequence[Entry]

    @property
    def size(self) -> int:
        """Return the bytes of all files, shared ones included."""
        return sum(one.bytes for one in self.entries)

    @property
    def names(self) -> frozenset[str]:
        """Return the objects that it rests on."""
        return frozenset(one.name for one in self.entries)

    def encoded(self) -> bytes:
        """Encode it as JSON, with a SHA-256 over the rest."""
        body = {**asdict(self), "format": FORMAT, "created_at": self.created_at.isoformat()}
        return json.dumps({**body, "sha256": _digest(body)}, indent=1).encode()


def decoded(data: bytes, where: str, backup_id: str) -> Manifest:
    """Read the manifest of this backup. Raises MismatchError where it is damaged, crafted, or of a newer format."""
    try:
        body = json.loads(data)
        number, digest = int(body["format"]), body.pop("sha256")
        if number > FORMAT:
            raise MismatchError(
                f"the backup {where} has format {number}, this ragloop reads formats up to {FORMAT}; install the "
                "ragloop that wrote it, or a newer one"
            )
        if digest != _digest(body):
            raise ValueError("its SHA-256 is another")
        body.pop("format")
        body["created_at"] = datetime.fromisoformat(body["created_at"])
        body["tables"] = tuple(TableState(**one) for one in body["tables"])
        body["entries"] = tuple(Entry(**one) for one in body["entries"])
        return _consistent(Manifest(**body), backup_id)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MismatchError(f"the manifest {where} is damaged ({error}); take another backup") from None


def _consistent(manifest: Manifest, backup_id: str) -> Manifest:
    """Return it where every name in it is its own. Raise ValueError where files would be written over each other."""
    if manifest.backup_id != backup_id:
        raise ValueError(f"it says that it is {manifest.backup_id!r}")
    for table in manifest.tables:
        if "/" in table.name or why_unclean(table.name):
            raise ValueError(f"found the table {table.name!r}")
    paths = {one.path for one in manifest.entries}
    folders = {path[:at] for path in paths for at, sign in enumerate(path) if sign == "/"}
    if len(paths) != len(manifest.entries) or paths & folders:
        raise ValueError("two of its files have one path")
    return manifest


def _digest(body: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
