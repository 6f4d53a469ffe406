"""An office document as a package: its main part, its title, and what of it was not read."""

from collections import defaultdict
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.archive import Archive, local_name
from ragloop.corpus.parsing.table import one_line
from ragloop.errors import DocumentError
from ragloop.wording import first_few

if TYPE_CHECKING:
    from lxml.etree import _Element

_PLACES = 8
_FORMATS = {"document": "DOCX", "workbook": "XLSX", "presentation": "PPTX"}


def main_part(archive: Archive, expected: str, root: str) -> tuple[str, "_Element"]:
    """Return the member that holds the document, and its root. Raises DocumentError where it is of another format."""
    member = archive.main_part(expected)
    if member.lower().endswith(".bin"):
        raise DocumentError(
            f"holds a binary workbook ({member}), expected {archive.what}; save it as an Excel workbook (.xlsx)"
        )
    element = archive.xml(member)
    found = local_name(element)
    if found != root:
        named = f"a document of the format {_FORMATS[found]}" if found in _FORMATS else f"<{found}> in {member}"
        raise DocumentError(f"found {named}, expected {archive.what}; give the file the suffix of its format")
    return member, element


def core_title(archive: Archive) -> str:
    """Return the title in the properties of an office document; empty where there is none."""
    if not archive.has("docProps/core.xml"):
        return ""
    found = (one.text for one in archive.xml("docProps/core.xml") if local_name(one) == "title")
    return one_line(next(found, None) or "")


class NotRead:
    """Counts by kind and place what was not read, so that a kind that occurs 300 times becomes one sentence."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, one: str, many: str, place: str = "", count: int = 1) -> None:
        """Count what was not read: "a picture", "pictures"."""
        if count:
            self._found[one, many][place] += count

    def sentences(self) -> list[str]:
        """Return a sentence for each kind, with its first places."""
        return [_sentence(one, many, places) for (one, many), places in self._found.items()]


def _sentence(one: str, many: str, places: dict[str, int]) -> str:
    count = sum(places.values())
    said = f"{one} was not read" if count == 1 else f"{count:,} {many} were not read"
    named = [place for place in places if place]
    return f"{said} ({first_few(named, _PLACES)})" if named else said
