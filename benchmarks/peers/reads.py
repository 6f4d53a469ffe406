"""One reader over a list of files, inside the environment of that reader: `reads.py READER FILES OUT`.

FILES is a JSON list of paths. OUT gets a JSON line per file: text, headings as paths of titles, CPU seconds with those
of children, and why a file was refused; then one line with the peak memory of the process and of its largest child.
Whatever a reader yields is taken as Markdown, which all peers write; the first file is read twice, so that imports and
set-up count for none.
"""

import importlib.metadata
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Read = Callable[[Path], tuple[str, list[list[str]]]]
_TITLE = re.compile(r"^(#{1,6}) +(.*?)(?: +\{[^}]*\})? *#* *$")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")


def headings_of(markdown: str) -> list[list[str]]:
    """The path of every heading of Markdown with ATX headings."""
    paths: list[list[str]] = []
    open_titles: list[tuple[int, str]] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if not fenced and (found := _TITLE.match(line)):
            level = len(found[1])
            open_titles = [one for one in open_titles if one[0] < level]
            open_titles.append((level, found[2].strip("*_ ")))
            paths.append([title for _, title in open_titles])
    return paths


def ragloop_reader() -> Read:
    from ragloop.corpus.parsing import media_type, parse
    from ragloop.corpus.parsing.limits import ParseLimits

    def read(path: Path) -> tuple[str, list[list[str]]]:
        kind = media_type(path.name)
        if kind is None:
            raise ValueError("no parser reads this suffix")
        document = parse(path.read_bytes(), kind, path.name, ParseLimits())
        pieces, paths = [], dict.fromkeys(block.heading for block in document.blocks)
        for block in document.blocks:
            piece = document.text[block.start : block.end]
            pieces.append(piece)
            if block.kind == "heading":
                paths[(*block.heading, piece)] = None
        # A path that only leads to deeper ones has a title of its own all the same.
        whole = dict.fromkeys(path[:end] for path in paths for end in range(1, len(path) + 1))
        return document.text, [list(path) for path in whole]

    return read


def markitdown_reader() -> Read:
    from markitdown import MarkItDown

    converter = MarkItDown(enable_plugins=False)

    def read(path: Path) -> tuple[str, list[list[str]]]:
        text = converter.convert(str(path)).text_content
        return text, headings_of(text)

    return read


def docling_reader() -> Read:
    from docling.datamodel.base_models import InputFormat
    from docling.document_converter import DocumentConverter

    # PDF and images need a layout model from a hub, which is what is left out here.
    formats = [one for one in InputFormat if one.name not in ("PDF", "IMAGE", "AUDIO", "METS_GBS")]
    converter = DocumentConverter(allowed_formats=formats)

    def read(path: Path) -> tuple[str, list[list[str]]]:
        text = converter.convert(path).document.export_to_markdown(escape_html=False, escape_underscores=False)
        return text, headings_of(text)

    return read


def unstructured_reader() -> Read:
    from unstructured.partition.auto import partition

    def read(path: Path) -> tuple[str, list[list[str]]]:
        pieces: list[str] = []
        paths: list[list[str]] = []
        open_titles: list[tuple[int, str]] = []
        for element in partition(filename=str(path), strategy="fast"):
            if element.category == "Title":
                level = element.metadata.category_depth or 0
                open_titles = [one for one in open_titles if one[0] < level]
                open_titles.append((level, element.text))
                paths.append([title for _, title in open_titles])
            pieces.append(element.metadata.text_as_html or element.text)
        return "\n\n".join(pieces), paths

    return read


def pandoc_reader() -> Read:
    import pypandoc

    program = pypandoc.get_pandoc_path()

    def read(path: Path) -> tuple[str, list[list[str]]]:
        command = [program, "--to=gfm-raw_html", "--wrap=none", "--quiet", str(path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise ValueError(done.stderr.strip()[:200])
        return done.stdout, headings_of(done.stdout)

    return read


READERS: dict[str, tuple[str, Callable[[], Read]]] = {
    "ragloop": ("ragloop", ragloop_reader),
    "markitdown": ("markitdown", markitdown_reader),
    "docling": ("docling", docling_reader),
    "unstructured": ("unstructured", unstructured_reader),
    "pandoc": ("pypandoc_binary", pandoc_reader),
}


def cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main(reader: str, files: str, out: str) -> None:
    package, make = READERS[reader]
    read = make()
    paths = [Path(one) for one in json.loads(Path(files).read_text())]
    warmed: set[str] = set()
    with Path(out).open("w", encoding="utf-8", errors="replace") as found:

        def tell(line: dict[str, Any]) -> None:
            found.write(json.dumps(line) + "\n")
            found.flush()

        for path in paths:
            for _ in range(1 if path.suffix in warmed else 2):
                start, line = cpu_seconds(), {"path": str(path), "text": "", "headings": [], "refused": ""}
                try:
                    line["text"], line["headings"] = read(path)
                except Exception as error:  # noqa: BLE001 - a peer may raise anything, which counts as a refusal
                    line["refused"] = f"{type(error).__name__}: {error}"[:300]
                line["cpu_s"] = cpu_seconds() - start
            warmed.add(path.suffix)
            tell(line)
        peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        per_mb = 2**20 if sys.platform == "darwin" else 2**10
        tell({"peak_mb": peak / per_mb, "version": importlib.metadata.version(package)})


if __name__ == "__main__":
    main(*sys.argv[1:])
