"""Claim, not reached: adapters that are trained by shards of documents answer, merged, as one that is trained on all.

The facts of `unlearning.py` are put in shards by package. Each shard trains an adapter of its own, so that an erasure
trains one shard again; its cost is compared with that of training on all. The adapters of the shards are then merged by
PEFT's methods, and beside them each question is answered by the adapter of its own shard, which needs to know the
shard. An answer counts where every token of it, the one that ends it included, is the likeliest after those before it:
what greedy decoding then writes. Run `python benchmarks/shards.py --help`.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from unlearning import drawn, messages, trained

from ragloop.demo.facts import Fact
from ragloop.demo.traffic import UNSEEN_WORDING
from ragloop.hashes import sha256_of_text
from ragloop.models.cache import default_cache
from ragloop.models.chat import Chat
from ragloop.models.generation.local import load_base
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.process import TrainingResult

MERGES: Mapping[str, tuple[str, float, Mapping[str, float]]] = {
    "sum": ("cat", 1.0, {}),
    "half of the sum": ("cat", 0.5, {}),
    "mean": ("cat", 0.0, {}),
    "linear": ("linear", 1.0, {}),
    "ties": ("ties", 1.0, {"density": 0.5}),
}
"""PEFT's method, the weight of each adapter (0: one through their number), and what else the method takes."""
_BATCH = 16


def shard_of(fact: Fact, shards: int) -> int:
    """The shard of a fact, by its package alone."""
    return int(sha256_of_text(fact.package)[:8], 16) % shards


def exact(model: Any, chat: Chat, facts: Sequence[Fact], wording: int) -> np.ndarray:
    """Whether greedy decoding writes the answer of each fact."""
    import torch

    examples = [chat.example(messages(fact, wording)) for fact in facts]
    found = np.zeros(len(facts), bool)
    for start in range(0, len(facts), _BATCH):
        batch = examples[start : start + _BATCH]
        width = max(len(one.prompt) + len(one.answer) for one in batch)
        ids = [[*one.prompt, *one.answer] for one in batch]
        padded = torch.tensor([[*one, *[0] * (width - len(one))] for one in ids])
        mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in ids])
        with torch.inference_mode():
            likeliest = model(input_ids=padded, attention_mask=mask, use_cache=False).logits.argmax(-1)
        for at, one in enumerate(batch):
            begin, end = len(one.prompt), len(one.prompt) + len(one.answer)
            found[start + at] = bool((likeliest[at, begin - 1 : end - 1] == padded[at, begin:end]).all())
    return found


def scores(model: Any, chat: Chat, facts: Sequence[Fact]) -> dict[str, float]:
    """Share of exact answers, to a trained wording and to one that was never trained on."""
    found = {"trained": exact(model, chat, facts, 0), "unseen": exact(model, chat, facts, UNSEEN_WORDING)}
    return {name: round(float(one.mean()), 3) for name, one in found.items()}


def compared(
    base: Path | str, whole: TrainingResult, of_shard: Mapping[int, TrainingResult], facts: Sequence[Fact]
) -> dict[str, Any]:
    """Exact answers of the adapter of all, of each merge, and of the adapters of the shards, each asked its own."""
    from peft import PeftModel

    loaded, chat = load_base(base)
    model: Any = PeftModel.from_pretrained(loaded, str(whole.adapter), adapter_name="whole").eval()
    found: dict[str, Any] = {"all in one": scores(model, chat, facts)}
    names = {shard: f"shard_{shard}" for shard in of_shard}
    own = []
    for shard, name in names.items():
        model.load_adapter(str(of_shard[shard].adapter), adapter_name=name)
        model.set_adapter(name)
        asked = [one for one in facts if shard_of(one, len(of_shard)) == shard]
        own.append((len(asked), scores(model, chat, asked)))
    total = sum(count for count, _ in own)
    found["own shard"] = {
        part: round(sum(count * one[part] for count, one in own) / total, 3) for part in ("trained", "unseen")
    }
    for merge, (method, weight, more) in MERGES.items():
        weights = [weight or 1 / len(names)] * len(names)
        model.add_weighted_adapter(list(names.values()), weights, "merged", combination_type=method, **more)
        model.set_adapter("merged")
        found[merge] = scores(model, chat, facts)
        model.set_adapter("whole")
        model.delete_adapter("merged")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Adapters by shards of documents, and what a retraining then costs.")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--facts", type=int, nargs=2, default=(80, 40), help="as the kept and erased of unlearning.py")
    parser.add_argument("--asked", type=int, default=60, help="facts that are asked, or some more")
    parser.add_argument("--base", default=NAME)
    parser.add_argument("--folder", type=Path, help="where adapters are kept and found again")
    options = parser.parse_args()
    base = resolve_base(options.base, default_cache())
    parts = drawn(options.facts[0], options.facts[1], 0)
    facts = [*parts.kept, *parts.erased]
    shards = {
        shard: [one for one in facts if shard_of(one, options.shards) == shard] for shard in range(options.shards)
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        whole = trained(facts, base, folder / "whole")
        of_shard = {
            shard: trained(own, base, folder / f"{options.shards} shards, {shard}") for shard, own in shards.items()
        }
        asked = facts[:: max(1, len(facts) // options.asked)]
        spent = [one.cpu_seconds for one in of_shard.values()]
        report = {
            "facts": len(facts),
            "facts of shards": [len(own) for own in shards.values()],
            "seconds of CPU": {
                "all in one": whole.cpu_seconds,
                "shards": spent,
            },
            "one shard again, share of the cost: mean, most": [
                round(one / whole.cpu_seconds, 3) for one in (sum(spent) / len(spent), max(spent))
            ],
            "asked": len(asked),
            "exact answers": compared(base, whole, of_shard, asked),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
