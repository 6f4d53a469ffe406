"""Read a document whole: its file, and of a page whose images are recognised the images that lie beside it."""

import hashlib
import html
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ragloop.corpus.parsing import media_type, taken_as
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import ATTRIBUTES, in_folder
from ragloop.corpus.parsing.media_types import HTML, PAGE_WITH_IMAGES
from ragloop.corpus.sources.source import Listed, Read, Source
from ragloop.errors import DocumentError, NotFoundError

_IMAGE = re.compile(rb"<img\s[^<>]{1,8192}", re.IGNORECASE)
_NAMED = re.compile(
    rb"\s(?:%s)\s{0,4}=\s{0,4}(?:\"([^\"<>]{1,2048})\"|'([^'<>]{1,2048})'|([^\s\"'<>]{1,2048}))"
    % "|".join(ATTRIBUTES).encode(),
    re.IGNORECASE,
)
_MOST_BYTES = 32 * 2**20
"""Of all images of a page: several pages are read ahead, and held in memory."""
_SUFFIXES = frozenset(".png .jpg .jpeg .gif .webp .tif .tiff .bmp".split())


@dataclass(frozen=True)
class Whole:
    """A document that was read: `data` is what its parser takes, `revision` the hash of all that was read.

    `has_images` says that the data is an archive of a page and its images.
    """

    read: Read
    data: bytes
    revision: str
    has_images: bool = False

    def media_type(self, key: str) -> str:
        """Return the media type that a parser takes it as. Raises DocumentError for a key that no parser reads."""
        return PAGE_WITH_IMAGES if self.has_images else taken_as(key)


def read_whole(source: Source, listed: Listed, max_bytes: int, limits: ParseLimits) -> Whole:
    """Read a document of a source; raises as Source.read does.

    A page that names images gets no stamp, so that each sync looks at them: they change without it.
    """
    read = source.read(listed, max_bytes)
    revision = hashlib.sha256(read.data)
    keys = _shown(listed.key, read.data) if limits.recognises_inside and media_type(listed.key) == HTML else []
    images = _images(source, keys, max_bytes, limits)
    for key, data in images.items():
        revision.update(b"\0" + key.encode("utf-8", "surrogateescape") + b"\0" + hashlib.sha256(data).digest())
    if keys:
        read = replace(read, stamp="")
    data = _archive(listed.key, read.data, images) if images else read.data
    return Whole(read, data, revision.hexdigest(), bool(images))


def _shown(key: str, page: bytes) -> list[str]:
    """List the keys of the images that a page names, each once."""
    folder = key.rpartition("/")[0]
    names = (html.unescape(one.decode("utf-8", "surrogateescape")).strip() for one in _names(page))
    keys = dict.fromkeys(in_folder(folder, name) for name in names if ":" not in name)
    return [one for one in keys if PurePosixPath(one).suffix.lower() in _SUFFIXES and one != key]


def _names(page: bytes) -> Iterator[bytes]:
    for image in _IMAGE.finditer(page):
        for found in _NAMED.finditer(image[0]):
            yield (found[1] or found[2] or found[3]).split(b" ")[0].rstrip(b",")


def _images(source: Source, keys: list[str], max_bytes: int, limits: ParseLimits) -> Mapping[str, bytes]:
    """Read the images with these keys, as far as the limits reach; one that cannot be read is left out."""
    found: dict[str, bytes] = {}
    left = min(limits.unpacked_bytes // 2, _MOST_BYTES)
    for key in keys[: limits.recognised_pages]:
        try:
            listed = source.beside(key)
            data = source.read(listed, min(max_bytes, left)).data if listed is not None and left > 0 else None
        except (NotFoundError, DocumentError):
            continue
        if data is not None:
            found[key] = data
            left -= len(data)
    return found


def _archive(key: str, page: bytes, images: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in {key: page, **images}.items():
            archive.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode()), data)
    return made.getvalue()
