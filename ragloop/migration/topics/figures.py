"""What the log says of each topic in a window: volume, repeats, lanes, documents, votes, cost. Pure over columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from ragloop.corpus.index.inventory import DocumentState
from ragloop.hashes import sha256_of_text
from ragloop.language.forms import comparable
from ragloop.migration.columns import Amounts, Logged, Numbers
from ragloop.migration.topics.topic import Grouping, Standing, TopicFigures

NO_TOPIC = -1
_SIGNS = " \t?!.,;:"


def topic_codes(log: Logged, grouping: Grouping) -> Numbers:
    """Return the number of the topic of each answer, in the order of the grouping; NO_TOPIC where it has none."""
    number = {one.topic_id: at for at, one in enumerate(grouping.topics)}
    of_text = [number.get(grouping.of_question.get(sha256_of_text(one), ""), NO_TOPIC) for one in log.texts.values]
    return np.array(of_text, np.int64)[log.texts.codes] if len(log) else np.zeros(0, np.int64)


def figures(log: Logged, grouping: Grouping, usd: Amounts, known: Mapping[str, DocumentState]) -> list[TopicFigures]:
    """Describe the topics that the log has answers of, those asked most first.

    `usd` is what each answer cost, `known` what the index says of its documents.
    """
    codes = topic_codes(log, grouping)
    same = _same(log)
    documents = _documents(log, codes, known)
    found = []
    for number, topic in enumerate(grouping.topics):
        rows = np.flatnonzero(codes == number)
        if len(rows):
            found.append(_of(log, topic.topic_id, rows, same, usd, documents.get(number, ())))
    return sorted(found, key=lambda one: (-one.questions, one.topic_id))


def _of(
    log: Logged, topic_id: str, rows: Numbers, same: Numbers, usd: Amounts, documents: Sequence[Standing]
) -> TopicFigures:
    n, distinct = len(rows), len(np.unique(same[rows]))
    lanes = np.bincount(log.lanes.codes[rows], minlength=len(log.lanes.values))
    cost = float(usd[rows].sum())
    return TopicFigures(
        topic_id,
        questions=n,
        distinct=distinct,
        repeat_share=round(1 - distinct / n, 4),
        lanes={name or "unknown": round(int(c) / n, 4) for name, c in zip(log.lanes.values, lanes, strict=True) if c},
        abstained_share=round(float(log.abstained[rows].mean()), 4),
        reused=int(log.reused[rows].sum()),
        up=int((log.votes[rows] > 0).sum()),
        down=int((log.votes[rows] < 0).sum()),
        corrected=int(log.corrected[rows].sum()),
        cost_usd=None if np.isnan(cost) else round(cost, 6),
        documents=documents,
        last_asked_at=log.asked_at[rows[-1]].astype(datetime),
    )


def repeat_share(log: Logged) -> float | None:
    """Return the share of answers whose question was asked before in the window; None without any."""
    return 1 - len(np.unique(_same(log))) / len(log) if len(log) else None


def _same(log: Logged) -> Numbers:
    """Return for each answer the number of its question, equal for those that differ in case and signs at the ends."""
    plain = [" ".join(comparable(one).casefold().split()).strip(_SIGNS) for one in log.texts.values]
    number = {one: at for at, one in enumerate(dict.fromkeys(plain))}
    return np.array([number[one] for one in plain], np.int64)[log.texts.codes] if len(log) else np.zeros(0, np.int64)


def _documents(log: Logged, codes: Numbers, known: Mapping[str, DocumentState]) -> dict[int, list[Standing]]:
    """Return the documents that answers of each topic cite, those cited most first."""
    cited = np.unique(np.stack([log.cited.rows, log.cited.documents.codes], axis=1), axis=0)
    topics, seen = codes[cited[:, 0]], log.cited.seen()
    pairs = np.stack([topics, cited[:, 1]], axis=1)[topics != NO_TOPIC]
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    asked = np.bincount(codes[codes != NO_TOPIC], minlength=1)
    found: dict[int, list[Standing]] = {}
    for (topic, document), count in zip(distinct.tolist(), counts.tolist(), strict=True):
        name = log.cited.documents.values[document]
        one = known.get(name)
        revisions = seen.get(name, set()) | ({one.revision} if one and one.revision else set())
        share = round(count / int(asked[topic]), 4)
        found.setdefault(topic, []).append(_standing(name, one, share, len(revisions)))
    return {topic: sorted(own, key=lambda one: (-one.cited_share, one.document_id)) for topic, own in found.items()}


def _standing(document_id: str, known: DocumentState | None, share: float, revisions: int) -> Standing:
    if known is None:
        return Standing(document_id, None, share, None, revisions)
    return Standing(document_id, known.key, share, known.changed_at, revisions, known.labelled, known.revision)
