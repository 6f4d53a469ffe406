"""Django's documentation, from its source distributions, and what happens to it.

Anyone can have it: the package index gives the distributions, which are kept in a cache folder. Every choice is made
by a hash of names, so that each run edits, deletes and renames the same documents.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

RELEASES = {
    "4.2.16": "6f1616c2786c408ce86ab7e10f792b8f15742f7b7b7460243929cb371e7f1dad",
    "5.0.8": "ebe859c9da6fead9c9ee6dbfa4943b04f41342f4cea2c4d8c978ef0d10694f2b",
    "5.1": "848a5980e8efb76eea70872fb0e4bc5e371619c70fffbe48e3e1b50b2c09455d",
}
"""Versions to the SHA-256 of their source distributions, oldest first."""
PART_CHARACTERS = 5_000
INSERTED = "The maintainers announced on a Tuesday that the schedule moves by two weeks; nothing else in it changes."
_SECTION = re.compile(r"^[^\s].*\n(?:={3,}|-{3,})\n", re.MULTILINE)


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ragloop-benchmarks"


def release(version: str, cache: Path) -> Path:
    """The folder of a release's documents (.txt, reStructuredText), downloaded on first use."""
    folder = cache / "django" / version
    if folder.is_dir():
        return folder
    archive = _archive(version, cache)
    made = folder.with_name(f"{version}.making")
    shutil.rmtree(made, ignore_errors=True)
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            place = member.name.partition("/docs/")[2]
            if place.endswith(".txt") and member.isfile() and (read := files.extractfile(member)):
                write(made / place, read.read())
    made.rename(folder)
    return folder


def _archive(version: str, cache: Path) -> Path:
    archive = cache / "django" / f"Django-{version}.tar.gz"
    if not archive.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", str(archive.parent), f"Django=={version}"], check=True)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != RELEASES[version]:
        raise ValueError(f"{archive} has SHA-256 {found}, expected {RELEASES[version]}; delete it and run again")
    return archive


def copy_of(folder: Path, to: Path) -> None:
    """Make `to` hold what `folder` holds: files of equal bytes are left alone, with their times and inodes."""
    wanted = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in [one for one in to.rglob("*") if one.is_file()]:
        if path.relative_to(to) not in wanted:
            path.unlink()
    for place, data in wanted.items():
        if not (to / place).is_file() or (to / place).read_bytes() != data:
            write(to / place, data)


def write_parts(folder: Path, to: Path, documents: int) -> None:
    """Write `documents` documents, cut from the folder's at section titles into parts of about 5,000 characters."""
    parts: dict[str, str] = {}
    for path in sorted(folder.rglob("*.txt")):
        for number, part in enumerate(_parts(path.read_text(encoding="utf-8"))):
            parts[f"{path.relative_to(folder).with_suffix('')}.{number:02}.rst"] = part
    chosen = _ordered(list(parts), "document")[:documents]
    if len(chosen) < documents:
        raise ValueError(f"{folder} gives {len(chosen)} documents, expected at least {documents}; ask for fewer")
    for key in chosen:
        write(to / key, parts[key].encode())


def _parts(text: str) -> list[str]:
    cuts = [0]
    for title in _SECTION.finditer(text):
        if title.start() - cuts[-1] > PART_CHARACTERS:
            cuts.append(title.start())
    return [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


# ---- what happens to a folder: each takes it, and the documents that it happens to -----------------------------------


def chosen(folder: Path, count: int, what: str) -> list[Path]:
    """`count` documents, which ones depends on their names and on `what` happens to them."""
    keys = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return [keys[key] for key in _ordered(list(keys), what)[:count]]


def edit(paths: Sequence[Path]) -> None:
    """Insert a paragraph: at the start, in the middle or at the end, in turn."""
    for number, path in enumerate(paths):
        blocks = path.read_text(encoding="utf-8").split("\n\n")
        blocks.insert((1, len(blocks) // 2, len(blocks))[number % 3], INSERTED)
        path.write_text("\n\n".join(blocks), encoding="utf-8")


def edit_unseen(paths: Sequence[Path]) -> None:
    """Replace one letter and set the time of change back, as tools do that restore files."""
    for path in paths:
        before, data = path.stat(), path.read_bytes()
        at = data.index(b"e", len(data) // 2)
        path.write_bytes(data[:at] + b"a" + data[at + 1 :])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink()


def rename(paths: Sequence[Path]) -> None:
    for path in paths:
        path.rename(path.with_name(f"moved-{path.name}"))


HAPPENINGS: dict[str, Callable[[Sequence[Path]], None]] = {
    "edited": edit,
    "deleted": delete,
    "renamed": rename,
    "edited, mtime kept": edit_unseen,
}
"""In this order: what is missed in the last is not counted against the others."""


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _ordered(keys: Sequence[str], salt: str) -> list[str]:
    return sorted(keys, key=lambda key: hashlib.sha256(f"{salt}\0{key}".encode()).digest())
