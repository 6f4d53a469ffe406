"""The images that a page shows: recognised where they stand, if the settings ask for it, or else said."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ragloop.corpus.parsing.archive import member_name
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.images import InnerImages, Members
from ragloop.errors import DocumentError
from ragloop.wording import first_few

if TYPE_CHECKING:
    from lxml.etree import _Element

ATTRIBUTES = ("src", "data-src", "srcset")
"""Where a page names an image: of several the first that is no placeholder."""
_DATA = re.compile(r"data:image/[\w.+-]{1,40};base64,", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,40}:")
_PLACEHOLDER = 1_000
"""Characters of an image as data that stands for another until that is loaded."""
_NAMED, _LONGEST_NAME = 5, 80


class _WithData:
    """The images that a page holds as data (RFC 2397), and those beside it."""

    def __init__(self, beside: Members | None, most: int) -> None:
        self._beside, self._most = beside, most

    @property
    def left(self) -> int:
        """How many bytes may still be read."""
        return self._beside.left if self._beside else self._most

    def has(self, name: str) -> bool:
        """Return whether there is such an image."""
        return _DATA.match(name) is not None or (self._beside is not None and self._beside.has(name))

    def size(self, name: str) -> int:
        """Return how many bytes it has at most."""
        return len(name) if self._beside is None or _DATA.match(name) else self._beside.size(name)

    def read(self, name: str) -> bytes:
        """Raises DocumentError for what is no such image."""
        found = _DATA.match(name)
        if found is None and self._beside is not None:
            return self._beside.read(name)
        try:
            return base64.b64decode(unquote_to_bytes(name[found.end() :] if found else ""))
        except (binascii.Error, ValueError) as error:
            raise DocumentError(f"found an image whose data cannot be decoded ({error}); save it again") from None


def page_images(limits: ParseLimits, beside: Members | None = None) -> InnerImages:
    """Return the images of pages that lie together: those that they hold, and those `beside` them."""
    return InnerImages(_WithData(beside, limits.unpacked_bytes), limits)


@dataclass
class PageImages:
    """The images that one page shows; `folder` is where among the images beside it the page lies."""

    inner: InnerImages
    folder: str = ""
    _unread: dict[str, None] = field(default_factory=dict)

    def add(self, image: "_Element", into: Extraction) -> None:
        """Add the text of an image; what the page marks as decoration has none."""
        named = source_of(image)
        if not self.inner.are_asked_for or not named or image.get("alt") == "":
            return
        if self.inner.add(in_folder(self.folder, named), into) is None:
            self._unread[named] = None

    def finish(self, into: Extraction) -> None:
        """Say which images of the page were not read."""
        if not self._unread:
            return
        names = [one.partition(";")[0] if _DATA.match(one) else one[:_LONGEST_NAME] for one in self._unread]
        many = "1 image of the page was" if len(names) == 1 else f"{len(names):,} images of the page were"
        into.left_out.append(f"{many} not read: {first_few(names, _NAMED)}")


def source_of(image: "_Element") -> str:
    """Return what a page names as an image."""
    named = [image.get(one, "").strip() for one in ATTRIBUTES]
    named[-1] = named[-1].partition(" ")[0].rstrip(",")
    large = [one for one in named if one and not (_DATA.match(one) and len(one) < _PLACEHOLDER)]
    return next(iter(large), "") or named[0]


def in_folder(folder: str, named: str) -> str:
    """Return which file a page in `folder` names as an image; an address stays what it is."""
    return named if _SCHEME.match(named) else member_name(folder, named.partition("#")[0].partition("?")[0])
