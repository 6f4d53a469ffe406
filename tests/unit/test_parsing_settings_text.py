"""YAML and TOML: the source itself, with long keys as headings."""

import pytest

from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.document import ParsedDocument
from tests.support.cpu import cpu_seconds_below


def read(text: str, name: str = "a.yaml") -> ParsedDocument:
    return parse(text.encode(), media_type(name) or "", name)


def blocks(document: ParsedDocument) -> list[tuple[tuple[str, ...], str]]:
    return [(one.heading, document.text[one.start : one.end]) for one in document.blocks]


def test_short_keys_stand_together_under_no_heading_and_keep_their_comments() -> None:
    assert blocks(read("# Where boats moor.\nport: 80\n\n# Depth in metres.\ndepth: 9\n")) == [
        ((), "# Where boats moor.\nport: 80"),
        ((), "# Depth in metres.\ndepth: 9"),
    ]


def test_a_key_with_a_long_value_is_a_heading() -> None:
    steps = "".join(f"    step{number}: open the gate and wait\n" for number in range(40))
    found = blocks(read(f"name: lock\njobs:\n  fill:\n{steps}  drain: {{}}\nlast: yes\n"))
    assert [heading for heading, _ in found][:4] == [(), ("jobs",), ("jobs", "fill"), ("jobs", "fill")]
    assert found[-2:] == [(("jobs",), "drain: {}"), ((), "last: yes")]


def test_each_document_of_a_file_is_named_by_its_kind() -> None:
    text = "kind: Service\nmetadata:\n  name: web\n---\nkind: Secret\nmetadata:\n  name: key\n"
    assert dict.fromkeys(heading for heading, _ in blocks(read(text))) == {
        ("Service web",): None,
        ("Secret key",): None,
    }


def test_long_tables_of_toml_are_headings() -> None:
    rules = "\n".join(f'rule{number} = "keep to the right"' for number in range(30))
    found = blocks(read(f'title = "x"\n\n[build]\nby = "hand"\n\n# All of them.\n[tool.rules]\n{rules}\n', "a.toml"))
    assert [(heading, text.split("\n")[0]) for heading, text in found] == [
        ((), 'title = "x"'),
        ((), "[build]"),
        (("tool.rules",), "# All of them."),
    ]


@pytest.mark.parametrize("name", ["a.yaml", "a.toml"])
@pytest.mark.parametrize(
    "text", ["", "---\n---\n", "no keys at all", "- a\n- b", "a: [1\n\t: x", "[[[", "#\n#", "x: &a [*a]"]
)
def test_what_is_broken_is_read_as_it_stands(text: str, name: str) -> None:
    words = "".join(part for _, part in blocks(read(text, name))).replace("---", "").split()
    assert words == text.replace("---", "").split()


def test_aliases_do_not_expand_and_time_is_linear() -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a,*a,*a,*a,*a,*a]\n" for n in range(30))
    assert read(bomb).text == bomb
    with cpu_seconds_below(10):
        read("a:\n" * 200_000)
        read("#\n" * 200_000)
        read("".join(" " * depth + "k:\n" for depth in range(1_000)))
        read("[x]\n" * 200_000, "a.toml")
