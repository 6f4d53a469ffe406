"""What the elements of HTML are for (https://html.spec.whatwg.org/multipage/#toc-semantics)."""

from itertools import islice
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from lxml.etree import _Element

NEVER_TEXT = (
    "script style template nav noscript svg iframe object embed head select textarea dialog canvas video audio".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    """address article aside blockquote body center dd details div dl fieldset figcaption figure footer form header
    hgroup hr html legend main optgroup p search section""".split()
)
LISTS = frozenset(("ul", "ol", "menu", "dir"))
CELLS = frozenset(("td", "th"))
PREFORMATTED = frozenset(("pre", "listing", "xmp", "plaintext"))
LEADING = frozenset(("dt", "summary"))
"""Elements whose text is the first line of what follows them."""
_LOOKED_AT = 8


def beginning(element: "_Element", most: int = 100) -> str:
    """Return the text of an element made one line, as far as its first few descendants hold it.

    It is asked of many elements that may stand in each other, so that it must not read all that they hold.
    """
    texts = [element.text or ""]
    for inner in islice(element.iter(), 1, _LOOKED_AT):
        texts += (inner.text or "", inner.tail or "")
    return " ".join(" ".join(texts).split())[:most]


def words_of(element: "_Element") -> str:
    """Return all that an element says, without white space."""
    return "".join(str(element.xpath("string()", smart_strings=False)).split())


def elements(root: "_Element", path: str) -> "list[_Element]":
    """Return the elements of a document that an XPath leads to."""
    return cast("list[_Element]", root.xpath(path))


def holds(element: "_Element", *tags: str) -> bool:
    """Return whether an element with one of the tags stands inside."""
    return any(inner is not element for inner in islice(element.iter(*tags), 2))
