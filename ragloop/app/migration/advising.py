"""What advice rests on, measured of one home."""

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from ragloop.app.learning import Learning
from ragloop.app.migration.policies import advice_policy
from ragloop.app.migration.topics import Migration
from ragloop.app.parts import Parts

if TYPE_CHECKING:
    from ragloop.corpus.index.inventory import DocumentState
    from ragloop.migration.advice import Advice, Facts
    from ragloop.migration.columns import Logged

_FEWEST = 8
"""Answers of a lane whose median latency says something."""
_ALIKE = 0.8
"""Token F1 from which on a correction says what the answer said."""


class Advising:
    """Advice for one home."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def advise(self) -> "Advice":
        """Advise RAG, fine-tuning, both or neither yet; see migration.advice."""
        from ragloop.migration.advice import advise

        return advise(self._facts(), advice_policy(self._parts.settings))

    def _facts(self) -> "Facts":
        from ragloop.corpus.index import inventory
        from ragloop.errors import NotFoundError
        from ragloop.migration.advice import Facts
        from ragloop.migration.topics.figures import repeat_share

        migration = Migration(self._parts)
        log, known = migration.logged(), migration.documents()
        try:
            labelled = len(inventory.labelled(self._parts.index))
        except NotFoundError:
            labelled = 0
        report = migration.costs()
        corrections, of_form = self._corrections(log)
        answered = int((~log.abstained).sum())
        cited = np.unique(log.cited.rows)
        named = set(log.cited.documents.values) & known.keys()
        return Facts(
            answers=len(log),
            days=report.window_days,
            repeat_share=repeat_share(log),
            rest_days=_rest_days(log, known, self._parts.now()),
            retraining_days=migration.policy.retraining_days,
            cited_share=len(cited) / answered if answered else None,
            labelled_share=labelled / len(known) if known else None,
            covered_share=len(named) / len(known) if known else None,
            documents=len(known),
            rows=Learning(self._parts).retraining.curated().table.num_rows if known else 0,
            corrections=corrections,
            form_share=of_form / corrections if corrections else None,
            latency_ms=_latencies(log),
            break_even=report.break_even,
        )

    def _corrections(self, log: "Logged") -> tuple[int, int]:
        """Count the corrections in the window, and those that keep what the answer said."""
        from ragloop.learning.evaluation.scoring import exact_match, token_f1

        answers, feedback = self._parts.journal.tables()
        given = feedback.rows(["interaction_id", "correction", "given_at"], "correction IS NOT NULL").to_pylist()
        last = {one["interaction_id"]: one["correction"] for one in sorted(given, key=lambda one: one["given_at"])}
        if not last:
            return 0, 0
        import pyarrow as pa

        places = answers.places("interaction_id", pa.array(sorted(last)))
        rows = answers.take(places, ["interaction_id", "asked_at", "answer"]).to_pylist()
        since = log.asked_at[0].astype(datetime) if len(log) else None
        pairs = [
            (row["answer"] or "", last[row["interaction_id"]])
            for row in rows
            if since is not None and row["asked_at"].replace(tzinfo=None) >= since
        ]
        of_form = sum(not exact_match(*one) and token_f1(*one) >= _ALIKE for one in pairs)
        return len(pairs), of_form


def _rest_days(log: "Logged", known: "dict[str, DocumentState]", now: datetime) -> float | None:
    """Return for how long the cited documents have not changed, the median over citations; 0 for one that is gone."""
    if not len(log.cited.rows):
        return None
    of_document = [known.get(one) for one in log.cited.documents.values]
    days = [(now - one.changed_at).total_seconds() / 86_400 if one and one.changed_at else 0.0 for one in of_document]
    return float(np.median(np.array(days)[log.cited.documents.codes]))


def _latencies(log: "Logged") -> dict[str, float]:
    """Return the median latency of each lane that answered enough, in ms; answers given again are left out."""
    found = {}
    for number, lane in enumerate(log.lanes.values):
        seconds = log.seconds[(log.lanes.codes == number) & ~log.reused]
        seconds = seconds[~np.isnan(seconds)]
        if len(seconds) >= _FEWEST:
            found[lane] = float(np.median(seconds)) * 1000
    return found
