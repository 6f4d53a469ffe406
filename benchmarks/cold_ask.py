"""What does a command cost cold? The claim: with the REST client of Lance's namespaces deferred, half of what it did.

    python benchmarks/cold_ask.py [--rounds 5]

Indexes three short documents with the default embedder, then asks, gives feedback and reports the status, each in a new
process: once as it is, once with LanceDB imported first, which then imports the client whole. Prints a Markdown table
of CPU seconds (user + system, medians over the rounds), then where the imports of one `ask` spend their time, by
package, as `python -X importtime` sees it.
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

import ragloop

GOALS = {"ask": 2.0 / 3.9, "status": 1.8 / 3.7, "feedback": 1.8 / 3.7}
"""Share of what the command costs with the client."""
DOCUMENTS = {
    "bees.md": "# Bees\n\nAda keeps the bees behind the old mill. They fly from March to October.\n",
    "ferry.md": "# The ferry\n\nThe ferry leaves at nine and comes back at noon. A ticket costs four euros.\n",
    "bread.md": "# Bread\n\nA loaf needs flour, water, salt and a day. The oven stands at 240 degrees.\n",
}
QUESTION = "When does the ferry leave?"
MOST_PACKAGES = 12
# Without bytecode every start compiles the package again, and the figure would be the compiler's.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def command(home: Path, words: list[str], *flags: str, whole: bool = False) -> list[str]:
    """Return the command line; `whole` imports LanceDB first, with all that it imports."""
    start = "import lancedb; " * whole + "from ragloop.cli.main import run; run()"
    return [sys.executable, *flags, "-c", start, "--home", str(home), *words]


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
    parser.add_argument("--rounds", type=int, default=5, help="times that each command runs in each way")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (Path(folder) / "documents").mkdir()
        for name, text in DOCUMENTS.items():
            (Path(folder) / "documents" / name).write_text(text, encoding="utf-8")
        with ragloop.open(home) as rl:
            rl.sync(Path(folder) / "documents")
            logged = rl.ask(QUESTION).interaction_id
        commands = {
            "ask": ["ask", QUESTION, "--json"],
            "status": ["status", "--json"],
            "feedback": ["feedback", logged, "--up"],
        }
        for words in commands.values():
            cpu_seconds(command(home, words))  # bytecode and the page cache
        # One after the other, so that what else runs on the machine slows all of them.
        rounds = [
            {
                (name, whole): cpu_seconds(command(home, words, whole=whole))
                for whole in (False, True)
                for name, words in commands.items()
            }
            for _ in range(given.rounds)
        ]
        packages = import_seconds(command(home, commands["ask"], "-X", "importtime"))
    print("| command | CPU s | with the client | share | goal |\n|---|---:|---:|---:|---:|")
    for name, goal in GOALS.items():
        now, whole = (statistics.median(one[name, way] for one in rounds) for way in (False, True))
        share = statistics.median(one[name, False] / one[name, True] for one in rounds)
        print(f"| ragloop {name} | {now:.2f} | {whole:.2f} | {share:.2f} | {goal:.2f} |")
    print("\n| package | import s |\n|---|---:|")
    for package, seconds in list(packages.items())[:MOST_PACKAGES]:
        print(f"| {package} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
