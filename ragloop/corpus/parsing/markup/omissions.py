"""What of a page is no content: hidden templates, navigation, notices, links beside headings, buttons.

Told by element, role and well-known names. Names that only suggest it count where most of the text is links. Where
nothing is sure the text stays: a menu too many costs less than a lost paragraph.
"""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.markup.elements import HEADINGS, LEADING, beginning, elements, holds, words_of
from ragloop.corpus.parsing.markup.names import Purpose, purpose

if TYPE_CHECKING:
    from lxml.etree import _Element

_HIDDEN_STYLE = re.compile(r"display\s{0,8}:\s{0,8}none|visibility\s{0,8}:\s{0,8}hidden", re.IGNORECASE)
_PERMALINK = re.compile(
    r"[\W_]{0,3}|#|(?:perma(?:nent )?link|link to|direct link|anchor|section titled|copy link)\b.*|heading anchor",
    re.IGNORECASE,
)
_SKIP_LINK = re.compile(
    r"(?:skip|jump|go) to (?:the )?(?:main|content|navigation|search|footer|primary)|skip navigation"
    r"|zum (?:haupt)?inhalt|aller au contenu|(?:saltar|ir) al contenido|vai al contenuto|naar (?:de )?inhoud",
    re.IGNORECASE,
)
_CHORE = re.compile(
    r"(?:edit (?:this page|on git(?:hub|lab))|(?:view|show) (?:page )?source|back to top|view on git(?:hub|lab)"
    r"|suggest (?:an )?edits?(?: to this page)?|improve this (?:page|doc)|report (?:an |a )?(?:issue|bug)"
    r"|print this page)\W*",
    re.IGNORECASE,
)
_INTERFACE = re.compile(
    r"(?:toggle|open|close|show|hide|expand|collapse|menu|search|copy|copied|share|play|next|previous|prev|back|accept"
    r"|submit|send|sign|log)\b",
    re.IGNORECASE,
)
_ROLES = frozenset(
    "navigation search banner contentinfo dialog alertdialog menu menubar toolbar tooltip doc-toc doc-pagelist".split()
)
_NAMED = frozenset("div aside ul ol p span header footer a label details".split())
"""Elements whose id may be that of boilerplate; one of `<section>` is made of the heading in it."""
_SAID_BY_IDS = (Purpose.LINKS, Purpose.FOOTER, Purpose.CONSENT, Purpose.MAYBE_CONSENT)
_FRAMES = frozenset(("header", "footer", "aside"))
_PARTS_OF_PAGES = frozenset(("html", "body", "main", "article"))
_TARGETS = ("aria-controls", "data-target", "data-bs-target", "data-tab-target")
_OPENING = frozenset((*_TARGETS, "aria-expanded", "data-toggle", "data-bs-toggle"))
_LONGEST_NOTICE = 3_000
_MOST_OPEN = 4
_NEAR = 16
_LINK_SHARE = 0.5


@dataclass
class Omissions:
    """Decides for each element of a page, in document order, whether it and what it holds is left out."""

    root: "_Element"
    source: str
    """The page as it was written: most do not hold what would be looked for in the tree."""
    shown: set[str] = field(default_factory=set)
    """Ids of what a button or a tab shows."""
    purposes: dict[str, Purpose] = field(default_factory=dict)
    asked: "list[_Element]" = field(default_factory=list)
    """Elements, each in the one before, all of whose text was looked at. The reader removes the last when it ends."""

    def __post_init__(self) -> None:
        for name in filter(self.source.__contains__, _TARGETS):
            for one in elements(self.root, f"//*[@{name}]"):
                self.shown.update(target.lstrip("#") for target in one.get(name, "").split())
        if not any(name in self.source for name in ("data-toggle", "data-bs-toggle", "aria-expanded")):
            return
        for one in elements(self.root, "//a[@href][@data-toggle or @data-bs-toggle or @aria-expanded]"):
            self.shown.add(one.get("href", "").rpartition("#")[2])

    def purpose(self, element: "_Element") -> Purpose:
        """Return what the classes of an element say it is for."""
        names = element.get("class")
        if not names:
            return Purpose.UNKNOWN
        found = self.purposes.get(names)
        if found is None:
            found = self.purposes[names] = purpose(names)
        return found

    def leaves_out(self, element: "_Element", tag: str, *, in_article: bool, in_main: bool) -> bool:
        """Return whether an element is no content.

        `in_article` says that it stands in an article or a quotation, `in_main` that it stands in the main part.
        """
        if tag == "a":
            return self._is_link_of_the_page(element)
        if tag == "button":
            return not self._is_content_button(element)
        if tag not in _FRAMES and not element.keys():
            return False
        if tag in _PARTS_OF_PAGES or tag in HEADINGS:
            return "hidden" in element.attrib and tag in HEADINGS
        role = element.get("role")
        said = self.purpose(element)
        if self._is_hidden(element, role, said):
            return True
        if role in _ROLES or said is Purpose.NO_CONTENT:
            return not self._holds_the_page(element)
        if tag in _NAMED and said in (Purpose.UNKNOWN, Purpose.PANEL):
            said = self._said_by_id(element)
        if (tag == "footer" or said is Purpose.FOOTER) and not in_article:
            return not self._holds_the_page(element)
        if said is Purpose.LINE_NUMBER:
            return True
        if said is Purpose.FORMULA:
            return _is_drawn_beside_its_source(element)
        if said in (Purpose.CONSENT, Purpose.MAYBE_CONSENT):
            return self._is_notice(element, said)
        in_frame = tag in _FRAMES and (tag == "footer" or not (in_article or in_main))
        if said in (Purpose.LINKS, Purpose.FOOTER) or in_frame:
            return self._is_mostly_links(element)
        return False

    def _said_by_id(self, element: "_Element") -> Purpose:
        name = element.get("id")
        if not name or "section" in (element.get("class") or "").split():
            return Purpose.UNKNOWN
        said = purpose(name)
        return said if said in _SAID_BY_IDS else Purpose.UNKNOWN

    def _is_hidden(self, element: "_Element", role: str | None, said: Purpose) -> bool:
        """Return whether a reader of the page never comes to see the element: not even by a click on something."""
        hidden = element.get("hidden")
        if hidden is None and not ((style := element.get("style")) and _HIDDEN_STYLE.search(style)):
            return False
        if hidden == "until-found" or role == "tabpanel" or said is Purpose.PANEL or element.get("id") in self.shown:
            return False
        if any(inner.tag == "math" for inner in islice(element.iter(), _NEAR)):
            return False
        return not _opens(element.getprevious())

    def _is_link_of_the_page(self, link: "_Element") -> bool:
        """Return whether a link leads to its own heading, past the menu, or to an editor."""
        if self.purpose(link) is Purpose.NO_CONTENT:
            return True
        target = link.get("href")
        if target is None:
            return "hidden" in link.attrib
        text = beginning(link)
        if "#" in target and not holds(link, "img"):
            return _PERMALINK.fullmatch(text) is not None or _SKIP_LINK.match(text) is not None
        return _CHORE.fullmatch(text) is not None

    def _is_content_button(self, button: "_Element") -> bool:
        parent = button.getparent()
        for _ in range(3):
            if parent is None:
                break
            if parent.tag in HEADINGS or parent.tag in LEADING:
                return _is_alone(button, parent)
            parent = parent.getparent()
        opens = any(name in _OPENING for name in map(str, button.keys())) or self._stands_above_a_panel(button)
        text = beginning(button)
        return opens and len(text) > 8 and not _INTERFACE.match(text)

    def _stands_above_a_panel(self, button: "_Element") -> bool:
        """Return whether a button is followed by what it shows: something that is hidden, or named a panel."""
        following = button.getnext()
        if following is None or following.tag in ("button", "input", "a"):
            return False
        hidden = "hidden" in following.attrib or _HIDDEN_STYLE.search(following.get("style", "")) is not None
        return hidden or self.purpose(following) is Purpose.PANEL

    def _is_notice(self, element: "_Element", said: Purpose) -> bool:
        if self._holds_the_page(element) or element.tag == "section":
            return False
        return said is Purpose.CONSENT or holds(element, "button", "a", "input")

    def _holds_the_page(self, element: "_Element") -> bool:
        """Return whether an element that should be a part of a page has its title or its text in it."""
        if not self._may_ask(element):
            return True
        return holds(element, "main", "article", "h1") or len(words_of(element)) > 20 * _LONGEST_NOTICE

    def _is_mostly_links(self, element: "_Element") -> bool:
        if not self._may_ask(element) or holds(element, "main", "article", "h1", "pre"):
            return False
        length = len(words_of(element))
        return sum(len(words_of(link)) for link in element.iter("a")) > _LINK_SHARE * length

    def _may_ask(self, element: "_Element") -> bool:
        """Return whether to look at all that an element holds: of those in each other at a few only."""
        if len(self.asked) >= _MOST_OPEN:
            return False
        self.asked.append(element)
        return True


def _opens(before: "_Element | None") -> bool:
    """Return whether the element before one that is hidden shows it: a term, or something with a button."""
    if before is None:
        return False
    return before.tag in LEADING or any(
        one.tag == "button" or one.get("aria-expanded") is not None for one in islice(before.iter(), 8)
    )


def _is_alone(button: "_Element", heading: "_Element") -> bool:
    """Return whether a heading has no text but that of its button."""
    whole = beginning(heading)
    return bool(whole) and beginning(button).startswith(whole)


def _is_drawn_beside_its_source(element: "_Element") -> bool:
    """Return whether a formula as it is drawn stands beside what it was drawn from."""
    following = element.getnext()
    around = [element.getprevious(), following, following.getnext() if following is not None else None]
    return any(inner.tag in ("math", "tex") for one in around if one is not None for inner in islice(one.iter(), _NEAR))
