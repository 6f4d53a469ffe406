"""A page as a tree, and the element of it that holds its content."""

import re
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.markup.elements import NEVER_TEXT, beginning, elements, holds, words_of
from ragloop.errors import DocumentError

if TYPE_CHECKING:
    from lxml.etree import _Element

_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DEEPEST = 2_048  # libxml2, with huge_tree
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff]")
_TEX = ("math/tex", "math/asciimath")
_MAIN_ROLES = ('role="main"', "role='main'", "role=main")
_MAIN_SHARE = 0.5
_MOST_MAINS = 8


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


def main_content(root: "_Element", source: str) -> "tuple[_Element, str]":
    """Return the element to read, and the title that stands outside it.

    That is the only `<main>` where it holds at least half of the text; what else is on the page frames it.
    """
    mains = list(root.iter("main"))
    if not mains and any(role in source for role in _MAIN_ROLES):
        mains = elements(root, "//*[@role='main']")
    if len(mains) > _MOST_MAINS:
        return root, ""
    mains = [one for one in mains if not any(other in mains for other in one.iterancestors())]
    if len(mains) != 1 or len(words_of(mains[0])) < _MAIN_SHARE * len(words_of(root)):
        return root, ""
    title = next(root.iter("h1"), None)
    outside = title is not None and not holds(mains[0], "h1")
    return mains[0], beginning(title) if outside and title is not None else ""
