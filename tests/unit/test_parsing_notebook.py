"""Jupyter notebooks: cells, what they put out, and what is said of the rest."""

import json

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below

KIND = "application/x-ipynb+json"


def read(*cells: object, **metadata: object) -> ParsedDocument:
    notebook = {"nbformat": 4, "metadata": {"language_info": {"name": "python"}, **metadata}, "cells": list(cells)}
    return parse(json.dumps(notebook).encode(), KIND, "study.ipynb")


def prose(source: object, **more: object) -> dict[str, object]:
    return {"cell_type": "markdown", "source": source, **more}


def code(source: object, *outputs: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def shown(**versions: object) -> dict[str, object]:
    return {"output_type": "display_data", "data": {key.replace("_", "/"): value for key, value in versions.items()}}


def blocks(document: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(one.kind, one.heading, document.text[one.start : one.end]) for one in document.blocks]


def test_headings_hold_for_the_cells_that_follow() -> None:
    document = read(prose(["# Tides\n", "\n", "When they turn."]), prose("## Method"), code(["x = 1\n", "y = 2"]))
    assert document.title == "Tides"
    assert blocks(document) == [
        ("paragraph", ("Tides",), "When they turn."),
        ("code", ("Tides", "Method"), "```python\nx = 1\ny = 2\n```"),
    ]


def test_text_and_tables_that_code_puts_out_are_read() -> None:
    table = "<table><tr><th>port</th><th>depth</th></tr><tr><td>Hull</td><td>9</td></tr></table>"
    said = {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mdone", " in 3 s\n"]}
    failed = {"output_type": "error", "ename": "ValueError", "evalue": "no tide", "traceback": ["long"]}
    text = read(code("run()", said, shown(text_plain="  port", text_html=table), failed)).text
    assert "done in 3 s\n" in text
    assert "Hull" in text
    assert "<td>" not in text
    assert "ValueError: no tide" in text
    assert "long" not in text


def test_what_is_not_read_is_said() -> None:
    document = read(
        prose("![a](data:image/png;base64,QUJD)"),
        code("plot()", shown(image_png="QUJD", text_plain="<Figure size 640x480>")),
        code("warn()", {"output_type": "stream", "name": "stderr", "text": "careful"}),
        code("dump()", {"output_type": "stream", "name": "stdout", "text": "z" * 5_000}),
    )
    assert "QUJD" not in document.text
    assert "Figure" not in document.text
    assert document.left_out == (
        "cell 4: 1,000 characters of its output were not read",
        "cells 1, 2: images were not read",
        "cell 3: what went to stderr was not read",
    )


def test_a_fence_ends_with_its_cell_and_code_may_hold_fences() -> None:
    document = read(prose("```\nopen"), code("s = '```'"), prose("After."))
    assert [kind for kind, _, _ in blocks(document)] == ["code", "code", "paragraph"]


def test_worksheets_of_older_versions_are_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Tables"},
        {
            "cell_type": "code",
            "input": ["1 + 1"],
            "language": "python",
            "outputs": [{"output_type": "pyout", "text": ["2"]}],
        },
    ]
    document = parse(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode(), KIND, "old.ipynb")
    assert blocks(document) == [
        ("code", ("Tables",), "```python\n1 + 1\n```"),
        ("code", ("Tables",), "```\n2\n```"),
    ]


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b'{"cells": 3}', b'{"worksheets": []}', b"[" * 100_000, b'{"cells": [{"source": "cut']
)
def test_what_is_no_notebook_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="expected a Jupyter notebook"):
        parse(data, KIND, "a.ipynb")


def test_values_of_a_wrong_kind_do_no_harm() -> None:
    assert read(code(3, None, {"output_type": 1}, shown(text_plain=5)), 7, prose(None), prose("Fine.")).text == "Fine."
    assert read(prose("Fine."), title=3, kernelspec=[]).title == "study.ipynb"


def test_a_notebook_is_bounded() -> None:
    data = json.dumps({"cells": [prose("tide " * 300)]}).encode()
    with pytest.raises(DocumentError, match="more than 1,000 characters"):
        parse(data, KIND, "a.ipynb", ParseLimits(characters=1_000))
    with cpu_seconds_below(10):
        read(*[prose("(data:" * 1_000 + "```" * 1_000) for _ in range(50)])
