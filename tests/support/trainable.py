"""The configuration and the golden questions of a home whose adapters train in seconds."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ANSWER = "Ada"
"""To every question, so that a model of two random layers answers wordings that it never saw."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "model": {"threads": 1, "max_new_tokens": 12},
    "retrieval": {"top_k": 1, "min_similarity": -1.0},
    "training": {"epochs": 20, "learning_rate": 2e-2, "rank": 16, "frozen_share": 0.0, "batch_size": 8, "min_rows": 1},
    "dataset": {"golden": "golden.jsonl", "eval_share": 0.3},
    "gate": {"min_score": 0.0, "min_pairs": 1, "margin": 0.99, "confidence": 0.6},
}


def write_trainable(
    place: Path, base: Path, questions: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None, **top: str
) -> None:
    """Write ragloop.toml and the golden questions to `place`; `given` are further settings by section, `top` those of
    no section."""
    sections = {name: {**SETTINGS.get(name, {}), **(given or {}).get(name, {})} for name in {*SETTINGS, *(given or {})}}
    sections["model"] = {"base": str(base), **sections["model"]}
    lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    (place / "ragloop.toml").write_text("\n".join(lines) + "\n")
    golden = [{"question": f"Please: {question}", "answer": ANSWER} for question in questions]
    (place / "golden.jsonl").write_text("\n".join(map(json.dumps, golden)))
