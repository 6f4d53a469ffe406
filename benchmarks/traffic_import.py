"""CPU of importing 100,000 traces of another service, beside reading the same file as JSON and no more.

Each trace is a root, a retrieval of four passages and a generation, in OTLP with the attributes of OpenInference. The
passages are cut from documents of the index with an overlap, a twentieth of them with one other number; every tenth
question has a vote.

    python benchmarks/traffic_import.py [TRACES]
"""

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.indexed_folder import IndexedFolder

DOCUMENTS, PARAGRAPHS, CUT, STEP = 400, 12, 900, 700


def text_of(rng: random.Random, words: list[str]) -> str:
    return "\n\n".join(
        " ".join(rng.choice(words) for _ in range(rng.randint(40, 90))).capitalize()
        + f" of {rng.randint(2, 999)} parts."
        for _ in range(PARAGRAPHS)
    )


def passages(texts: dict[str, str]) -> list[tuple[str, str]]:
    found = []
    for key, text in texts.items():
        for at in range(0, len(text), STEP):
            begin = text.rfind(" ", 0, at) + 1 if at else 0
            found.append((key, text[begin : text.rfind(" ", 0, begin + CUT) if begin + CUT < len(text) else len(text)]))
    return [(key, text) for key, text in found if text.strip()]


def span(trace: str, name: str, parent: str, at: int, attributes: dict[str, Any]) -> dict[str, Any]:
    listed = [
        {"key": key, "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value}}
        for key, value in attributes.items()
    ]
    times = {"startTimeUnixNano": str(at), "endTimeUnixNano": str(at + 9_000_000)}
    return {"traceId": trace, "spanId": name, "parentSpanId": parent, "name": name, **times, "attributes": listed}


def trace_of(number: int, shown: list[tuple[str, str]]) -> dict[str, Any]:
    trace, at = f"{number:032x}", 1_790_000_000_000_000_000 + number * 1_000_000_000
    documents: dict[str, Any] = {"openinference.span.kind": "RETRIEVER", "input.value": f"What is number {number}?"}
    for n, (key, text) in enumerate(shown):
        documents[f"retrieval.documents.{n}.document.content"] = text
        documents[f"retrieval.documents.{n}.document.metadata"] = json.dumps({"source": f"/srv/docs/{key}"})
    answer = shown[0][1][:80]
    root = {"openinference.span.kind": "CHAIN", "input.value": f"What is number {number}?", "output.value": answer}
    prompt = "\n\n".join(text for _, text in shown)
    written = {
        "openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 900,
        "llm.input_messages.0.message.content": prompt, "llm.output_messages.0.message.content": answer,
    }  # fmt: skip
    spans = [
        span(trace, "b", "a", at + 1000, documents),
        span(trace, "c", "a", at + 2000, written),
        span(trace, "a", "", at, root),
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def write(file: Path, traces: int, texts: dict[str, str], rng: random.Random) -> None:
    known = passages(texts)
    changed = [(key, text.replace(" of ", " of 1", 1)) for key, text in rng.sample(known, len(known) // 20)]
    with file.open("w", encoding="utf-8") as target:
        for number in range(traces):
            shown = [rng.choice(changed if rng.random() < 0.05 else known) for _ in range(4)]
            target.write(json.dumps(trace_of(number, shown)) + "\n")


def main() -> None:
    traces = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = random.Random(7)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9))) for _ in range(6000)]
    with tempfile.TemporaryDirectory() as folder:
        home = IndexedFolder(Path(folder) / "home", Path(folder) / "docs")
        texts = {f"part{n % 20}/{n:04}.md": text_of(rng, words) for n in range(DOCUMENTS)}
        for key, text in texts.items():
            home.write(key, text)
        home.sync()
        file = Path(folder) / "traces.jsonl"
        write(file, traces, texts, rng)
        began = time.process_time()
        with file.open("rb") as lines:
            for line in lines:
                json.loads(line)
        read = time.process_time() - began
        app, began = home.app(), time.process_time()
        report = app.traffic.import_file(file, "auto")
        spent = time.process_time() - began
        megabytes = file.stat().st_size / 2**20
        print(
            f"{traces:,} traces, {megabytes:,.0f} MB: json.loads {read:.1f} CPU s, "
            f"import {spent:.1f} ({spent / read:.1f} x)"
        )
        print(report.rows, dict(report.verdicts))


if __name__ == "__main__":
    main()
