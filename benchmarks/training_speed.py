"""Claim: a training takes at least 1.6 times as many tokens a second as TRL's SFTTrainer with the same arguments.

    python benchmarks/training_speed.py [--data DIR] [--rows N] [--epochs N] [--turns N] [--recipes NAME…] [--json FILE]

The packaged model, the rows of each recipe in its own prompt: `facts` are those of the installed packages, the others
questions of xquad en dev with three paragraphs of their article, answered in a word with its mark (`grounded`), as JSON
(`style`) or in the sentence that holds the answer (`distill`). ragloop trains with what it chooses for the model and
these rows, but for the number of passes, which is given; the bare script is SFTTrainer over prompts and completions
with an equal LoraConfig, learning rate, batch size, warm-up and number of steps. They take turns, each in a process of
its own. Seconds are those of the training loop, for ragloop with the pass that looks up its frozen layers; loss is the
mean of the last epoch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from ragloop.app.policies import training_spec
from ragloop.config import Settings
from ragloop.demo.facts import choose, facts_of, installed_packages, question
from ragloop.demo.traffic import TRAINED_WORDINGS
from ragloop.learning.recipes import RECIPES
from ragloop.models.cache import default_cache
from ragloop.models.generation.smollm2 import NAME, resolve_base
from ragloop.models.training.defaults import Learned, choices
from ragloop.models.training.process import TrainingSpec, train
from ragloop.models.training.shape import base_shape
from ragloop.records import Message, Passage

DATA = Path(os.environ.get("RAGLOOP_REALDATA", Path(__file__).parents[2] / "shared" / "data"))
GOAL = 1.6
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""The matrices of a layer of a Llama, which the packaged model is."""


@dataclass(frozen=True)
class Took:
    """What a training took, without the time in which its process loads the model."""

    tokens_per_s: float
    seconds: float
    loss: float


def facts(count: int) -> list[list[Message]]:
    found = choose((fact for package in installed_packages() for fact in facts_of(package)), count)
    asked = [(question(fact, wording), fact.answer) for wording in TRAINED_WORDINGS for fact in found][:count]
    return [messages("facts", text, answer, ()) for text, answer in asked]


def reading(recipe: str, data: Path, count: int) -> list[list[Message]]:
    articles = json.loads((data / "xquad" / "dev" / "xquad.en.dev.json").read_text(encoding="utf-8"))["data"]
    random, rows = Random(0), []
    for article in articles:
        texts = [one["context"] for one in article["paragraphs"]]
        for n, paragraph in enumerate(article["paragraphs"]):
            for asked in paragraph["qas"]:
                shown = random.sample([*random.sample([t for i, t in enumerate(texts) if i != n], 2), texts[n]], 3)
                mark = shown.index(texts[n]) + 1
                answer = answered(recipe, asked["answers"][0], texts[n], mark)
                rows.append(messages(recipe, asked["question"], answer, [passage(text) for text in shown]))
    return random.sample(rows, count)


def answered(recipe: str, answer: dict[str, Any], text: str, mark: int) -> str:
    if recipe == "style":
        return json.dumps({"answer": answer["text"], "source": mark})
    if recipe == "distill":
        begins = text.rfind(". ", 0, answer["answer_start"]) + 1
        ends = text.find(". ", answer["answer_start"] + len(answer["text"]))
        return f"{text[begins : ends if ends >= 0 else None].strip()} [{mark}]"
    return f"{answer['text']} [{mark}]"


def passage(text: str) -> Passage:
    return Passage(1, 1.0, 1.0, "xquad", "xquad.md", "", "", 0, len(text), text, "", "", "", "")


def messages(recipe: str, asked: str, answer: str, passages: Sequence[Passage]) -> list[Message]:
    asks = RECIPES[recipe].asks(asked, passages).messages
    return [*asks, {"role": "assistant", "content": answer}]


def spec_of(recipe: str, rows: Sequence[Sequence[Message]], base: Path, epochs: int) -> TrainingSpec:
    words = round(mean(len(row[-1]["content"].split()) for row in rows))
    chosen = choices(base_shape(base, NAME), Learned(len(rows), words, reads=recipe != "facts"))
    values: dict[str, Any] = {name: one.value for name, one in chosen.items()}
    spec = replace(training_spec(Settings.model_construct()), recipe=recipe, base=str(base), **values)
    return replace(spec, alpha=2 * spec.rank, epochs=epochs, checkpoint_steps=100_000)


def by_ragloop(spec: TrainingSpec) -> Took:
    result = train(spec)
    steps = [one["loss"] for one in result.loss_curve]
    return Took(result.tokens_per_s, result.training_seconds, mean(steps[-(len(steps) // spec.epochs) :]))


def by_trl(spec: TrainingSpec) -> Took:
    Path(spec.output).mkdir(parents=True)
    file = Path(spec.output) / "spec.json"
    file.write_text(json.dumps(asdict(spec)))
    environment = {**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    done = subprocess.run(
        [sys.executable, __file__, "--bare", file], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    return Took(**json.loads(done.stdout.splitlines()[-1]))


def bare(spec: TrainingSpec) -> Took:
    """Train as a script of TRL does: prompts and completions in, all else by its defaults."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"prompt": row[:-1], "completion": row[-1:]} for row in parquet.read_table(spec.rows)["messages"].to_pylist()
    ]
    model: Any = AutoModelForCausalLM.from_pretrained(spec.base, dtype=torch.bfloat16)
    layers = model.config.num_hidden_layers
    trainer: Any = SFTTrainer(
        model=model,
        processing_class=AutoTokenizer.from_pretrained(spec.base),
        train_dataset=Dataset.from_list(rows),
        peft_config=LoraConfig(
            r=spec.rank,
            lora_alpha=spec.alpha,
            target_modules=LINEAR,
            layers_to_transform=list(range(int(spec.frozen_share * layers), layers)),
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=spec.output,
            num_train_epochs=spec.epochs,
            learning_rate=spec.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=spec.warmup_steps,
            per_device_train_batch_size=spec.batch_size,
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=True,
            gradient_checkpointing=False,
            max_length=spec.max_length,
            seed=spec.seed,
        ),
    )
    tokens = sum(len(ids) for ids in trainer.train_dataset["input_ids"])
    began = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - began
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    return Took(tokens * spec.epochs / seconds, seconds, mean(losses[-(len(losses) // spec.epochs) :]))


def measure(recipe: str, rows: list[list[Message]], spec: TrainingSpec, turns: int, place: Path) -> dict[str, Any]:
    file = place / f"{recipe}.parquet"
    parquet.write_table(pa.Table.from_pylist([{"messages": row} for row in rows]), file)
    took: dict[str, list[Took]] = {"ragloop": [], "TRL": []}
    for turn in range(turns):
        for name, trains in (("ragloop", by_ragloop), ("TRL", by_trl)):
            given = replace(spec, rows=str(file), output=str(place / f"{recipe}-{name}-{turn}"))
            took[name].append(trains(given))
            print(recipe, name, took[name][-1], file=sys.stderr, flush=True)
    pairs = list(zip(took["ragloop"], took["TRL"], strict=True))
    return {
        "recipe": recipe,
        "rows": len(rows),
        "epochs": spec.epochs,
        "frozen share": spec.frozen_share,
        "ratio": round(median(ours.tokens_per_s / theirs.tokens_per_s for ours, theirs in pairs), 2),
        **{f"{name}: tokens/s": round(median(one.tokens_per_s for one in of)) for name, of in took.items()},
        **{f"{name}: loss": round(mean(one.loss for one in of), 3) for name, of in took.items()},
    }


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table in Markdown."""
    heads = list(rows[0])
    print("|", " | ".join(heads), "|\n|" + " --- |" * len(heads))
    for one in rows:
        print("|", " | ".join(str(one[head]) for head in heads), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3, help="passes over the rows")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--recipes", nargs="+", default=["facts", "grounded", "style", "distill"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        print(json.dumps(asdict(bare(TrainingSpec(**json.loads(given.bare.read_text()))))))
        return
    base, found = Path(resolve_base(NAME, default_cache())), []
    with tempfile.TemporaryDirectory() as place:
        for recipe in given.recipes:
            rows = facts(given.rows) if recipe == "facts" else reading(recipe, given.data, given.rows)
            spec = spec_of(recipe, rows, base, given.epochs)
            found.append(measure(recipe, rows, spec, given.turns, Path(place)))
    show(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))
    below = [one["recipe"] for one in found if one["ratio"] < GOAL]
    print(f"below {GOAL}: {', '.join(below)}" if below else f"all at least {GOAL}")


if __name__ == "__main__":
    main()
