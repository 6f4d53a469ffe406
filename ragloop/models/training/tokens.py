"""Rows of a training as tokens: which fit, how often each is seen, and what the loss looks at."""

from collections.abc import Sequence

from ragloop.errors import MismatchError
from ragloop.models.chat import Chat, Example
from ragloop.models.training.process import TrainingSpec
from ragloop.records import Message


def tokenize(spec: TrainingSpec, chat: Chat) -> tuple[list[dict[str, list[int]]], list[str]]:
    """Return `input_ids` and `labels` (-100 where the loss does not look) per row, and how many rows were left out and
    why.

    A row without an answer is an error. One that is longer than the spec allows is left out: cut, it would teach to go
    on where an answer ends.
    """
    import pyarrow.parquet as parquet

    table = parquet.read_table(spec.rows)
    chats = table["messages"].to_pylist()
    times = [passes_of(one) for one in table["weight"].to_pylist()] if "weight" in table.schema.names else []
    examples = [_example(chat, messages, f"row {number} of {spec.rows}") for number, messages in enumerate(chats)]
    fitting = [len(one.prompt) + len(one.answer) <= spec.max_length for one in examples]
    repeated = zip(examples, fitting, times or [1] * len(examples), strict=True)
    short = [one for one, fits, often in repeated if fits for _ in range(often)]
    if not short:
        raise ValueError(
            f"{spec.rows} holds no row of at most {spec.max_length} tokens among {len(chats)}; expected at least one"
        )
    rows = [
        {"input_ids": [*one.prompt, *one.answer], "labels": [-100] * len(one.prompt) + [*one.answer]} for one in short
    ]
    left_out = fitting.count(False)
    return rows, [f"rows left out because they are longer than {spec.max_length} tokens: {left_out}"] * bool(left_out)


def pairs(spec: TrainingSpec, chat: Chat) -> tuple[list[dict[str, list[int]]], list[str]]:
    """Return the tokens of prompt, answer and rejected answer per row, and how many rows were left out and why."""
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
    return rows, [f"rows left out because they are longer than {spec.max_length} tokens: {left_out}"] * bool(left_out)


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
