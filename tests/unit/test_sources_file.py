"""Sources added to a configuration file and taken out of it again."""

import tomllib

import pytest

from ragloop.config.sources_file import with_source, without_source
from ragloop.errors import ConfigError

FILE = """\
# Our documents.
home = "state"

# The handbook, owned by operations.
[[sources]]
name = "handbook"          # do not rename
uri = "handbook/"
include = [
  "*.md",
]

# Uploads of customers.
[[sources]]
name = "uploads"
uri = "s3://acme/uploads"

# How much is read.
[sync]
max_pages = 10
"""


def test_a_source_that_is_added_leaves_every_line_as_it_is() -> None:
    written = with_source(FILE, {"name": "wiki", "uri": "wiki", "labels": ["staff", 'a "b" \\c']})
    assert written.startswith(FILE)
    assert tomllib.loads(written)["sources"][2] == {"name": "wiki", "uri": "wiki", "labels": ["staff", 'a "b" \\c']}


def test_the_first_source_makes_a_file() -> None:
    assert with_source("", {"name": "wiki", "uri": "wiki"}) == '[[sources]]\nname = "wiki"\nuri = "wiki"\n'


@pytest.mark.parametrize("name", ["handbook", "uploads"])
def test_a_source_that_is_removed_takes_only_its_own_lines(name: str) -> None:
    written = without_source(FILE, name)
    other = {"handbook": "uploads", "uploads": "handbook"}[name]
    assert [one["name"] for one in tomllib.loads(written)["sources"]] == [other]
    for comment in ("# Our documents.", "# How much is read.", "# Uploads of customers."):
        assert comment in written
    assert set(written.splitlines()) <= set(FILE.splitlines())


def test_a_source_that_was_added_and_removed_leaves_the_file_as_it_was() -> None:
    assert without_source(with_source(FILE, {"name": "wiki", "uri": "wiki"}), "wiki") == FILE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('sources = [{name = "wiki", uri = "wiki"}]', "remove this one by hand"),
        ('[[ "sources" ]]\nname = "wiki"\nuri = "wiki"', "remove this one by hand"),
        ("[sync]\nmax_pages = 1\n", "found no source wiki"),
        ("[sync", "not valid TOML"),
    ],
)
def test_what_is_written_in_another_form_is_left_to_a_person(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        without_source(text, "wiki")


def test_an_inline_list_of_sources_is_not_extended() -> None:
    with pytest.raises(ConfigError, match="add this one by hand"):
        with_source('sources = [{name = "wiki", uri = "wiki"}]', {"name": "new", "uri": "new"})
