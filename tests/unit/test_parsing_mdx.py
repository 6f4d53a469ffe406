"""MDX: what is between the tags is text, modules, tags and comments are not."""

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.formats.mdx import without_jsx
from tests.support.cpu import cpu_seconds_below

PAGE = """---
title: Install
---

import { Tabs, Tab } from '@theme/Tabs';
import Note from "./note.mdx"

export const meta = {
  author: "Ann",

  tags: ["a"],
};

# Install it

<Tabs groupId="os" onChange={(value) => { set({value}); }}>
  <Tab value="linux" label={<b>Linux</b>}>

    Run the **installer** first.

  </Tab>
</Tabs>

{/* a comment
over lines */}

Use `<Tab>` and <Kbd>Ctrl</Kbd> here, where 1 < 2 and a<b holds.

```jsx
import React from 'react';
<Tab>kept</Tab>
```
"""


def test_a_page_keeps_its_text_and_its_code() -> None:
    document = parse(PAGE.encode(), "text/mdx", "a.mdx")
    assert document.title == "Install"
    assert [(one.kind, document.text[one.start : one.end]) for one in document.blocks] == [
        ("front-matter", "---\ntitle: Install\n---"),
        ("paragraph", "Linux"),
        ("paragraph", "Run the **installer** first."),
        ("paragraph", "Use `<Tab>` and Ctrl here, where 1 < 2 and a<b holds."),
        ("code", "```jsx\nimport React from 'react';\n<Tab>kept</Tab>\n```"),
    ]
    assert {one.heading for one in document.blocks[1:]} == {("Install it",)}


@pytest.mark.parametrize(
    "text",
    [
        "import duties rise, and exports fall",
        "export your data from the menu",
        "a <https://example.org/x> link",
    ],
)
def test_prose_that_looks_like_code_is_prose(text: str) -> None:
    assert without_jsx(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "import a from 'b'",
        "import 'b.css'",
        "import * as a from 'b'",
        "export * from 'b'",
        "export default Page",
        "<A.B c:d='>'/>",
        "<></>",
    ],
)
def test_code_is_no_prose(text: str) -> None:
    assert without_jsx(text).strip() == ""


@pytest.mark.parametrize("text", ["{/*", "`", "<a {/*", "``a"])
def test_what_is_never_closed_costs_no_more_than_its_length(text: str) -> None:
    prose = "x" + text * (60_000 // len(text))
    with cpu_seconds_below(5):  # .03 s while the cost is linear
        assert without_jsx(prose) == prose


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a {/* b */} c", "a  c"), ("{/*/} a */} b", " b"), ("{/* a */}{/* b", "{/* b"), ("`{/*` a */}", "`{/*` a */}")],
)
def test_a_comment_ends_where_it_is_closed_first(text: str, kept: str) -> None:
    assert without_jsx(text) == kept


COMPONENTS = """# Pump care

<FAQ>
  <Question title="When is the filter changed?">
    After ninety hours.
  </Question>
  <Entry summary='How much oil?' id="oil-amount" className="wide card box">Two litres.</Entry>
</FAQ>

<Tabs items={["Diesel", 'Electric']} groupId="by engine kind">
  <TabItem value="steam">Heat it first.</TabItem>
</Tabs>

<Choices values={[{label: "Port side", value: "port-side"}, {label: `Starboard`, value: "sb"}]} />

Press <Key name="Ctrl+K" /> to search. <Button onClick={() => open("a long story")} tip="Opens the log book" />
"""


def test_what_components_show_of_their_attributes_is_text() -> None:
    text = parse(COMPONENTS.encode(), "text/mdx", "a.mdx").text
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    assert lines == [
        "# Pump care",
        "When is the filter changed?",
        "After ninety hours.",
        "How much oil?",
        "Two litres.",
        "Diesel",
        "Electric",
        "steam",
        "Heat it first.",
        "Port side",
        "Starboard",
        "Press Ctrl+K to search. Opens the log book",
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('<Tabs><TabItem label="Sail" value="s">reef it</TabItem></Tabs>', "Sail reef it"),
        ('See(<Ref title="Part 2"/>).', "See(Part 2)."),
        ('the<Tip label="tiller"/>moves', "the tiller moves"),
        ('<A><B title="Port"><C/>side</B></A>', "Port side"),
    ],
)
def test_what_a_component_shows_within_a_line_is_a_word_of_its_own(text: str, kept: str) -> None:
    assert without_jsx(text).strip() == kept


@pytest.mark.parametrize("tag", ['<A title="b" />', "<A b={['c d', ", "<A title='", '<A t="b c"', "<A a=b "])
def test_attributes_cost_no_more_than_their_length(tag: str) -> None:
    with cpu_seconds_below(5):
        without_jsx("x" + tag * 20_000)
