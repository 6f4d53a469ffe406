"""What every retrieval pipeline is given: documents, queries and one embedder, which the caller of the script runs.

Runs in the environment of each peer. A script beside it is called as SCRIPT FILE, where FILE holds {"documents": {id:
text}, "queries": {id: text}, "depth": n}. Where it needs vectors it prints {"embed": [text, ...]} and reads a line with
them; in the end it prints {"rankings": {pipeline: {query: [document, ...]}}, "versions": {...}}.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

Rankings = Mapping[str, Mapping[str, Sequence[str]]]
_AT_ONCE = 256


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Vectors of texts, from the embedder of the caller."""
    found: list[list[float]] = []
    for at in range(0, len(texts), _AT_ONCE):
        print(json.dumps({"embed": list(texts[at : at + _AT_ONCE])}), flush=True)
        found += json.loads(sys.stdin.readline())
    return found


def main(packages: Sequence[str], rank: Callable[[dict[str, str], dict[str, str], int], Rankings]) -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rankings = rank(given["documents"], given["queries"], given["depth"])
    print(json.dumps({"rankings": rankings, "versions": {one: version(one) for one in packages}}), flush=True)
