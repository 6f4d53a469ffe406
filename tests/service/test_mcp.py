"""`ragloop mcp` as an agent uses it: started by the client of the official SDK, over standard input and output."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from ragloop.journal import Journal
from ragloop.store import Store

pytestmark = [pytest.mark.realmodel, pytest.mark.long]
ASK = "Who keeps the bees?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an open document and one for `hr`, indexed by the default embedder."""
    place = tmp_path_factory.mktemp("mcp")
    for name, text in (("open/bees.md", "# The bees\n\nAda keeps the bees behind the old mill.\n"),
                       ("pay/wages.md", "# Wages\n\nKarl earns 7312 crowns a month.\n")):  # fmt: skip
        (place / name).parent.mkdir()
        (place / name).write_text(text)
    (place / "ragloop.toml").write_text(
        '[[sources]]\nname = "open"\nuri = "open"\n[[sources]]\nname = "pay"\nuri = "pay"\nlabels = ["hr"]\n'
    )
    subprocess.run([*command(place), "sync"], check=True, capture_output=True)
    return place


def command(place: Path) -> list[str]:
    run = "from ragloop.cli.main import run; run()"
    return [sys.executable, "-c", run, "--home", str(place / "home"), "--config", str(place / "ragloop.toml")]


def used(place: Path, work: Callable[[Client], Awaitable[Any]], *labels: str) -> Any:
    program, *arguments = command(place)
    asked = [one for label in labels for one in ("--as", label)]

    async def session() -> Any:
        server = StdioServerParameters(command=program, args=[*arguments, "mcp", *asked])
        async with Client(stdio_client(server)) as client:
            return await work(client)

    return asyncio.run(session())


def test_an_agent_searches_asks_and_passes_feedback_on(home: Path) -> None:
    async def work(client: Client) -> tuple[Any, ...]:
        listed = await client.list_tools()
        found = await client.call_tool("search", {"query": ASK, "top_k": 3})
        answer = await client.call_tool("ask", {"question": ASK})
        name = answer.structured_content["interaction_id"]
        vote = await client.call_tool("feedback", {"interaction_id": name, "kind": "up"})
        right = {"interaction_id": name, "kind": "correction", "correction": "Ada keeps the bees."}
        await client.call_tool("feedback", right)
        empty = await client.call_tool("ask", {"question": " "})
        many = await client.call_tool("search", {"query": ASK, "top_k": 1000})
        unknown = await client.call_tool("feedback", {"interaction_id": "no", "kind": "up"})
        return listed, found, answer, vote, empty, many, unknown

    listed, found, answer, vote, *errors = used(home, work)
    assert {one.name for one in listed.tools} == {"search", "ask", "feedback"}
    assert all(one.description for one in listed.tools)
    passages = found.structured_content["result"]
    assert [one["title"] for one in passages] == ["The bees"], "wages are out of view"
    assert "Ada keeps the bees" in answer.structured_content["answer"]
    assert answer.structured_content["sources"][0]["uri"].endswith("bees.md")
    assert not vote.is_error
    assert [one.is_error for one in errors] == [True] * 3
    assert "empty" in errors[0].content[0].text
    journal = Journal(Store.open(home / "home"))
    (row,) = journal.interactions().to_pylist()
    assert (row["question"], row["asked_by"]) == (ASK, "mcp")
    assert journal.feedback()["kind"].to_pylist() == ["up", "correction"]


def test_labels_say_what_an_agent_sees(home: Path) -> None:
    async def work(client: Client) -> Any:
        return (await client.call_tool("ask", {"question": "What does Karl earn?"})).structured_content

    async def vote(client: Client) -> Any:
        return await client.call_tool("feedback", {"interaction_id": known["interaction_id"], "kind": "down"})

    known = used(home, work, "hr")
    assert "7312" in known["answer"]
    assert "7312" not in str(used(home, work))
    assert used(home, vote).is_error, "whoever does not see an answer does not vote on it"
