"""The words of a text as facts are compared: letters and digits as they are written, with the signs that tell a value.

Emphasis, quotes, brackets, the marks of tables and the roles of reStructuredText are left out, so that a text reads the
same with its markup and without. What makes another fact stays: a sign, a unit of per cent, a currency, a comparison,
and the end of a sentence, behind which a condition may follow in another revision.
"""

import re

from ragloop.corpus.parsing.formats.restructuredtext import plain_title
from ragloop.language.forms import comparable
from ragloop.language.words import has_unspaced, words

_TOKEN = re.compile(
    r"(?:(?<![\w.)\]])[-\u2212](?=\d))?[$\u20ac\u00a3\u00a5]?[^\W_](?:[\w.+-]*[^\W_])?(?:[+#]+|%)?"
    r"|(?<![<>=!])[<>=!]=(?!=)|[\u2264\u2265\u2260]|(?<=[ \t])[<>](?=[ \t])"
    r"|[.!?](?=[\s\"')\]*_`]|$)"
)

_ROLE = ":`"


def tokens(text: str) -> list[str]:
    """Return the words of a text, in order."""
    text = comparable(plain_title(text) if _ROLE in text else text)
    return words(text) if has_unspaced(text) else _TOKEN.findall(text)
