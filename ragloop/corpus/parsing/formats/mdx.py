"""MDX: Markdown between JSX tags, imports and exports (https://mdxjs.com/docs/what-is-mdx/).

The text is the source without those, so offsets count in the extracted text. What a component shows of its attributes,
such as the title of an accordion or the label of a tab, stands in the place of its tag.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.markdown import parse_markdown

_BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # three deep
_FENCED = r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
_CODE = rf"(?P<code>{_FENCED}|(?<!`)(?P<ticks>`++))"
_TAG = rf"(?P<tag></?(?:[A-Za-z][\w.-]*(?::[\w-]+)?(?=[\s/>])(?:[^<>{{}}\"']|\"[^\"]*\"|'[^']*'|{_BRACES})*)?>)"
# Where a comment or a code span ends is looked for apart: a pattern would read on from each that never does.
_COMMENT = r"(?P<comment>\{/\*)"
_COMMENT_END = "*/}"
_NOT_TEXT = re.compile(rf"{_CODE}|{_COMMENT}|{_TAG}", re.DOTALL | re.MULTILINE)
_MODULE = re.compile(
    r"import\s+(?:[\w*][^\n]*\bfrom\b|['\"])|(?:import|export)\s*[{*]"
    r"|export\s+(?:default|const|let|var|function|async|class)\b"
)
_ATTRIBUTE = re.compile(
    rf"(?<![\w:.-])(?P<name>[\w:.-]++)\s*+=\s*+(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<braces>{_BRACES}))"
)
_LITERAL = re.compile(
    r"(?:(?<![\w$])(?P<key>[\w$]++)\s*+:\s*+)?+"
    r"(?:\"(?P<double>[^\"\\\n]*+)\"|'(?P<single>[^'\\\n]*+)'|`(?P<ticked>[^`\\$]*+)`)"
)
_SHOWN = frozenset(
    """label title question answer summary description heading header caption subtitle tagline name text message content
    children path query body command term definition alt placeholder tooltip details note quote author cta
    buttontext linktext badge tag""".split()
)
"""Attributes whose value a reader sees, whatever it is."""
_NOT_SHOWN = frozenset(
    """class classname style id key href src url to link rel target sizes srcset d viewbox points transform xmlns fill
    width height groupid querystring lang language icon type value as variant color theme layout align import from media
    sx allow sandbox""".split()
)
_TABS = frozenset(("Tab", "TabItem", "TabPanel"))
_WORDS = re.compile(r"[^\W\d_][,.!?:'\")]{0,3}\s{1,4}[^\W\d_]")
_DEEPEST_INDENT = 200
_INNER_TAG = re.compile(r"<[^<>]*>")
_TICKS = re.compile(r"`+")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")


def parse_mdx(text: str, name: str) -> ParsedDocument:
    """Return what stands between the tags and what components show, as Markdown; indented text is no code there."""
    return parse_markdown(without_jsx(text), name, indented_code=False)


def without_jsx(text: str) -> str:
    """Return the text without modules and comments, tags as what they show; code keeps all that it holds."""
    rest = _without_modules(text)
    kept, at, last = [], 0, rest.rfind(_COMMENT_END)
    runs = _runs_of_ticks(rest)
    while found := _NOT_TEXT.search(rest, at):
        end = _end_of_span(runs, found) if found["ticks"] else found.end()
        stays = found["code"] or (found["comment"] and last < end)
        kept.append(rest[at : end if stays else found.start()])
        if found["tag"]:
            kept.append(_shown(found["tag"], _line_before(rest, found.start()), rest[end : end + 1]))
        at = rest.index(_COMMENT_END, end) + len(_COMMENT_END) if found["comment"] and not stays else end
    return "".join([*kept, rest[at:]])


def _line_before(text: str, end: int) -> str:
    """Return what stands before `end` in its line, as far as that tells whether it is white space."""
    return text[max(0, end - _DEEPEST_INDENT) : end].rpartition("\n")[2]


def _shown(tag: str, before: str, after: str) -> str:
    """Return what a tag shows: lines of their own where the tag begins a line, else words in it."""
    texts = list(_texts(tag)) if "=" in tag else []
    if not texts:
        return ""
    if before.strip():
        return _apart(" ".join(texts), before[-1], after)
    return f"\n{before}".join(texts) + ("" if after in "\r\n" else f"\n{before}")


def _apart(text: str, before: str, after: str) -> str:
    """Return the text with a space where it would be one word with its neighbour."""
    left = "" if before.isspace() or before in "([" else " "
    return left + text + (" " if after.isalnum() or after == "<" else "")


def _texts(tag: str) -> Iterator[str]:
    named = False
    value = ""
    for found in _ATTRIBUTE.finditer(tag):
        name = found["name"].lower()
        if name == "value":
            value = found["double"] or found["single"] or ""
        for text in _literals(name, found):
            named = True
            yield " ".join(text.split())
    if value and not named and tag[1:].partition(" ")[0].strip() in _TABS:
        yield value


def _literals(name: str, attribute: re.Match[str]) -> Iterator[str]:
    """Yield the strings in an attribute's value that a reader sees, as far as they are written there."""
    if attribute["braces"] is None:
        text = attribute["double"] or attribute["single"] or ""
        if text.strip() and _is_shown(name, text):
            yield text
        return
    source = attribute["braces"][1:-1].strip()
    if name in _SHOWN and source.startswith("<"):
        yield from filter(str.strip, [_INNER_TAG.sub(" ", source)])
        return
    if name.startswith("on") or "=>" in source:
        return
    for found in _LITERAL.finditer(source):
        text = found["double"] or found["single"] or found["ticked"] or ""
        key = (found["key"] or name).lower()
        if text.strip() and (_is_shown(key, text) or (not found["key"] and source.startswith("[") and name == "items")):
            yield text


def _is_shown(name: str, text: str) -> bool:
    if name in _SHOWN:
        return True
    return name not in _NOT_SHOWN and not name.startswith(("data-", "aria-")) and _WORDS.search(text) is not None


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
