"""Documents that anyone can have, each with what it says: Debian's manuals, and pages of Django's made into files.

A manual of Debian lies in its package as HTML, PDF and EPUB and as plain text, which is the reference. Pages of
Django's documentation that hold tables are written by pandoc as DOCX, EPUB, HTML, ODT and RTF; the reference is what
pandoc read of the source, with the path of every title and the column of every cell.
"""

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers.corpus import release

POOL = "https://snapshot.debian.org/archive/debian/20250520T000000Z/pool/main/d/"
MIRROR = "http://deb.debian.org/debian/pool/main/d/"
PACKAGES = {
    "debian-policy/debian-policy_4.6.2.0_all.deb": "ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
    "developers-reference/developers-reference_12.18_all.deb": (
        "0dba82f6fa16e373f2a84ad07e7971aa9264ad2e7d2ae46b37edbc9c5fd57e2e"
    ),
}
"""Paths in Debian's pool to the SHA-256 of the package."""
MANUALS = {
    "usr/share/developers-reference/developers-reference": ("html", "pdf", "epub"),
    "usr/share/doc/debian-policy/policy": ("pdf", "epub"),
    "usr/share/doc/debian-policy/fhs/fhs-3.0": ("html", "pdf"),
    "usr/share/doc/debian-policy/copyright-format-1.0": ("html",),
    "usr/share/doc/debian-policy/debconf_specification": ("html",),
    "usr/share/doc/debian-policy/autopkgtest": ("html",),
}
"""Plain texts, without suffix, to the formats that lie beside them."""
MADE = ("docx", "epub", "html", "odt", "rtf")
PAGES = 16
_TABLE = re.compile(r"^=+(?: +=+)+ *$", re.MULTILINE)


@dataclass(frozen=True)
class Reference:
    """What a file says. `cells` are (name of the column, value); empty where the reference does not tell."""

    path: Path
    text: str
    headings: list[list[str]] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)


def debian_manuals(cache: Path) -> Iterator[Reference]:
    """Manuals of Debian beside their plain text, downloaded on first use."""
    folder = cache / "debian"
    for package, sha256 in PACKAGES.items():
        _unpack(package, sha256, folder)
    for stem, formats in MANUALS.items():
        text = (folder / f"{stem}.txt").read_text()
        for suffix in formats:
            yield Reference(folder / f"{stem}.{suffix}", text)


def made_pages(cache: Path, pandoc: Path) -> Iterator[Reference]:
    """Pages of Django's documentation with tables as files of several formats, made on first use."""
    folder = cache / "made-pages"
    source = release("5.1", cache)
    pages = [path for path in sorted(source.rglob("*.txt")) if _TABLE.search(path.read_text())]
    pages.sort(key=lambda path: hashlib.sha256(path.name.encode()).hexdigest())
    for page in pages[:PAGES]:
        name = "-".join(page.relative_to(source).with_suffix("").parts)
        text = folder / f"{name}.plain"
        if not text.exists():
            folder.mkdir(parents=True, exist_ok=True)
            read = [str(pandoc), "--quiet", "--from=rst", "--wrap=none", "--standalone", str(page)]
            for suffix in MADE:
                out = str(folder / f"{name}.{suffix}")
                subprocess.run([*read, f"--output={out}"], check=True)
            subprocess.run([*read, "--to=json", f"--output={folder / name}.ast"], check=True)
            subprocess.run([*read, "--to=plain", f"--output={text}"], check=True)
        tree = json.loads((folder / f"{name}.ast").read_text())
        cells, headings = list(_cells(tree["blocks"])), _headings(tree["blocks"])
        for suffix in MADE:
            yield Reference(folder / f"{name}.{suffix}", text.read_text(), headings, cells)


def _unpack(package: str, sha256: str, folder: Path) -> None:
    done = folder / f"{Path(package).name}.unpacked"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    data = b""
    for pool in (MIRROR, POOL):  # the mirror has a release's packages until the next one, the archive for ever
        try:
            with urllib.request.urlopen(pool + package, timeout=60) as response:
                data = response.read()
            break
        except OSError as error:
            print(f"{pool + package}: {error}")
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"{package} has SHA-256 {found}, expected {sha256}")
    with tarfile.open(fileobj=io.BytesIO(_member(data, b"data.tar"))) as files:
        files.extractall(folder, filter="data")
    for packed in folder.rglob("*.gz"):
        if packed.with_suffix("").suffix in (".txt", ".pdf"):
            packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    done.touch()


def _member(archive: bytes, name: bytes) -> bytes:
    """A member of an ar archive by the beginning of its name (deb(5))."""
    at = 8
    while at < len(archive):
        size = int(archive[at + 48 : at + 58])
        if archive[at : at + 16].startswith(name):
            return archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise ValueError(f"no member {name!r} in the package")


def _words(inlines: Any) -> str:
    """The text of a node of pandoc's tree."""
    if isinstance(inlines, dict):
        kind = inlines.get("t")
        if kind == "Str":
            return str(inlines["c"])
        if kind in ("Space", "SoftBreak", "LineBreak"):
            return " "
        if kind in ("Code", "Math", "CodeBlock", "RawInline"):
            return str(inlines["c"][-1])
        return _words(inlines.get("c", []))
    if isinstance(inlines, list):
        return "".join(_words(one) for one in inlines if isinstance(one, dict | list))
    return ""


def _headings(blocks: Any) -> list[list[str]]:
    paths: list[list[str]] = []
    open_titles: list[tuple[int, str]] = []
    for block in blocks:
        if block["t"] == "Header":
            level, _, inlines = block["c"]
            open_titles = [one for one in open_titles if one[0] < level]
            open_titles.append((level, _words(inlines)))
            paths.append([title for _, title in open_titles])
    return paths


def _cells(node: Any) -> Iterator[tuple[str, str]]:
    """(column, value) of every cell of every table with a header, in pandoc's tree."""
    if isinstance(node, dict) and node.get("t") == "Table":
        _, _, _, head, bodies, _ = node["c"]
        header = [_words(cell[4]).strip() for row in head[1][:1] for cell in row[1]]
        for body in bodies:
            for row in body[3]:
                for column, cell in zip(header, row[1], strict=False):
                    value = _words(cell[4]).strip()
                    if column and value:
                        yield column, value
    elif isinstance(node, dict):
        yield from _cells(node.get("c", []))
    elif isinstance(node, list):
        for one in node:
            yield from _cells(one)
