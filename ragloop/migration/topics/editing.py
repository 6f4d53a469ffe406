"""What people do with topics: rename, merge, split, pin. Pure."""

from collections.abc import Sequence, Set
from dataclasses import replace

from ragloop.errors import UsageError
from ragloop.migration.topics.naming import shortened
from ragloop.migration.topics.topic import Grouping, Topic, topic_of, with_topic


def renamed(grouping: Grouping, given: str, name: str, by: str) -> Grouping:
    """Give a topic a name, which no regrouping takes from it. Raises NotFoundError, UsageError.

    A name that another topic has is refused: commands take topics by their names.
    """
    if not name.strip():
        raise UsageError("found an empty name; expected words")
    topic, wanted = topic_of(grouping, given), shortened(name)
    others = [one for one in grouping.topics if one.topic_id != topic.topic_id]
    if same := [one for one in others if one.name.casefold() == wanted.casefold()]:
        raise UsageError(
            f"the topic {same[0].topic_id} has the name {same[0].name!r}; give another name, or merge the two: "
            f"`ragloop topics merge {same[0].topic_id} {topic.topic_id}`"
        )
    return with_topic(grouping, replace(topic, name=wanted, named_by=by or "a person"))


def merged(grouping: Grouping, given: str, others: Sequence[str]) -> Grouping:
    """Move the questions of other topics into one, which is pinned, so that no regrouping parts them again."""
    kept = replace(topic_of(grouping, given), pinned=True)
    gone = {topic_of(grouping, one).topic_id for one in others} - {kept.topic_id}
    if not gone:
        raise UsageError("found one topic, expected at least two to merge; name another one")
    moved = {one: kept.topic_id if topic in gone else topic for one, topic in grouping.of_question.items()}
    left = [one for one in grouping.topics if one.topic_id not in gone]
    return with_topic(Grouping(left, moved), kept)


def pinned(grouping: Grouping, given: str, *, on: bool) -> Grouping:
    """Pin a topic, or let it be grouped anew."""
    return with_topic(grouping, replace(topic_of(grouping, given), pinned=on))


def regrouped(before: Grouping, now: Grouping) -> frozenset[str]:
    """Return the topics that gained a question of another one, or lost one to it: what was shown of them is of other
    questions. One that a new question joins is not among them, nor one whose questions were erased."""
    pairs = [(topic, now.of_question.get(one)) for one, topic in before.of_question.items()]
    return frozenset(topic for was, became in pairs if became and was != became for topic in (was, became))


def parted(grouping: Grouping, leaving: Set[str], names: tuple[Topic, Topic]) -> Grouping:
    """Move some questions of a topic into a new one, and pin both; `names` are both as their questions name them."""
    stays, leaves = (replace(one, pinned=True) for one in names)
    moved = {one: leaves.topic_id if one in leaving else topic_id for one, topic_id in grouping.of_question.items()}
    return with_topic(with_topic(Grouping(grouping.topics, moved), stays), leaves)
