"""Answers of a window as columns: what topics, costs and advice are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Amounts = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coded:
    """A column as its distinct values, and for each row the number of its value."""

    values: Sequence[str]
    codes: Numbers

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Coded":
        """Code a column; null counts as an empty string."""
        coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
        return cls(coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Cited:
    """Each document that an answer cites: the number of the answer's row, the document, the revision that it had."""

    rows: Numbers
    documents: Coded
    revisions: Coded

    def seen(self) -> dict[str, set[str]]:
        """Return the revisions that answers have seen of each document."""
        found: dict[str, set[str]] = {}
        pairs = np.unique(np.stack([self.documents.codes, self.revisions.codes], axis=1), axis=0)
        for document, revision in pairs.tolist():
            found.setdefault(self.documents.values[document], set()).add(self.revisions.values[revision])
        return found


@dataclass(frozen=True, eq=False)
class Logged:
    """Answers of a window, oldest first. Amounts are NaN where the log does not know them.

    `texts` are what was looked for: the question as it reads without its conversation. `seconds` are of all stages,
    `writing_s` of the one in which a model writes. `votes` counts up and down, corrections among the latter: the last
    feedback on an answer.
    """

    asked_at: NDArray[np.datetime64]
    texts: Coded
    lanes: Coded
    models: Coded
    adapters: Coded
    doubted: Flags
    """base+rag's answer was taken in place of an adapter's that was written, too."""
    abstained: Flags
    reused: Flags
    tokens: Amounts
    """Tokens of prompt and answer, shape (n, 2)."""
    charged_usd: Amounts
    seconds: Amounts
    writing_s: Amounts
    cited: Cited
    votes: NDArray[np.int64]
    """1 for up, -1 for down or a correction, 0 for none."""
    corrected: Flags

    def __len__(self) -> int:
        return len(self.asked_at)
