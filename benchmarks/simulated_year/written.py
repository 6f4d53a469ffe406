"""Why answers were written instead of given again, by what the log has of them. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ragloop.answering.reuse.sense import sense_of
from ragloop.records import FeedbackKind

LONGEST = timedelta(days=30)
"""The default of answers.cache_days."""
Row = Mapping[str, Any]


def reasons(rows: Sequence[Row], feedback: Sequence[Row], ids: Collection[str]) -> Counter[str]:
    """Count the reasons of those answers that were written; `rows` and `feedback` are the whole log."""
    said = defaultdict[str, list[Row]](list)
    for one in feedback:
        said[one["interaction_id"]].append(one)
    by_sense, by_key = defaultdict[str, list[Row]](list), defaultdict[str, list[Row]](list)
    found = Counter[str]()
    for row in sorted(rows, key=lambda one: one["asked_at"]):
        alike, equal = by_sense[sense_of(row["rewritten"] or row["question"])], by_key[row["reuse_key"] or ""]
        if row["interaction_id"] in ids and not row["reused_from"]:
            found[_reason(row, alike, equal, said)] += 1
        alike.append(row)
        if row["reuse_key"]:
            equal.append(row)
    return found


def _reason(row: Row, alike: Sequence[Row], equal: Sequence[Row], said: Mapping[str, Sequence[Row]]) -> str:
    """Return why an answer was written, by earlier ones to questions of its sense, and those of its key among them."""
    at = row["asked_at"]
    if row["abstained"]:
        return "abstained"
    if not alike:
        return "first of its sense"
    before = [one for one in equal if one["asked_at"] < at]
    if not before:
        return "within one batch" if equal or alike[0]["asked_at"] == at else "other passages"
    if all(one["asked_at"] < at - LONGEST for one in before if not one["reused_from"]):
        return "older than 30 days"
    kinds = {one["kind"] for held in before for one in said.get(held["interaction_id"], ()) if one["given_at"] <= at}
    if FeedbackKind.CORRECTION in kinds:
        return "corrected"
    return "voted down" if FeedbackKind.DOWN in kinds else "something else"
