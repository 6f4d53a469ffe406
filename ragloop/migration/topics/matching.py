"""Find the earlier topics in new groups of questions, so that they keep their ids and names. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set


def matched(groups: Sequence[Set[str]], before: Mapping[str, str], first: Collection[str]) -> list[str | None]:
    """Return for each group the earlier topic that it is, None where it is a new one.

    `before` names the topic of each question that has one. A topic is the group that has most of its questions; of
    several topics in one group the larger part wins, but those among `first`, which people named, come before others.
    """
    shared = [(count, topic, number) for number, one in enumerate(groups) for topic, count in _parts(one, before)]
    found: dict[int, str] = {}
    for _, topic, number in sorted(shared, key=lambda one: (one[1] not in first, -one[0], one[1], one[2])):
        if number not in found and topic not in found.values():
            found[number] = topic
    return [found.get(number) for number in range(len(groups))]


def _parts(group: Set[str], before: Mapping[str, str]) -> list[tuple[str, int]]:
    """Count the questions of a group by the topic that they were in."""
    return list(Counter(before[one] for one in group if one in before).items())
