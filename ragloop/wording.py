"""Turns of phrase that several reports share, so that people and programs find the same words everywhere."""

from collections.abc import Iterable, Sequence

DONE_IN_PART = "done in part"
"""The message of a run that left something out begins so."""


def first_few(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(few(names, most))


def few(names: Sequence[str], most: int) -> list[str]:
    """Return the first names, with `and N more` as the last where there are more."""
    left = len(names) - most
    return [*names[:most], *[f"and {left} more"] * (left > 0)]


def done_in_part(summary: str, left_out: Iterable[str]) -> str:
    """Return the message of a run that did what the summary says, and why it left out the rest."""
    return f"{DONE_IN_PART}: {summary}. {' '.join(left_out)}"


def counted(number: float, noun: str) -> str:
    """Return a number with its noun, which takes an s where there is not one: 1 document, 1,779 chunks, 0.5 days."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:,g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"


def counted_with(number: int, noun: str, verb: str, verbs: str) -> str:
    """Return a number with its noun and the verb that agrees with them: 1 document is, 12 documents are."""
    return f"{counted(number, noun)} {verb if number == 1 else verbs}"
