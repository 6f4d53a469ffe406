"""MDX: Markdown between JSX tags, imports and exports (https://mdxjs.com/docs/what-is-mdx/).

The text is the source without those, so offsets count in the extracted text.
"""

import re
from bisect import bisect_right

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.markdown import parse_markdown

_BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # three deep
_FENCED = r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
_CODE = rf"(?P<code>{_FENCED}|(?<!`)(?P<ticks>`++))"
_TAG = rf"</?(?:[A-Za-z][\w.-]*(?::[\w-]+)?(?=[\s/>])(?:[^<>{{}}\"']|\"[^\"]*\"|'[^']*'|{_BRACES})*)?>"
# Where a comment or a code span ends is looked for apart: a pattern would read on from each that never does.
_COMMENT = r"(?P<comment>\{/\*)"
_COMMENT_END = "*/}"
_NOT_TEXT = re.compile(rf"{_CODE}|{_COMMENT}|{_TAG}", re.DOTALL | re.MULTILINE)
_MODULE = re.compile(
    r"import\s+(?:[\w*][^\n]*\bfrom\b|['\"])|(?:import|export)\s*[{*]"
    r"|export\s+(?:default|const|let|var|function|async|class)\b"
)
_TICKS = re.compile(r"`+")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")


def parse_mdx(text: str, name: str) -> ParsedDocument:
    """What stands between the tags, as Markdown; indented text is no code there."""
    return parse_markdown(without_jsx(text), name, indented_code=False)


def without_jsx(text: str) -> str:
    """The text without modules' statements, tags and comments; code keeps all that it holds."""
    rest = _without_modules(text)
    kept, at, last = [], 0, rest.rfind(_COMMENT_END)
    runs = _runs_of_ticks(rest)
    while found := _NOT_TEXT.search(rest, at):
        end = _end_of_span(runs, found) if found["ticks"] else found.end()
        stays = found["code"] or (found["comment"] and last < end)
        kept.append(rest[at : end if stays else found.start()])
        at = rest.index(_COMMENT_END, end) + len(_COMMENT_END) if found["comment"] and not stays else end
    return "".join([*kept, rest[at:]])


def _runs_of_ticks(text: str) -> dict[int, list[int]]:
    """Return where the runs of backticks stand, by their length."""
    runs: dict[int, list[int]] = {}
    for run in _TICKS.finditer(text):
        runs.setdefault(len(run[0]), []).append(run.start())
    return runs


def _end_of_span(runs: dict[int, list[int]], opening: re.Match[str]) -> int:
    """Return where the code span ends that a run of backticks opens, or where the run does if nothing closes it."""
    length = len(opening["ticks"])
    of_this_length = runs[length]
    following = bisect_right(of_this_length, opening.start())
    return of_this_length[following] + length if following < len(of_this_length) else opening.end()


def _without_modules(text: str) -> str:
    """Drop imports and exports: from a line that begins one to the line that closes the last of its braces."""
    kept: list[str] = []
    fence, depth = "", 0
    for line in text.splitlines(keepends=True):
        if depth > 0:
            depth += _depth(line)
            continue
        marker = _FENCE.match(line)
        if marker and (not fence or marker[1].startswith(fence)):
            fence = "" if fence else marker[1]
        if not fence and _MODULE.match(line):
            depth = _depth(line)
        else:
            kept.append(line)
    return "".join(kept)


def _depth(line: str) -> int:
    return sum(map(line.count, "{[(")) - sum(map(line.count, "}])"))
