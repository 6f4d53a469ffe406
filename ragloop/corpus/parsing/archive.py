"""ZIP archives that hold a document: members read within a budget, XML parsed so that it cannot expand."""

import io
import posixpath
import urllib.parse
import zipfile
import zlib
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
"""Office keeps an encrypted document in a compound file, in the stream of this name ([MS-OFFCRYPTO] 2.3.4)."""


class Archive:
    """The members of an archive. `what` names the format in messages."""

    def __init__(self, data: bytes, what: str, limits: ParseLimits) -> None:
        """Raises DocumentError where the bytes are no archive, or an encrypted one."""
        self.what, self._left, self._most = what, limits.unpacked_bytes, limits.unpacked_bytes
        if data.startswith(_COMPOUND):
            raise _compound(data, what)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
            raise DocumentError(
                f"found no ZIP archive ({error}), expected {what}; save it again or leave it out"
            ) from None
        self._members = {_normal(name): name for name in self._zip.namelist()}

    def names(self) -> list[str]:
        """Return the names of the members, as they were written."""
        return list(self._members.values())

    def has(self, name: str) -> bool:
        """Whether there is such a member; names differ in case between writers."""
        return _normal(name) in self._members

    @property
    def left(self) -> int:
        """How many bytes may still be unpacked."""
        return self._left

    def size(self, name: str) -> int:
        """Return how many bytes a member unpacks to at most."""
        return self._zip.getinfo(self._members[_normal(name)]).file_size

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises DocumentError where it is missing, encrypted, damaged, or unpacks to too much."""
        member = self._members.get(_normal(name))
        if member is None:
            raise DocumentError(f"found no {name} inside, expected {self.what}; save it again or leave it out")
        stated = self._zip.getinfo(member).file_size  # it may lie, so what comes out is counted as well
        try:
            with self._zip.open(member) as file:
                data = b"" if stated > self._left else file.read(self._left + 1)
        # zipfile raises NotImplementedError for a compression that it does not know, and for an encrypted member its
        # parent RuntimeError, having no class of its own for that.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
            raise DocumentError(
                f"found a damaged {name} inside ({error}), expected {self.what}; save it again"
            ) from None
        except RuntimeError as error:
            raise DocumentError(f"is encrypted ({error}), expected a document without a password; remove it") from None
        self._left -= max(stated, len(data))
        if self._left < 0:
            raise DocumentError(
                f"unpacks to more than {self._most:,} bytes, expected at most that (a ZIP bomb?); "
                "raise sync.max_unpacked_mb to take it"
            )
        return data

    def xml(self, name: str) -> "_Element":
        """The root of an XML member."""
        return xml_root(self.read(name), name)

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """What a part of an office document refers to: id to (last word of the type, member)."""
        folder, base = posixpath.split(name)
        place = f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels"
        if not self.has(place):
            return {}
        found: dict[str, tuple[str, str]] = {}
        for one in self.xml(place):
            target = one.get("Target", "")
            if local_name(one) == "Relationship" and one.get("TargetMode") != "External" and target:
                kind = one.get("Type", "").rpartition("/")[2]
                found[one.get("Id", "")] = (kind, member_name(folder, target))
        return found

    def main_part(self, expected: str) -> str:
        """The member that the package names as its document; `expected` where it names none."""
        parts = [member for kind, member in self.related("").values() if kind == "officeDocument"]
        return parts[0] if parts else expected


def member_name(folder: str, target: str) -> str:
    """The member that a reference inside `folder` leads to."""
    target = urllib.parse.unquote(target).replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


def _normal(name: str) -> str:
    """A member's name as names are compared: some programs for Windows write backslashes, or a leading slash."""
    return name.replace("\\", "/").removeprefix("./").lstrip("/").lower()


def xml_root(data: bytes, name: str) -> "_Element":
    """The root element; entities are not resolved, nothing is loaded, and deep or huge nodes are refused."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"found malformed XML in {name} ({error}); save it again or leave it out") from None


def local_name(element: "_Element") -> str:
    """The name of an element without its namespace: transitional and strict documents differ in those only."""
    tag = element.tag  # lxml makes the name anew at each look
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: "_Element", name: str) -> str | None:
    """An attribute by its name without a namespace."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def whole_number(value: str | None, otherwise: int = 0) -> int:
    """The number that an attribute or a cell names; `otherwise` where it names none."""
    return int(value) if value and value.isdecimal() and len(value) < 10 else otherwise


def _compound(data: bytes, what: str) -> DocumentError:
    if _ENCRYPTED_STREAM in data:
        return DocumentError(f"is encrypted, expected {what} without a password; save it without one")
    return DocumentError(f"holds an old Microsoft Office file, expected {what}; save it in the newer format")
