"""Questions as they are grouped: text, hash, how often each was asked, vector; and the names that groups get. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ragloop.hashes import sha256_of_text
from ragloop.migration.topics.clustering import NONE, Labels
from ragloop.migration.topics.naming import counted, terms, typical
from ragloop.migration.topics.topic import Topic
from ragloop.models import Vectors


@dataclass(frozen=True, eq=False)
class Questions:
    """Distinct questions, each with how often it was asked and its vector, in the order in which they are grouped."""

    texts: Sequence[str]
    times: Sequence[int]
    vectors: Vectors

    @property
    def hashes(self) -> list[str]:
        """The SHA-256 of each text."""
        return list(map(sha256_of_text, self.texts))

    def at(self, places: Sequence[int]) -> "Questions":
        """Return the questions at these places."""
        return Questions([self.texts[at] for at in places], [self.times[at] for at in places], self.vectors[places])

    def parts(self, labels: Labels) -> "list[Questions]":
        """Return the questions of each label."""
        places: list[list[int]] = [[] for _ in range(int(labels.max(initial=NONE)) + 1)]
        for at, label in enumerate(labels):
            places[label].append(at)
        return [self.at(one) for one in places]

    def __len__(self) -> int:
        return len(self.texts)


def named(topics: Sequence[Topic], parts: Sequence[Questions], asked: Mapping[str, int]) -> list[Topic]:
    """Return topics with the names and terms that their questions give them; a name of a person stays.

    `asked` are all questions of the log that was read, from which the terms set a topic apart.
    """
    everywhere = counted(list(asked))
    found = []
    for topic, own in zip(topics, parts, strict=True):
        told = replace(topic, terms=terms(own.texts, everywhere, max(len(asked), len(own))))
        name = topic.name if topic.named_by else typical(own.texts, own.vectors, own.times)
        found.append(replace(told, name=name))
    return found


def halves(vectors: Vectors) -> Labels:
    """Part vectors in two: of the pair that is least alike each draws those that are nearer to it than to the other.

    The larger half is 0.
    """
    alike = vectors @ vectors.T
    one, other = np.unravel_index(int(alike.argmin()), alike.shape)
    second = alike[:, other] > alike[:, one]
    second[[one, other]] = False, True
    labels: Labels = (~second if second.sum() * 2 > len(second) else second).astype(np.int64)
    return labels
