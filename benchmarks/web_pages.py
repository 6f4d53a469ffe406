"""How much of what a person would call the text of a page is read, and how much else.

The pages are those of web_pages.toml, where an XPath written by hand says what of a page is its content; its words are
the reference. "kept" is the share of them that are read, "other" the share of the words read that are not among them.

    python benchmarks/web_pages.py FOLDER [--verbose]    (needs apt-get, dpkg-deb and git; downloads go to FOLDER)
"""

import argparse
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lxml import etree

from ragloop.corpus.parsing import parse

if TYPE_CHECKING:
    from lxml.etree import _Element

WORD = re.compile(r"\w+")
NEVER = """self::script or self::style or self::template or self::noscript or self::svg or self::button or self::nav
    or contains(@class, 'headerlink') or contains(@class, 'hash-link') or contains(@class, 'header-anchor')"""
SITES = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Site:
    """Pages of one generator from one place: `source` is a kind, a name, and a version or a commit."""

    generator: str
    source: tuple[str, str, str]
    pages: tuple[str, ...]
    content: str
    folder: str = ""
    without: str = "false()"


def sites() -> list[Site]:
    return [Site(**one) for one in tomllib.loads(SITES.read_text())["site"]]


def fetched(site: Site, folder: Path) -> Path:
    """Return the folder that the pages of a site are under, after downloading it where it is not yet there."""
    kind, name, version = site.source
    place = folder / kind / f"{name}-{version}".replace("/", "+").replace(":", "_")
    if kind == "git":
        for page in site.pages:
            if not (place / site.folder / page).exists():
                write_blob(repository(name, folder), version, Path(site.folder, page), place)
    elif not (place / site.folder).exists():
        place.mkdir(parents=True, exist_ok=True)  # it may be left of a download that failed
        if kind == "sdist":
            pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(place))
            run(*pip, f"{name}=={version}")
            run("tar", "xzf", str(next(place.glob("*.tar.gz"))), "-C", str(place))
        else:
            run("apt-get", "download", f"{name}={version}", at=place)
            run("dpkg-deb", "-x", str(next(place.glob("*.deb"))), str(place))
    return place / site.folder


def repository(name: str, folder: Path) -> Path:
    """Return a clone of a repository without its files, which are downloaded one by one."""
    clone = folder / "git" / name.replace("/", "+")
    if not clone.exists():
        run("git", "clone", "--bare", "--filter=blob:none", f"https://github.com/{name}", str(clone))
    return clone


def write_blob(clone: Path, commit: str, path: Path, place: Path) -> None:
    data = run("git", "-C", str(clone), "show", f"{commit}:{path.as_posix()}")
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_bytes(data)


def run(*command: str, at: Path | None = None) -> bytes:
    return subprocess.run(command, check=True, cwd=at, stdout=subprocess.PIPE).stdout


def content(site: Site, data: bytes) -> list[str]:
    """Return the texts of the content, as the XPath says where it is."""
    text = data.decode("utf-16" if data.startswith(b"\xff\xfe") else "utf-8", "replace")
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
    root: _Element = etree.fromstring(text.encode("utf-8"), parser)
    for one in list(root.iter(etree.Comment, etree.ProcessingInstruction)):
        one.text = ""
    return cast("list[str]", root.xpath(f"({site.content})//text()[not(ancestor::*[{NEVER} or {site.without}])]"))


def words(texts: list[str]) -> Counter[str]:
    return Counter(word for text in texts for word in WORD.findall(text))


def measure(site: Site, folder: Path, *, verbose: bool) -> tuple[int, int, int, float, int]:
    """Return how many words there are, are kept and are others, the seconds of CPU and the bytes."""
    place = fetched(site, folder)
    total, kept, other, spent, size = 0, 0, 0, 0.0, 0
    for page in site.pages:
        data = (place / page).read_bytes()
        expected = words(content(site, data))
        if not expected:
            raise SystemExit(f"{page} of {site.generator} has nothing at {site.content}: correct it")
        began = time.process_time()
        document = parse(data, "text/html", page)
        spent += time.process_time() - began
        found = words([document.text])
        if verbose:
            lost, added = (expected - found).most_common(12), (found - expected).most_common(12)
            print(f"    {page}: {expected.total():,} words; lost {lost}; other {added}")
        total += expected.total()
        kept += (expected & found).total()
        other += (found - expected).total()
        size += len(data)
    return total, kept, other, spent, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where downloads are kept")
    parser.add_argument("--verbose", action="store_true", help="show which words are lost and which are others")
    wanted = parser.parse_args()
    sums = [0, 0, 0, 0.0, 0]
    for site in sites():
        figures = measure(site, wanted.folder.resolve(), verbose=wanted.verbose)
        sums = [one + more for one, more in zip(sums, figures, strict=True)]
        print(line(site.generator, len(site.pages), *figures), flush=True)
    print(line("all", sum(len(site.pages) for site in sites()), *sums))


def line(name: str, pages: int, total: float, kept: float, other: float, spent: float, size: float) -> str:
    shares = f"kept {kept / total:.3f}   other {other / (kept + other):.3f}"
    return f"{name:28} {pages:3} pages {total:8,} words   {shares}   {1e6 * spent / size:.2f} s/MB"


if __name__ == "__main__":
    main()
