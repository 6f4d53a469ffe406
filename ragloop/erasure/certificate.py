"""The record of an erasure: begun before anything is removed, and when all is done signed, as a certificate.

    artifacts/erasures/ID.json    what was looked for, as hashes; what was removed, and where it was searched for
    erasure.key                   the key that signs, in the home; the public half stands in every certificate

A record without a signature is of an erasure that was interrupted: the next one completes it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragloop.erasure.traces import KeptOut, Traces
from ragloop.errors import MismatchError, NotFoundError
from ragloop.store import make_room
from ragloop.store.files import Files

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "erasures"
KEY = "erasure.key"
FORMAT = 1


@dataclass(frozen=True)
class Searched:
    """What was searched, and in words what was not and why."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    versions: int = 0
    places: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """An erasure. `shared` are hashes of texts that other documents have, too, and that stay; `made_by` is the version
    of ragloop. `done_at` is empty until it is done, `lifted_at` until its documents may be indexed again."""

    certificate_id: str
    begun_at: str
    traces: Traces
    by: str = ""
    reason: str = ""
    done_at: str = ""
    removed: Mapping[str, int] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    backups_removed: tuple[str, ...] = ()
    searched: Searched = field(default_factory=Searched)
    made_by: str = ""
    lifted_at: str = ""

    @property
    def is_done(self) -> bool:
        """Return whether everything was removed, and searched for in vain."""
        return bool(self.done_at)

    def body(self) -> dict[str, Any]:
        """Return what is signed."""
        row = {name: value for name, value in vars(self).items() if name not in ("traces", "searched")}
        return {**row, "format": FORMAT, "traces": self.traces.as_row(), "searched": asdict(self.searched)}


@dataclass(frozen=True)
class Read:
    """A certificate as it was read; `public_key` and `signature` are empty until it is signed."""

    certificate: Certificate
    public_key: str = ""
    signature: str = ""

    def is_signed(self) -> bool:
        """Return whether the signature is that of the key in it over just this body."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public_key))
            key.verify(bytes.fromhex(self.signature), _message(self.certificate))
        except (ValueError, InvalidSignature):
            return False
        return True


@dataclass(frozen=True)
class Certificates:
    """The certificates among the artifacts of a home, and the key that signs them."""

    files: Files
    home: Path

    def write(self, certificate: Certificate) -> str:
        """Keep a record; signed where it is done. Return its name among the artifacts."""
        name = f"{FOLDER}/{certificate.certificate_id}.json"
        signed: dict[str, Any] = {"erasure": certificate.body()}
        if certificate.is_done:
            key = _key(self.home / KEY)
            signature = key.sign(_message(certificate)).hex()
            signed |= {"public_key": key.public_key().public_bytes_raw().hex(), "signature": signature}
        make_room(self.home, "artifacts")
        self.files.write(name, [json.dumps(signed, indent=1).encode()])
        return name

    def all(self) -> list[Read]:
        """Read every record, by id. Raises MismatchError where one is damaged."""
        names = sorted(one for one in self.files.list(f"{FOLDER}/") if one.endswith(".json"))
        return [read(b"".join(self.files.read(name)), name) for name in names]

    def unfinished(self) -> list[Certificate]:
        """Return the records of erasures that were interrupted; those that are signed are not read through."""
        names = sorted(one for one in self.files.list(f"{FOLDER}/") if one.endswith(".json"))
        held = ((name, b"".join(self.files.read(name))) for name in names)
        found = (read(data, name) for name, data in held if b'"signature":' not in data)
        return [one.certificate for one in found if not one.certificate.is_done]

    def find(self, name: str) -> Read:
        """Return a certificate by its id, a beginning of it that no other has, or the path of a file.

        Raises NotFoundError, MismatchError.
        """
        path = Path(name)
        if path.is_file():
            return read(path.read_bytes(), str(path))
        found = [one for one in self.all() if name and one.certificate.certificate_id.startswith(name)]
        if len(found) != 1:
            raise NotFoundError(
                f"found {len(found)} certificates named {name!r} in {self.files}/{FOLDER}, expected one; give its id, "
                "or the path of its file"
            )
        return found[0]

    def is_ours(self, one: Read) -> bool | None:
        """Return whether the key of this home signed it; None where there is no key any more."""
        file = self.home / KEY
        if not file.exists():
            return None
        return _key(file).public_key().public_bytes_raw().hex() == one.public_key


class Erasures:
    """What the erasures of a home keep out of it. A record is read once for as long as it stays as it is: traffic comes
    in many small requests, and what was erased grows."""

    def __init__(self, certificates: Certificates) -> None:
        self._files = certificates.files
        self._known: Mapping[str, tuple[str, Traces | None]] = {}

    def kept_out(self) -> KeptOut:
        """Return what was erased and not lifted. Raises MismatchError where a record is damaged."""
        listed = sorted(self._files.list(f"{FOLDER}/").items())
        stamps = {name: one.stamp for name, one in listed if name.endswith(".json")}
        self._known = {name: self._record(name, stamp) for name, stamp in stamps.items()}
        return KeptOut(tuple(traces for _, traces in self._known.values() if traces is not None))

    def _record(self, name: str, stamp: str) -> tuple[str, Traces | None]:
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known
        found = read(b"".join(self._files.read(name)), name).certificate
        return stamp, None if found.lifted_at else found.traces


def read(data: bytes, where: str) -> Read:
    """Read a record. Raises MismatchError where it is damaged, or of a newer format."""
    try:
        found = json.loads(data)
        body = dict(found["erasure"])
        if (number := int(body.pop("format"))) > FORMAT:
            raise MismatchError(
                f"the certificate {where} has format {number}, this ragloop reads formats up to {FORMAT}; install the "
                "ragloop that wrote it, or a newer one"
            )
        traces, searched = Traces.of_row(body.pop("traces")), body.pop("searched")
        body |= {name: tuple(body[name]) for name in ("shared", "backups_removed")}
        searched |= {name: tuple(searched[name]) for name in ("places", "left_out")}
        certificate = Certificate(**body, traces=traces, searched=Searched(**searched))
        return Read(certificate, str(found.get("public_key", "")), str(found.get("signature", "")))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MismatchError(
            f"the certificate {where} is damaged ({error}); take a copy of it, if there is one"
        ) from None


def _message(certificate: Certificate) -> bytes:
    return json.dumps(_plain(certificate.body()), sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """Return a value as JSON reads it back."""
    return json.loads(json.dumps(value))


def _key(file: Path) -> "Ed25519PrivateKey":
    """Read the key of a home, made where there is none; its owner alone can read it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not file.exists():
        made = Ed25519PrivateKey.generate().private_bytes_raw()
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process made one meanwhile
            return _key(file)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(made.hex())
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text(encoding="ascii")))
    except ValueError:
        raise MismatchError(
            f"found something else than a key in {file}; move it away: the next erasure makes another one"
        ) from None


def sorted_counts(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Add counts up, by their words."""
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return {name: count for name, count in sorted(total.items()) if count}
