"""The file that a person edits: JSON Lines, an answer a line, with `verdict` and `correction` to fill in."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ragloop.corpus.index.table import Index
from ragloop.durable import whole_file
from ragloop.errors import UsageError
from ragloop.journal import Journal, LogTable, as_logged
from ragloop.learning.reviewing.open_answers import OpenAnswer, open_answers
from ragloop.records import FeedbackKind
from ragloop.wording import counted, few

_SHOWN_PROBLEMS = 10
VERDICTS = ("", FeedbackKind.UP, FeedbackKind.DOWN)
Said = tuple[str, str, str | None]
"""An interaction, what was said of it (empty: nothing), and the correction."""


@dataclass(frozen=True)
class ReviewImport:
    """What a sheet held: answers accepted, rejected and corrected, lines that said nothing or nothing new, and lines
    that could not be taken, with their reasons."""

    up: int
    down: int
    corrections: int
    untouched: int
    known: int
    problems: tuple[str, ...]


def export_sheet(journal: Journal, index: Index, file: Path, most: int) -> int:
    """Write the answers that tell most, each with its passages as they stand now; return how many.

    Raises UsageError where the file cannot be written, or holds judgements that the log does not have.
    """
    if lost := _not_logged(journal, file):
        raise UsageError(
            f"found {counted(lost, 'judgement')} in {file} that the log does not have; `ragloop review import` logs "
            "them, or name another file"
        )
    lines = [_line(one) for one in open_answers(journal, index, most)]
    try:
        with whole_file(file) as made:
            made.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}; name another file") from None
    return len(lines)


def _line(one: OpenAnswer) -> dict[str, Any]:
    return {
        "interaction_id": one.interaction_id,
        "question": one.question,
        "answer": one.answer,
        "verdict": "",
        "correction": "",
        "why": one.why,
        "times": one.times,
        "passages": [{"n": p.n, "uri": p.uri, "text": p.text or "(changed or gone since)"} for p in one.passages],
    }


def import_sheet(journal: Journal, file: Path) -> ReviewImport:
    """Log what a person filled in: a `correction`, or a `verdict` of up or down; a line with neither says nothing.

    The same sheet may be imported again: what the log has already is not logged again. Raises UsageError for a file
    that is no sheet.
    """
    given, problems = _given(journal, file)
    return log_judgements(journal, given, problems)


def log_judgements(journal: Journal, given: Sequence[Said], problems: Sequence[str] = ()) -> ReviewImport:
    """Log what a person said of answers, but for what the log has already; `problems` are of what could not be read.

    A page that is sent twice, to two processes at the same time, is logged once.
    """
    answers, feedback = journal.tables()
    ids = pa.array([one for one, _, _ in given], pa.string())
    there = set(answers.take(answers.places("interaction_id", ids), ["interaction_id"])["interaction_id"].to_pylist())
    problems = [*problems, *(f"found no answer {one} in the log" for one, _, _ in given if one not in there)]
    found = [one for one in given if one[0] in there]
    new = _new(journal, feedback, found)
    if new:
        journal.give_all_feedback(new, once=True)
    counts = Counter(kind for _, kind, _ in new)
    return ReviewImport(
        up=counts[FeedbackKind.UP],
        down=counts[FeedbackKind.DOWN],
        corrections=counts[FeedbackKind.CORRECTION],
        untouched=sum(not kind for _, kind, _ in found),
        known=sum(bool(one[1]) for one in found) - len(new),
        problems=tuple(few(problems, _SHOWN_PROBLEMS)),
    )


def _not_logged(journal: Journal, file: Path) -> int:
    """Count the judgements of a sheet that the log does not have; a file that is none has none."""
    try:
        given = _given(journal, file)[0] if file.exists() else []
    except UsageError:
        return 0
    return len(_new(journal, journal.tables()[1], given))


def _new(journal: Journal, feedback: LogTable, given: Sequence[Said]) -> list[Said]:
    """Return what was said and is not in the log."""
    ids = pa.array([one for one, _, _ in given], pa.string())
    votes = feedback.take(feedback.places("interaction_id", ids), ["interaction_id", "kind", "correction"]).to_pylist()
    logged = {(one["interaction_id"], one["kind"], one["correction"]) for one in votes}
    return [one for one in given if one[1] and _as_logged(journal, one) not in logged]


def _as_logged(journal: Journal, said: Said) -> Said:
    name, kind, correction = said
    return name, kind, as_logged(journal, correction) if correction else None


def _given(journal: Journal, file: Path) -> tuple[list[Said], list[str]]:
    """Read a sheet; a line that cannot be taken is a problem, and the others count.

    Raises UsageError for a file that cannot be read or has lines, none of which is of a sheet.
    """
    try:
        # Some editors put a byte order mark first. A text may hold characters that `splitlines` takes for line ends.
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}; expected a file that `ragloop review export` wrote") from None
    given: dict[str, Said] = {}
    problems: list[str] = []
    strange: list[str] = []
    written = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in written:
        try:
            said = _said(journal, line)
        except _StrangeLineError as error:
            strange.append(f"line {number}: {error}")
            problems.append(f"{strange[-1]}, expected a line that `ragloop review export` wrote")
        except (ValueError, UsageError) as error:
            problems.append(f"line {number}: {error}")
        else:
            given[said[0]] = said
    if written and len(strange) == len(written):
        raise UsageError(
            f"found no line of a review in {file} ({strange[0]}); expected a file that `ragloop review export` wrote, "
            "a JSON object a line: name that file"
        )
    return list(given.values()), problems


class _StrangeLineError(ValueError):
    """A line is of no sheet."""


def _said(journal: Journal, line: str) -> Said:
    """Read a line. Raises ValueError and UsageError where it cannot be taken."""
    try:
        found = json.loads(line)
    except ValueError:
        raise _StrangeLineError("found no JSON") from None
    name = found.get("interaction_id") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name:
        raise _StrangeLineError("found no interaction_id")
    said = [found.get(one) or "" for one in ("verdict", "correction")]
    if not all(isinstance(one, str) for one in said):
        raise ValueError("expected texts as verdict and correction")
    verdict, correction = said[0].strip().lower(), said[1].strip()
    if verdict not in VERDICTS:
        raise ValueError(f"found the verdict {verdict!r}, expected up, down or nothing")
    if correction:
        as_logged(journal, correction)
        return name, FeedbackKind.CORRECTION, correction
    return name, verdict, None
