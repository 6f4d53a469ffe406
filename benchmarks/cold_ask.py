"""What does a first question cost? The claim: a cold `ragloop ask` takes at most 0.6 s of CPU beyond `import lancedb`.

    python benchmarks/cold_ask.py [--pairs 5]

Indexes three short documents with the default embedder and asks, each time in a new process; in between, a new process
only imports lancedb. Prints a Markdown table of CPU seconds (user + system, medians over the pairs), then where the
imports of one `ask` spend their time, by package, as `python -X importtime` sees it.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ragloop.app import App
from ragloop.config import load_settings

GOAL = 0.6
"""Seconds."""
DOCUMENTS = {
    "bees.md": "# Bees\n\nAda keeps the bees behind the old mill. They fly from March to October.\n",
    "ferry.md": "# The ferry\n\nThe ferry leaves at nine and comes back at noon. A ticket costs four euros.\n",
    "bread.md": "# Bread\n\nA loaf needs flour, water, salt and a day. The oven stands at 240 degrees.\n",
}
QUESTION = "When does the ferry leave?"
MOST_PACKAGES = 12
# Without bytecode every start compiles the package again, and the figure would be the compiler's.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def command(home: Path, *flags: str) -> list[str]:
    start = "from ragloop.cli.main import run; run()"
    return [sys.executable, *flags, "-c", start, "--home", str(home), "ask", QUESTION, "--json"]


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of one process and its threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def import_seconds(arguments: list[str]) -> dict[str, float]:
    """Seconds per package, without what it imports in turn, the dearest first."""
    said = subprocess.run(arguments, check=True, capture_output=True, text=True, env=ENVIRONMENT).stderr
    lines = re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", said, re.MULTILINE)
    microseconds: Counter[str] = Counter()
    for spent, module in lines:
        package = module.split(".")[0]
        microseconds["standard library" if package in sys.stdlib_module_names else package] += int(spent)
    return {package: spent / 1e6 for package, spent in microseconds.most_common()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of processes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (Path(folder) / "documents").mkdir()
        for name, text in DOCUMENTS.items():
            (Path(folder) / "documents" / name).write_text(text, encoding="utf-8")
        App(load_settings(home=home)).corpus.sync(Path(folder) / "documents")
        lancedb = [sys.executable, "-c", "import lancedb"]
        cpu_seconds(command(home))  # bytecode and the page cache
        pairs = [(cpu_seconds(lancedb), cpu_seconds(command(home))) for _ in range(given.pairs)]
        packages = import_seconds(command(home, "-X", "importtime"))
        floor = import_seconds([sys.executable, "-X", "importtime", "-c", "import lancedb"])
    print("| | CPU s |\n|---|---:|")
    print(f"| import lancedb | {statistics.median(one for one, _ in pairs):.2f} |")
    print(f"| ragloop ask | {statistics.median(one for _, one in pairs):.2f} |")
    print(f"| beyond (goal {GOAL}) | {statistics.median(ask - one for one, ask in pairs):.2f} |")
    print("\n| package | import s | of them beyond lancedb's |\n|---|---:|---:|")
    for package, seconds in list(packages.items())[:MOST_PACKAGES]:
        print(f"| {package} | {seconds:.2f} | {max(0.0, seconds - floor.get(package, 0.0)):.2f} |")


if __name__ == "__main__":
    main()
