"""Rows of a training as tokens: which fit, which are held out, how often each is seen, what the loss looks at."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ragloop.errors import MismatchError
from ragloop.hashes import sha256_of_text
from ragloop.models.chat import Chat, Example
from ragloop.models.training.process import TrainingSpec
from ragloop.records import Message

Tokens = dict[str, list[int]]
"""The `input_ids` and `labels` (-100 where the loss does not look) of a row."""


@dataclass(frozen=True)
class Rows:
    """What is trained on, a row as often as it is seen in a pass; what is held out; notes on what was left out."""

    trained: list[Tokens]
    held_out: list[Tokens]
    notes: list[str]


def tokenize(spec: TrainingSpec, chat: Chat) -> Rows:
    """Return the tokens of the rows of a training.

    A row without an answer is an error. One that is longer than the spec allows is left out: cut, it would teach to go
    on where an answer ends.
    """
    import pyarrow.parquet as parquet

    table = parquet.read_table(spec.rows)
    chats = table["messages"].to_pylist()
    times = [passes_of(one) for one in table["weight"].to_pylist()] if "weight" in table.schema.names else []
    examples = [_example(chat, messages, f"row {number} of {spec.rows}") for number, messages in enumerate(chats)]
    fitting = [len(one.prompt) + len(one.answer) <= spec.max_length for one in examples]
    repeated = zip(chats, examples, fitting, times or [1] * len(examples), strict=True)
    short = [(asked[:-1], one, often) for asked, one, fits, often in repeated if fits]
    if not short:
        raise ValueError(
            f"{spec.rows} holds no row of at most {spec.max_length} tokens among {len(chats)}; expected at least one"
        )
    kept = [_is_held_out(asked, spec.held_out_share) for asked, _, _ in short]
    notes = []
    if all(kept):
        kept = [False] * len(short)
        notes.append(f"no row is held out: chance would hold out all {len(short)} of them")
    trained = [
        _tokens(one)
        for (_, one, often), held_out in zip(short, kept, strict=True)
        if not held_out
        for _ in range(often)
    ]
    held = [_tokens(one) for (_, one, _), held_out in zip(short, kept, strict=True) if held_out]
    if left_out := fitting.count(False):
        notes.append(f"rows left out because they are longer than {spec.max_length} tokens: {left_out}")
    return Rows(trained, held, notes)


def _tokens(one: Example) -> Tokens:
    return {"input_ids": [*one.prompt, *one.answer], "labels": [-100] * len(one.prompt) + [*one.answer]}


def _is_held_out(asked: Sequence[Message], share: float) -> bool:
    """Return whether a row with this prompt is held out: by its hash, so that another row decides nothing of it."""
    if not share:
        return False
    return int(sha256_of_text(json.dumps(asked))[:8], 16) < share * 2**32


def pairs(spec: TrainingSpec, chat: Chat) -> Rows:
    """Return the tokens of prompt, answer and rejected answer per row; none is held out."""
    import pyarrow.parquet as parquet

    from ragloop.models.training.preferences import compared

    given = parquet.read_table(spec.rows, columns=["messages", "rejected"]).to_pylist()
    if empty := [number for number, row in enumerate(given) if not (row["rejected"] or "").strip()]:
        raise MismatchError(f"row {empty[0]} of {spec.rows} has no rejected answer; build the dataset again")
    found = [compared(chat, row["messages"], row["rejected"]) for row in given]
    rows = [row for row in found if sum(map(len, row.values())) <= spec.max_length]
    if not rows:
        raise ValueError(
            f"{spec.rows} holds no row of at most {spec.max_length} tokens among {len(found)}; expected at least one"
        )
    left_out = len(found) - len(rows)
    notes = [f"rows left out because they are longer than {spec.max_length} tokens: {left_out}"] * bool(left_out)
    return Rows(rows, [], notes)


def passes_of(weight: int) -> int:
    """Return how often a row is seen in an epoch that so many interactions gave: once more each time it doubles.

    In proportion, one frequent question would be most of the training.
    """
    return max(1, weight).bit_length()


def _example(chat: Chat, messages: Sequence[Message], where: str) -> Example:
    try:
        return chat.example(messages)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    except MismatchError as error:
        raise MismatchError(f"{where}: {error}") from error
