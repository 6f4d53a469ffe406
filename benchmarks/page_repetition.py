"""What leaving out what repeats across the pages of a site would remove of what is read: of its frame, and of its text.

For each site of web_pages.toml that has enough pages, a block that stands in the same words on a share of them is taken
for a frame; the XPath of the site says whether it is. "frame" and "text" are the shares of the words read that would go
rightly and wrongly. "changed" is the share of pages that would read otherwise once the other half of the site is there.

    python benchmarks/page_repetition.py FOLDER [--pages 40] [--share 0.3]    (downloads as web_pages.py)
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from web_pages import WORD, Site, content, fetched, repository, run, sites, write_blob

from ragloop.corpus.parsing import parse
from ragloop.errors import DocumentError

FEWEST = 10
"""Pages that a site needs, and a block must stand on three of them."""


@dataclass(frozen=True)
class Page:
    """The blocks that were read of a page, and the text of its content without white space."""

    blocks: tuple[str, ...]
    content: str


def pages(site: Site, folder: Path, most: int) -> Iterator[Page]:
    """Yield up to `most` pages from all over a site, those that have content where the XPath says."""
    place = fetched(site, folder)
    kind, name, version = site.source
    if kind == "git":
        listed = run("git", "-C", str(repository(name, folder)), "ls-tree", "-rz", "--name-only", version).decode()
        names = [Path(one) for one in listed.split("\0") if one.startswith(site.folder) and is_page(Path(one))]
        place = folder / kind / f"{name}-{version}".replace("/", "+")
    else:
        names = [one.relative_to(place) for one in sorted(place.rglob("*")) if is_page(one)]
    for one in names[:: max(1, len(names) // most)][:most]:
        if not (place / one).exists():
            write_blob(repository(name, folder), version, one, place)
        data = (place / one).read_bytes()
        expected = "".join("".join(content(site, data)).split()) if data.strip() else ""
        try:
            document = parse(data, "text/html", one.name)
        except DocumentError:
            continue
        if expected:
            yield Page(tuple(document.text[block.start : block.end] for block in document.blocks), expected)


def is_page(path: Path) -> bool:
    return path.suffix in (".html", ".htm") and path.name not in ("404.html", "search.html", "genindex.html")


def repeated(found: list[Page], share: float) -> set[str]:
    """Return the blocks that stand on at least the share of the pages."""
    counts = Counter(block for page in found for block in set(page.blocks))
    return {block for block, count in counts.items() if count >= max(3, share * len(found))}


def shares(found: list[Page], share: float) -> tuple[float, float, float]:
    """Return the shares of words that would go rightly and wrongly, and of pages that depend on the others."""
    dropped = repeated(found, share)
    words: Counter[str] = Counter()
    for page in found:
        for block in page.blocks:
            where = "kept"
            if block in dropped:
                where = "text" if "".join(block.split()) in page.content else "frame"
            words[where] += len(WORD.findall(block))
    half = found[::2]
    before = repeated(half, share)
    changed = [page for page in half if {one for one in page.blocks if (one in before) != (one in dropped)}]
    return words["frame"] / words.total(), words["text"] / words.total(), len(changed) / len(half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where downloads are kept")
    parser.add_argument("--pages", type=int, default=40, help="most pages of a site")
    parser.add_argument("--share", type=float, default=0.3, help="of the pages on which a block stands")
    wanted = parser.parse_args()
    for site in sites():
        found = list(pages(site, wanted.folder.resolve(), wanted.pages))
        if len(found) >= FEWEST:
            frame, text, changed = shares(found, wanted.share)
            figures = f"frame {frame:.4f}   text {text:.4f}   changed {changed:.2f}"
            print(f"{site.generator:28} {len(found):3} pages   {figures}", flush=True)


if __name__ == "__main__":
    main()
