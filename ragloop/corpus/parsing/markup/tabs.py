"""Tabs: which label stands above which panel (https://www.w3.org/WAI/ARIA/apg/patterns/tabs/)."""

from itertools import islice
from typing import TYPE_CHECKING

from ragloop.corpus.parsing.markup.elements import beginning, elements

if TYPE_CHECKING:
    from lxml.etree import _Element

_LISTS = {"tablist": "//*[@role='tablist']", "tabbed-labels": "//div[contains(@class, 'tabbed-labels')]"}
"""Where the labels are, by what a page with them has in its source."""
_MOST = 64


def labels_of_panels(root: "_Element", source: str) -> "tuple[dict[_Element, str], set[_Element]]":
    """Return the labels by panel, and the tabs whose label is among them: these need not be read where they stand."""
    found: dict[_Element, str] = {}
    told: set[_Element] = set()
    lists = [one for name, path in _LISTS.items() if name in source for one in elements(root, path)]
    ids = {str(one.get("id")): one for one in elements(root, "//*[@id and @role='tabpanel']")} if lists else {}
    for tablist in lists:
        tabs = list(islice(_tabs(tablist), _MOST))
        panels = [ids.get(tab.get("aria-controls") or (tab.get("href") or "").lstrip("#")) for tab in tabs]
        if None in panels:
            near = _panels_beside(tablist)
            panels = list(near) if len(near) == len(tabs) else []
        for tab, panel in zip(tabs, panels, strict=False):
            label = beginning(tab)
            if panel is not None and label:
                found[panel] = label
                told.add(tab)
    return found, told


def _tabs(tablist: "_Element") -> "list[_Element]":
    tabs = [one for one in islice(tablist.iter(), 8 * _MOST) if one.get("role") == "tab"]
    return tabs or [one for one in tablist if one.tag == "label"]


def _panels_beside(tablist: "_Element") -> "list[_Element]":
    """Return the panels that follow a list of tabs, or stand in the element that does."""
    following = list(islice(tablist.itersiblings(), _MOST))
    panels = [one for one in following if _is_panel(one)]
    if panels or not following:
        return panels
    return [one for one in islice(following[0], _MOST) if _is_panel(one)]


def _is_panel(element: "_Element") -> bool:
    return element.get("role") == "tabpanel" or "tabbed-block" in element.get("class", "").split()
