"""Vectors among bytes: LanceDB keeps their numbers as they are, so that one pass over a file finds them."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ragloop.erasure.traces import VectorTrace

_WINDOW = 8
"""Numbers of a vector that its digest is of."""
_Words = npt.NDArray[np.uint32]


def trace_of(salt: str, vector: bytes) -> VectorTrace:
    """Return what finds a vector, given as its bytes."""
    digest = int(_digests(salt, np.frombuffer(vector[: 4 * _WINDOW], np.uint32))[0])
    return VectorTrace(digest, hashlib.sha256(vector).hexdigest(), len(vector))


def found_in(salt: str, wanted: Sequence[VectorTrace], data: bytes) -> Iterator[VectorTrace]:
    """Yield each of these vectors whose bytes stand in the data, at a multiple of four."""
    words = np.frombuffer(data[: len(data) // 4 * 4], np.uint32)
    if not wanted or len(words) < _WINDOW:
        return
    digests = _digests(salt, words)
    for at in np.flatnonzero(np.isin(digests, np.array([one.digest for one in wanted], np.uint64))):
        for one in wanted:
            part = data[4 * at : 4 * at + one.bytes]
            if one.digest == int(digests[at]) and hashlib.sha256(part).hexdigest() == one.sha256:
                yield one


def _digests(salt: str, words: _Words) -> npt.NDArray[np.uint64]:
    """Return a digest of every window of so many numbers: the sum of each times a secret odd one, modulo 2^64."""
    seed = hashlib.sha512(salt.encode()).digest()
    factors = np.frombuffer(seed, np.uint64)[:_WINDOW] | np.uint64(1)
    count = len(words) - _WINDOW + 1
    total = np.zeros(count, np.uint64)
    for offset, factor in enumerate(factors):
        total += words[offset : offset + count].astype(np.uint64) * factor
    return total
