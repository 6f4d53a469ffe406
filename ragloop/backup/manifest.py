"""The manifest of a backup: its tables, and every file with its size and SHA-256. It makes the backup exist."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ragloop.errors import MismatchError

FORMAT = 1


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
        top, _, rest = self.path.partition("/")
        if top not in ("store", "artifacts", "journal") or not rest or ".." in self.path.split("/"):
            raise ValueError(f"found the path {self.path!r} in a backup")


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
        """Bytes of all files, shared ones included."""
        return sum(one.bytes for one in self.entries)

    @property
    def names(self) -> frozenset[str]:
        """Objects that it rests on."""
        return frozenset(one.name for one in self.entries)

    def encoded(self) -> bytes:
        """As JSON, with a SHA-256 over the rest."""
        body = {**asdict(self), "format": FORMAT, "created_at": self.created_at.isoformat()}
        return json.dumps({**body, "sha256": _digest(body)}, indent=1).encode()


def decoded(data: bytes, where: str) -> Manifest:
    """Read a manifest. Raises MismatchError where it is damaged or of a newer format."""
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
        return Manifest(**body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MismatchError(f"the manifest {where} is damaged ({error}); take another backup") from None


def _digest(body: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
