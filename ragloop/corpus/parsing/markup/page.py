"""A page as a tree, and the element of it that holds its content."""

import re
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.markup.elements import NEVER_TEXT, beginning, elements, holds
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DEEPEST = 2_048  # libxml2, with huge_tree
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
_TEX = ("math/tex", "math/asciimath")
_MAIN_SHARE = 0.5


def tree(source: str, name: str) -> "_Element | None":
    """Return the tree of a page without scripts and what else is never text; None for an empty page.

    The source of a formula in a script becomes an element `tex`. Raises DocumentError where the parser's limits cut
    the page off.
    """
    from lxml import etree  # 20 ms that answering a question never needs

    source = _UNREADABLE.sub(" ", _XML_DECLARATION.sub("", source))
    if not source.strip():
        return None
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    root: _Element | None = etree.fromstring(source.encode("utf-8", "replace"), parser)
    for error in parser.error_log.filter_from_fatals():
        if error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:  # libxml2 drops the rest of the page and goes on
            raise DocumentError(
                f"{name} exceeds a limit of the HTML parser ({error.message.strip()}); expected elements "
                f"nested at most {_DEEPEST:,} deep: simplify it or leave it out"
            )
    return root


def without_scripts(root: "_Element") -> "_Element":
    """Remove what is never text; the source of a formula in a script becomes an element `tex`."""
    from lxml import etree

    for script in root.iter("script"):
        if script.get("type", "").startswith(_TEX):
            script.tag = "tex"
    etree.strip_elements(root, *NEVER_TEXT, with_tail=False)
    return root


def main_content(root: "_Element") -> "tuple[_Element, str]":
    """Return the element to read, and the title that stands outside it.

    That is the only `<main>` where it holds at least half of the text; what else is on the page frames it.
    """
    mains = elements(root, "//main[not(ancestor::main)]|//*[@role='main' and not(self::main) and not(ancestor::main)]")
    if len(mains) > 1:
        mains = [one for one in mains if not any(other in mains for other in one.iterancestors())]
    if len(mains) != 1:
        return root, ""
    main = mains[0]
    if _length(main) < _MAIN_SHARE * _length(root):
        return root, ""
    title = next(root.iter("h1"), None)
    outside = title is not None and not holds(main, "h1")
    return main, beginning(title) if outside and title is not None else ""


def _length(element: "_Element") -> int:
    return sum(len(text) for text in map(str, element.itertext()) if not text.isspace())
