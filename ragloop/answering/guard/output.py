"""What an answer must not carry: links to places that no passage names, secrets, and the prompt; and what it must not
make a client do: load an image, run a script. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from ragloop.language.words import words

_HOST = re.compile(r"//([\w.-]{1,253}+)")
"""The host of an address, with its scheme or without, wherever it stands: as text, in a link or in an image."""
_SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bsk-[A-Za-z0-9_-]{32,}\b|\bxox[abprs]-[A-Za-z0-9-]{20,}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\brl-[A-Za-z0-9_-]{43}\b"
)
_IMAGE = re.compile(r"!(?=\[)")
_UNNAMED = re.compile(r"!\[\s*+\]\(\s*+((?:[^\s()]++|\([^\s()]*+\))++)(?:\s+\"[^\"\n]{0,300}\")?\s*\)")
"""An image without a description; its address may have pairs of parentheses, which do not nest."""
_SCRIPT = re.compile(r"(\]\(\s*<?\s*|\]:\s*<?|<)(?:(?:java|vb)\s*script:|data:(?=\w+/))", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:img|script|iframe|object|embed|svg|video|audio|source|link|style|form|input|base|meta)\b[^<>]{0,2000}>?"
    r"|<\w[^<>]{0,2000}?\b(?:on\w+\s*=|(?:java|vb)\s*script:|data:)[^<>]{0,2000}>",
    re.IGNORECASE,
)
_CODE = re.compile(r"((?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`))")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_RUN = 8
"""Words of the prompt that follow each other in an answer which repeats it."""


@dataclass(frozen=True)
class Screened:
    """Why an answer is withheld; empty where it may be given."""

    why: tuple[str, ...] = ()


def screen(text: str, sources: Sequence[str], instructions: str) -> Screened:
    """Look through an answer; `sources` are the texts that it was made from, `instructions` what its model was told."""
    held = "\n".join(sources).casefold()
    found = []
    if foreign := [host for host in hosts(text) if host not in held]:
        found.append(f"answer withheld: a link to {foreign[0]}, which no passage names")
    if _SECRET.search(text):
        found.append("answer withheld: it has the form of a secret")
    if _repeats(text, instructions) and not _repeats(held, instructions):
        found.append("answer withheld: it repeats the prompt")
    return Screened(tuple(found))


def inert(text: str) -> str:
    """Return an answer that makes no client load or run anything: an image is a link, a tag is code. Code stays."""
    parts = [
        (is_code, "\n".join(line for _, line in lines)) for is_code, lines in groupby(_lines(text), key=itemgetter(0))
    ]
    return "\n".join(part if is_code else _inert_beside_code(part) for is_code, part in parts)


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the lines of a text, each with whether it is of a block of code."""
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        yield bool(fence or found), line
        is_end = bool(found and fence and found[1].startswith(fence) and not line.strip(" " + fence[0]))
        fence = "" if is_end else fence or (found[1] if found else "")


def _inert_beside_code(text: str) -> str:
    pieces, at = [], 0
    for code in _CODE.finditer(text):
        pieces += [_inert(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*pieces, _inert(text[at:])])


def _inert(piece: str) -> str:
    """Take from an image, however it is written, the mark that makes it one; from a script its scheme."""
    return _TAG.sub(r"`\g<0>`", _SCRIPT.sub(r"\1", _IMAGE.sub("", _UNNAMED.sub(r"\1", piece))))


def hosts(text: str) -> Iterator[str]:
    """Yield the hosts that links and images of a text lead to."""
    return (found[1].casefold() for found in _HOST.finditer(text) if "." in found[1].strip("."))


def _repeats(text: str, instructions: str) -> bool:
    told, said = [one.casefold() for one in words(instructions)], [one.casefold() for one in words(text)]
    runs = {tuple(told[at : at + _RUN]) for at in range(len(told) - _RUN + 1)}
    return any(tuple(said[at : at + _RUN]) in runs for at in range(len(said) - _RUN + 1))
