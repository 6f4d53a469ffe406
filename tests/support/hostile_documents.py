"""Documents that a parser finds hard: nesting without end, openings that nothing closes, thousands of small parts."""


def _filled(part: str, size: int) -> str:
    return part * max(1, size // len(part.encode()))


def _numbered(part: str, size: int) -> str:
    """A part with a number of its own each time."""
    made, length, number = [], 0, 0
    while length < size:
        made.append(part.replace("#N", str(number)))
        length += len(made[-1])
        number += 1
    return "".join(made)[:size]


def _deeper(start: str, step: str, text: str, size: int) -> str:
    """Lines of which each hangs below the one before it."""
    made, length, depth = [], 0, 0
    while length < size:
        made.append(step * depth + start + text)
        length += len(made[-1])
        depth += 1
    return "".join(made)[:size]


REPEATED = (
    "[", "]", "![", "[[", "[](", "[a](", "[a][", "[a]: ", "(", "*", "*a ", "**a ", "*a_", "_a ", "__a ", "a**b",
    "a_", "`", "`a", "``a`",
    "~", "~~~", "<", "<a", "<a ", "</", "<!--", "<!-- ", "-->", "<?", "<![CDATA[", "<!A", "<a b='", "<a b=\"",
    "<a@", "<http://a", "&", "&#", "&#x", "&amp", "&amp;", "\\", "\\[", "!",
    ">", "> ", ">\n", "> \n", "> > \n", "- ", "-", "* ", "+ ", "1. ", "1.", "- \n", "-\n", "- a\n", "1. a\n",
    "1)\n", "# ", "#", "# \n", "# a\n", "###### a\n", "=", "=\n", "a\n=\n", "a\n-\n", "---\n", "***\n",
    "|", "| ", "|a", "|\n", "|a|\n", "|-", "|-|\n", "a|b\n", "|a|b|\n|-|-|\n", "\t", "\n", " \n", " ", "\n\n",
    "a\n\n", "    a\n", "```\n", "```a\n", "~~~\na\n", "[a]:\n", "[a]: b\n", "[a]: <b\n", "[a]: b '\n",
    "[a]: b \"c\n", "+++\n",
    "{", "}", "{{", "{/*", "{/* ", "*/}", "{\"", "{'", "<A {", "<A b={", "<A b='", "<A/>", "<A>", "import {",
    "import {\n", "export const a = [\n", "import a from 'b'\n", "export {",
    ":", ":a", ":a:", ":a:`", ":a:`b`", ":a: b\n", ":a:\n", "..", ".. ", ".. a\n", ".. [", ".. [a", ".. |",
    ".. |a", ".. |a| ", ".. a::\n", ".. a::\n\n   b\n\n", ".. _a:\n", ".. _", "__ \n", "::\n", "a::\n\n  b\n\n",
    "a::\n", "|a|", "`a`_", "`a <b>`_", "``a``", "a_ ", "a__ ", "*a*",
    "+-", "+-+\n", "+--+\n|  |\n", "== ==\n", "= =\n", "== ==\na  b\n", ">>> \n", ">>> a\n\n", "-a  b\n",
    "--a=b  c\n", "/A  b\n", "(", "(a", "(a)", "(a) \n", "i.\n", "i", "iv. ",
    "a", "a ", "a b\n", "a.", "a. ", "a, ", "a,", ",", "\"", "'", "\".", ". ", "…", "。", "。」", "a:\n", "- a:\n",
    "\r", "\r\n", "\u2028", "\x0c", "\x00", "é", "e\u0301", "\u0301", "\ufdfa", "\u4e00", "\U0001f600", "\u200d",
    "\u202e", "1", "1,", "1,000", "1.", "-1", "<=", ">= 1", "1 s ", "May 1, ", "n't ", "not a, ", "A", "Aa", "aA",
    "aA1", "a-", "a+", "a.b", "http://", "https://a.b/", "a@b.c",
)  # fmt: skip
NUMBERED = (
    "[a#N]: b\n", "[a#N]: b#N 'c'\n\n", "[a#N][a#N] ", "[^#N]: a\n\n", "| a#N ", "# a#N\n", "## a#N\n\nb\n\n",
    "#N. a\n", "- a#N\n\n", "a#N ", "a#N. ", "A#N b#N is #N s. ", "&#N;", "<a#N>", "</a#N>\n\n", "*a#N ",
    "a#N: b\n",
    "a#N\n====\n\n", "a#N\n----\nb\n\n", ".. _a#N: b\n", ".. |a#N| replace:: b\n", ".. [#N] a\n", ":a#N: b\n",
    "`a#N`_ ", ".. a#N::\n", "a#N::\n\n   b\n\n", "<A#N b={#N}>", "{/* #N */}", "`" * 3 + "#N\n",
    "import a#N from 'b'\n",
)  # fmt: skip
GROWING = {
    "quotes": (">", "", " a\n"), "lists": ("- ", "  ", "a\n"), "numbers": ("1. ", "   ", "a\n"),
    "quoted lists": ("> - ", "> - ", "a\n"),
    "items": ("- ", "- ", "\n"), "ones": ("1. ", "1. ", "\n"), "indented": ("a", " ", "\n"),
    "indented fields": ("a: ", " ", "b\n"), "keys": ("a:", " ", "\n"), "directives": (".. a::\n\n", "   ", "\n"),
    "ticks": ("`", "`", " "), "literals": ("a::\n\n", " ", ""), "titles": ("a\n", "=", "\n"),
    "pipes": ("|", "a|", "\n"), "stars": ("a", "*", " "), "openings": ("", "[", "\n"), "hashes": ("#", "", " a\n"),
    "colons": (":a", ":a", ":\n"),
    "dashes": ("-", "-", "\n"), "fences": ("`" * 3, "`", "\n"), "tabs": ("a", "\t", "\n"),
}  # fmt: skip


def texts(size: int) -> dict[str, str]:
    """Texts of about `size` bytes by what they are made of."""
    made = {f"{one!r} repeated": _filled(one, size) for one in REPEATED}
    made |= {f"{one!r} numbered": _numbered(one, size) for one in NUMBERED}
    made |= {f"{name} growing": _deeper(start, step, text, size) for name, (start, step, text) in GROWING.items()}
    half = size // 2
    made |= {
        f"{one}, one after the other": left * (half // len(left)) + "a" + right * (half // len(right))
        for one, left, right in (
            ("[]", "[", "]"), ("[]()", "[", "]()"), ("*", "*", "*"), ("* a", "*a ", "*"), ("<>", "<", ">"),
            ("{}", "{", "}"), ("()", "(", ")"), ("`", "`", "``"), ("_", "_", "a_"),
        )
    }  # fmt: skip
    columns = size // 4
    made["a wide table"] = "|a" * columns + "|\n" + "|-" * (columns // 2) + "|\n"
    made["a wide table of empty rows"] = "|a" * (size // 8) + "|\n" + "|-" * (size // 8) + "|\n" + "|\n" * (size // 4)
    made["a table of wide and long"] = "|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + "|\n" * (size // 2)
    made["a wide simple table"] = "== " * (size // 6) + "\n" + "a  " * (size // 6)
    made["a quotation goes on"] = "> " * 20 + "a\n" * (size // 2 - 20)
    made["a deep list goes on"] = "- " * (size // 4) + "a\n" + "a\n" * (size // 4)
    made["a deep list, then blank lines"] = "- " * (size // 4) + "a\n" + "\n" * (size // 2)
    made["references, then uses"] = _numbered("[a#N]: b\n", half) + "\n" + _numbered("[a#N] ", half)
    made["front matter"] = "---\n" + _filled("a: b\n", size)
    made["front matter of titles"] = "---\n" + _filled("title:\n", size) + "---\n"
    made["a title of brackets"] = "# " + "[" * (size - 2)
    made["titles of brackets"] = _filled("# " + "[" * 900 + "\n", size)
    made["titles of stars"] = _filled("# " + "*a_ " * 240 + "\n", size)
    made["titles of links"] = _filled("# " + "[a](" * 240 + "\n", size)
    made["titles of images"] = _filled("# " + "![" * 480 + "\n", size)
    made["titles of ticks"] = _filled("# " + "".join("`" * n + "a" for n in range(1, 42)) + "\n", size)
    made["titles of entities"] = _filled("# " + "&amp;" * 190 + "\n", size)
    made["titles of tags"] = _filled("# " + "<a " * 320 + "\n", size)
    made["titles of braces"] = _filled("# " + "a {" * 320 + "\n", size)
    made["titles of rst"] = _filled(":a:`b <c" * 100 + "\n" + "=" * 800 + "\n\n", size)
    made["titles of rst literals"] = _filled("``a" * 300 + "\n" + "=" * 900 + "\n\n", size)
    made["titles of rst stars"] = _filled("*a" * 450 + "\n" + "=" * 900 + "\n\n", size)
    made["a title of rst stars"] = "*a" * (size // 4) + "\n" + "=" * (size // 2) + "\n\n"
    made["a title of rst literals"] = "``a" * (size // 6) + "\n" + "=" * (size // 2) + "\n\n"
    made["a title of rst underscores"] = "a_b" * (size // 6) + "\n" + "=" * (size // 2) + "\n\n"
    made["a deep outline"] = _numbered("".join(f"{'#' * n} a#N\n\n" for n in range(1, 7)), size)
    made["rst adornments"] = "".join(f"a\n{one * 4}\n\n" for one in "=-~^\"'`#*+:.,;!?$%&/()<>@[]{}|_" * (size // 200))
    return made
