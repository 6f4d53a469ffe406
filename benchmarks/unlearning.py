"""Claim: an adapter that is trained again without a document says nothing more of whether it saw that document.

Facts of the installed packages are trained on; some of the packages are then erased, and an adapter is trained on the
rest. Who attacks has both the base model and the adapter, and takes a row for a member of the training set where the
adapter is less surprised by its answer, compared with the base model (LoRA-MINT, arXiv:2606.06946). Rows of the erased
packages are compared with rows of packages that no adapter saw: 1.0 tells all of them apart, .5 none. Intervals are
percentiles of a bootstrap over packages, since rows of one package go together.
Run `python benchmarks/unlearning.py --help`.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from ragloop.answering.prompts import closed_book_messages
from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.demo.facts import Fact, facts_of, installed_packages, question
from ragloop.demo.traffic import TRAINED_WORDINGS
from ragloop.models.cache import default_cache
from ragloop.models.chat import Chat
from ragloop.models.generation.local import load_base
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.process import Progress, TrainingResult, train

DRAWS = 2_000
_BATCH = 16


@dataclass(frozen=True)
class Parts:
    """Facts that stay, that are erased, and that no adapter sees; no package is in two of them."""

    kept: Sequence[Fact]
    erased: Sequence[Fact]
    unseen: Sequence[Fact]


def drawn(kept: int, erased: int, unseen: int, seed: int = 0) -> Parts:
    """Draw packages until each part has its number of facts."""
    packages = installed_packages()
    order = iter(np.random.default_rng(seed).permutation(len(packages)).tolist())
    parts: list[list[Fact]] = []
    for wanted in (kept, erased, unseen):
        part: list[Fact] = []
        while len(part) < wanted:
            part += facts_of(packages[next(order)])
        parts.append(part)
    return Parts(*parts)


def messages(fact: Fact, wording: int) -> list[Mapping[str, str]]:
    """A fact as it is trained on."""
    return [*closed_book_messages(question(fact, wording)), {"role": "assistant", "content": fact.answer}]


def trained(facts: Sequence[Fact], base: Path | str, folder: Path) -> TrainingResult:
    """Train as the settings say, on both trained wordings of each fact; one that is trained already is read."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"messages": messages(fact, wording)} for wording in TRAINED_WORDINGS for fact in facts]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    spec = training_spec(Settings.model_construct())
    spec = replace(spec, base=str(base), rows=str(folder / "rows.parquet"), output=str(folder))
    return train(spec, lambda progress: _say(folder.name, progress))


def surprise(model: Any, chat: Chat, facts: Sequence[Fact]) -> np.ndarray:
    """Mean negative log-likelihood of the tokens of each answer, shape (facts, wordings)."""
    import torch
    from torch.nn.functional import cross_entropy

    examples = [chat.example(messages(fact, wording)) for fact in facts for wording in TRAINED_WORDINGS]
    found = np.zeros(len(examples))
    order = sorted(range(len(examples)), key=lambda one: len(examples[one].prompt) + len(examples[one].answer))
    for start in range(0, len(order), _BATCH):
        batch = [examples[one] for one in order[start : start + _BATCH]]
        width = max(len(one.prompt) + len(one.answer) for one in batch)
        ids = [[*one.prompt, *one.answer] for one in batch]
        padded = torch.tensor([[*one, *[0] * (width - len(one))] for one in ids])
        mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in ids])
        with torch.inference_mode():
            logits = model(input_ids=padded, attention_mask=mask, use_cache=False).logits.float()
        for at, one in enumerate(batch):
            begin, end = len(one.prompt), len(one.prompt) + len(one.answer)
            lost = cross_entropy(logits[at, begin - 1 : end - 1], padded[at, begin:end])
            found[order[start + at]] = float(lost)
    return found.reshape(len(facts), len(TRAINED_WORDINGS))


def auc(members: np.ndarray, others: np.ndarray) -> float:
    """How often a member has the lower ratio of the two; ties count half."""
    return float(np.mean((members[:, None] < others) + 0.5 * (members[:, None] == others)))


def measured(ratios: Mapping[str, np.ndarray], of: Mapping[str, Sequence[Fact]], seed: int = 0) -> dict[str, Any]:
    """The area under the curve of erased rows and unseen ones, with its interval of 95 %."""
    rng = np.random.default_rng(seed)
    by_package = {
        part: [ratios[part][[one.package == name for one in facts]].ravel() for name in _packages(facts)]
        for part, facts in of.items()
    }
    values = []
    for _ in range(DRAWS):
        drawn = {
            part: np.concatenate([rows[one] for one in rng.integers(len(rows), size=len(rows))])
            for part, rows in by_package.items()
        }
        values.append(auc(drawn["erased"], drawn["unseen"]))
    low, high = np.percentile(values, [2.5, 97.5])
    found = auc(ratios["erased"].ravel(), ratios["unseen"].ravel())
    return {"auc": round(found, 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def _packages(facts: Sequence[Fact]) -> list[str]:
    return list(dict.fromkeys(one.package for one in facts))


def attacked(adapter: Path, model: Any, chat: Chat, before: Mapping[str, np.ndarray], parts: Parts) -> dict[str, Any]:
    """Attack an adapter by its rows and those that no adapter saw."""
    from peft import PeftModel

    with warnings.catch_warnings():
        # PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        worn = PeftModel.from_pretrained(model, str(adapter)).eval()
    of = {"erased": parts.erased, "unseen": parts.unseen}
    after = {part: surprise(worn, chat, facts) for part, facts in of.items()}
    worn.unload()
    found = measured({part: after[part] / before[part] for part in of}, of)
    return {**found, "surprise": {part: round(float(np.mean(one)), 3) for part, one in after.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Membership inference before and after an erasure.")
    parser.add_argument("--kept", type=int, default=80, help="facts that stay in the training")
    parser.add_argument("--erased", type=int, default=40, help="facts that are erased")
    parser.add_argument("--unseen", type=int, default=80, help="facts that no adapter sees")
    parser.add_argument("--base", default=NAME)
    parser.add_argument("--folder", type=Path, help="where adapters are kept and found again")
    options = parser.parse_args()
    base = resolve_base(options.base, default_cache())
    parts = drawn(options.kept, options.erased, options.unseen)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        whole = trained([*parts.kept, *parts.erased], base, folder / "whole")
        again = trained(parts.kept, base, folder / "again")
        model, chat = load_base(base)
        model.eval()
        of = {"erased": parts.erased, "unseen": parts.unseen}
        before = {part: surprise(model, chat, facts) for part, facts in of.items()}
        report = {
            "rows": {part: len(facts) * len(TRAINED_WORDINGS) for part, facts in vars(parts).items()},
            "packages": {part: len(_packages(facts)) for part, facts in vars(parts).items()},
            "before": attacked(whole.adapter, model, chat, before, parts),
            "after": attacked(again.adapter, model, chat, before, parts),
            "cpu_seconds": {"whole": whole.cpu_seconds, "again": again.cpu_seconds},
        }
    print(json.dumps(report, indent=2))


def _say(name: str, progress: Progress) -> None:
    if progress.step % 10 == 0 or progress.step == progress.steps:
        print(f"{name}: step {progress.step}/{progress.steps} loss {progress.loss:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
