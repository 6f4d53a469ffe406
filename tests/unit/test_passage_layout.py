"""Parts of a passage: what stays whole, and what it hangs under."""

from ragloop.models.generation.quoting.layout import Kind, parts_of


def kinds(text: str) -> list[tuple[str, str]]:
    return [(part.kind.value, part.text) for part in parts_of(text)]


def test_fenced_code_is_one_part_with_its_lines() -> None:
    text = "Ship it:\n\n```sh\nship build --all\n\nship send\n```\n\nThen wait."
    assert kinds(text) == [
        ("prose", "Ship it:"),
        ("code", "ship build --all\n\nship send"),
        ("prose", "Then wait."),
    ]
    assert parts_of(text)[1].introduced


def test_a_literal_block_of_restructuredtext_is_code() -> None:
    assert kinds("Ship it::\n\n    ship build\n    ship send\n\nThen wait.")[1] == ("code", "ship build\nship send")


def test_a_directive_of_code_is_code_without_its_options() -> None:
    text = ".. code-block:: python\n    :caption: ship.py\n\n    ship(1)\n    ship(2)\n\nThen wait."
    assert kinds(text) == [("code", "ship(1)\nship(2)"), ("prose", "Then wait.")]


def test_what_is_indented_below_a_term_belongs_to_it() -> None:
    (part,) = parts_of(".. option:: --harbour\n\n    Where the ferry begins its way.")
    assert (part.kind, part.term, part.text) == (Kind.PROSE, "--harbour", "Where the ferry begins its way.")


def test_rows_know_their_columns_and_the_head_is_no_row() -> None:
    rows = parts_of("| Ferry | Leaves |\n|---|---|\n| North | 9:15 |\n| South | 11:40 |")
    assert [(one.text, one.head) for one in rows] == [
        ("North | 9:15", ("Ferry", "Leaves")),
        ("South | 11:40", ("Ferry", "Leaves")),
    ]


def test_a_simple_table_of_restructuredtext_has_a_head() -> None:
    rows = parts_of("=====  ======\nFerry  Leaves\n=====  ======\nNorth  9:15\nSouth  11:40\n=====  ======")
    assert [(one.text, one.head) for one in rows] == [
        ("North | 9:15", ("Ferry", "Leaves")),
        ("South | 11:40", ("Ferry", "Leaves")),
    ]


def test_front_matter_is_no_part_of_a_page_that_says_more() -> None:
    assert kinds("---\ntitle: Ferries\n---\nThe ferry leaves at nine.") == [("prose", "The ferry leaves at nine.")]
    assert kinds("---\ntitle: Ferries\n---")[0][1] == "title: Ferries"


def test_commands_without_a_fence_are_code_and_prose_is_not() -> None:
    assert kinds("ship send --all\nship wait --for 3")[0][0] == "code"
    assert kinds("the ferry waits\nfor the train")[0][0] == "prose"


def test_a_number_that_ends_a_sentence_is_no_item_of_a_list() -> None:
    text = "The version of Lynx is 2.0.0. The licence of Lynx is MIT-0. It needs 3 - 4 hours."
    assert [(part.kind, part.text) for part in parts_of(text)] == [(Kind.PROSE, text)]
