"""What an import and a call for help may cost."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.support.cpu import slowness

HEAVY = ("torch", "lancedb", "boto3", "prefect", "transformers", "scipy")
HELP_CPU_SECONDS = 0.5


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import json, sys, ragloop; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == []


def test_onnx_runtime_reports_to_nobody_and_keeps_no_id_of_the_machine(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    command = [sys.executable, "-c", "import ragloop, onnxruntime"]
    subprocess.run(command, check=True, env={**environment, "HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_help_answers_in_under_half_a_second_of_cpu() -> None:
    # Without bytecode every start compiles the package again, and the figure would be the compiler's. The coverage
    # hook, where there is one, would be counted too.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("COV_")}
    command = [sys.executable, "-c", "from ragloop.cli.main import run; run()", "--help"]
    seconds = []
    for _ in range(3):
        before = children_cpu_seconds()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        seconds.append(children_cpu_seconds() - before)
    assert min(seconds) < HELP_CPU_SECONDS * slowness()


def test_the_versions_of_an_index_load_no_parser() -> None:
    versions = "from ragloop.corpus.index.generations.generation import CHUNKER, PARSER"
    code = f"import sys; {versions}; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not [
        name for name in loaded if name.startswith(("ragloop.corpus.parsing", "ragloop.corpus.chunking.", "lxml"))
    ]


def test_reading_markdown_loads_no_parser_of_another_format() -> None:
    code = (
        "import sys; from ragloop.corpus.parsing import parse; parse(b'# A\\n\\nb', 'text/markdown', 'a.md')\n"
        "print(*sys.modules, sep='\\n')"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"lxml", "pypdfium2", "zipfile", "email.parser", "subprocess"} & set(loaded)
