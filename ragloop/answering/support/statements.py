"""A passage → what it states, one statement at a time, each with what gives it its meaning. Pure.

A statement is a sentence, a line of fields, an item of a list, or a cell of a table. What it hangs under gives it its
meaning: the titles above, the item or the keys that its indentation puts it below, the line that introduces a list, the
key of its row and the name of its column, the sentence before one that begins with a pronoun. Its digest is made of
both, so that equal digests in one document say the same, wherever the document is cut into chunks: what stands above a
row in the chunk is left out beyond the row's own key. A line whose key was cut off counts as the same only in an equal
chunk.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ragloop.hashes import sha256_of_text
from ragloop.language.sentences import sentence_ends
from ragloop.language.words import MARKS

_QUOTED = re.compile(r"(?:>[ \t]?)+")
_ITEM = re.compile(r"(?:[-*+\u2022]|\d{1,4}[.)]|#\.)[ \t]+(?=\S)")
_FIELD = re.compile(rf"[\w\"'`*][\w{MARKS}\"'`*.()/ -]{{0,60}}:(?:[ \t]|$)")
_ASSIGNED = re.compile(r"[\w\"'`.-]{1,60}[ \t]?=(?!=)")
"""A setting of a TOML, INI or environment file, which goes on with no sentence before it."""
_RULE = re.compile(r"[|:\s=+~*_-]+")
_COLUMN = re.compile(r"[=-]+")
_COLUMNS = re.compile(r"[=-]{2,}(?:[ \t]+[=-]{2,})+")
"""The rule of a table of reStructuredText, whose cells stand two blanks apart."""
_CELL = " | "
_JOINED = " > "
_PLACE = re.compile(r"(?:page|slide|chapter) \d+")
"""What a heading path may end with: the place moves with every edit before it, and says nothing."""
_PRONOUN = re.compile(r"(?:it|its|this|these|that|those|they|their|he|she|his|her|both|such|here)\b", re.IGNORECASE)
_MARKS = re.compile(r"[\"'`]")
"""Quotation marks come and go with a formatter, and say nothing."""
_DIGEST = 16


@dataclass(frozen=True)
class Statement:
    """`text` in single spaces; `before` is the sentence that a pronoun at its beginning leads back to.

    Statements of one `group` are fields of one item, or cells of one row.
    """

    text: str
    context: str
    before: str
    group: int
    digest: str


@dataclass
class _Block:
    """Lines that belong together. `kind` is prose, item, field or row."""

    indent: int
    text: str
    kind: str
    after_blank: bool


@lru_cache(maxsize=4096)
def statements(heading: str, text: str) -> tuple[Statement, ...]:
    """Return what a chunk states, in order; all its words stand in one statement or another."""
    titles = _without_place(heading)
    found = []
    for group, context, before, part in _parts(_blocks(text), text):
        whole = _MARKS.sub("", "\x1f".join((titles, context, before, part)))
        digest = sha256_of_text(whole)[:_DIGEST]
        found.append(Statement(part, context, before, group, digest))
    return tuple(found)


def _without_place(heading: str) -> str:
    above, _, last = heading.rpartition(" > ")
    return above if _PLACE.fullmatch(last) else heading


def _blocks(text: str) -> list[_Block]:
    """Return the lines, with those of a wrapped paragraph joined."""
    blocks: list[_Block] = []
    blank = True
    for indent, line in _lines(text):
        if not line:
            blank = True
            continue
        block = _Block(indent, line, _kind(line), blank)
        if blocks and not blank and _continues(blocks[-1], block):
            blocks[-1].text += " " + line
            blocks[-1].kind = "prose" if blocks[-1].kind == "field" else blocks[-1].kind
        else:
            blocks.append(block)
        blank = False
    return blocks


def _lines(text: str) -> list[tuple[int, str]]:
    """Return each line with its indentation. A chunk lacks that of its first line, which those after it tell."""
    lines, rules, starts = list[tuple[int, str]](), 0, list[int]()
    for one in text.expandtabs(8).splitlines():
        line = one.strip()
        if _COLUMNS.fullmatch(line):
            rules, starts = (rules + 1) % 3, [found.start() for found in _COLUMN.finditer(one)]
            line = "| --- |" if rules == 2 else ""
        elif rules and line:
            line = "|" + _CELL.join(one[start:end] for start, end in pairwise([*starts, None])) + "|"
        elif _RULE.fullmatch(line) and "|" not in line:
            line = ""
        quoted = _QUOTED.match(line)
        lines.append((len(one) - len(one.lstrip()), " ".join(line[quoted.end() if quoted else 0 :].split())))
    later = [(indent, line) for indent, line in lines[1:] if line]
    if not later:
        return lines
    first = lines[0][1]
    if _ITEM.match(first):
        indent = min((one for one, line in later if line[:1] == first[:1] and _ITEM.match(line)), default=0)
    else:
        indent = later[0][0] if _kind(first) == "field" and not first.endswith(":") else 0
    return [(indent, first), *lines[1:]]


def _kind(line: str) -> str:
    if line.startswith("|") or _CELL in line:
        return "row"
    if _ITEM.match(line):
        return "item"
    return "field" if _FIELD.match(line) or _ASSIGNED.match(line) else "prose"


def _continues(before: _Block, block: _Block) -> bool:
    """Return whether a line goes on with the sentence of the lines before it."""
    if before.kind == "prose":
        goes_on = block.kind == "prose" or (block.kind == "field" and not _ASSIGNED.match(block.text))
        return goes_on and block.indent == before.indent
    if before.kind == "item":
        named = _FIELD.match(_ITEM.sub("", before.text, count=1))
        return block.kind == "prose" and not named
    return before.kind == "field" and block.kind == "prose" and block.indent == before.indent


def _parts(blocks: Sequence[_Block], whole: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield group, context, sentence before and text of each statement."""
    above: list[tuple[_Block, int]] = []
    group, lead, rows = 0, _Block(0, "", "prose", True), list[list[str]]()
    for position, block in enumerate(blocks):
        while above and above[-1][0].indent >= block.indent:
            above.pop()
        if block.kind == "field" and above and above[-1][0].kind == "item":
            group = above[-1][1]
        elif not (position and _same_fields(blocks[position - 1], block)):
            group += 1
        chain = _meaning(above)
        if block.kind == "item":
            introduced = lead.text.endswith(":") and lead.indent <= block.indent and lead.text not in chain
            chain += [lead.text] * introduced
        elif block.kind == "prose" or block.indent <= lead.indent:
            lead = block
        if not above and block.indent > 0 and block.kind != "item":
            chain = [sha256_of_text(whole)]
        rows = [*(() if block.after_blank else rows), _cells(block.text)] if block.kind == "row" else []
        if rows:
            yield from ((group, _JOINED.join([*chain, *about]), "", cell) for about, cell in _of_row(rows))
            continue
        for before, text in _sentences(block):
            yield group, _JOINED.join(chain), before, text
            group += block.kind == "prose"
        above.append((block, group))


def _same_fields(before: _Block, block: _Block) -> bool:
    return before.kind == "field" and before.indent == block.indent and not block.after_blank


def _meaning(above: Sequence[tuple[_Block, int]]) -> list[str]:
    """Return what a line hangs under, from the innermost item on; of what is above an item it is independent."""
    items = [position for position, (block, _) in enumerate(above) if block.kind == "item"]
    return [block.text for block, _ in above[items[-1] if items else 0 :]]


def _sentences(block: _Block) -> Iterator[tuple[str, str]]:
    """Return the sentences, one that begins with a pronoun with the one before it; a line of fields is one."""
    text = _ITEM.sub("", block.text, count=1) if block.kind == "item" else block.text
    ends = [] if block.kind == "field" else list(sentence_ends(text))
    before = ""
    for start, end in pairwise([0, *ends, len(text)]):
        if sentence := text[start:end].strip():
            yield before if _PRONOUN.match(sentence) else "", sentence
            before = sentence


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _of_row(rows: Sequence[Sequence[str]]) -> Iterator[tuple[list[str], str]]:
    """Yield the cells of the last row, each with the row's key and its column's name where the table has a head."""
    row = rows[-1]
    if all(_RULE.fullmatch(cell) or not cell for cell in row):
        return
    headed = len(rows) > 2 and all(_RULE.fullmatch(cell) for cell in rows[1] if cell)
    for column, cell in enumerate(row):
        if cell:
            name = rows[0][column] if headed and column < len(rows[0]) else ""
            yield [part for part in (row[0] if column else "", name) if part], cell
