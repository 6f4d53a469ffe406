"""What curation knows of the answers with feedback or of teachers: a row each, and a watermark of what made the rows.

    home/artifacts/examples/RECIPE.parquet    the rows; the watermark is in the metadata of the file

Both are in one file that appears whole or not at all, so that they cannot part. It can be deleted at any time: where it
is missing or damaged all answers are judged again.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from ragloop.errors import NotFoundError
from ragloop.learning.examples.curation import Assessed
from ragloop.learning.examples.example import DOCUMENTS, SHOWN, Example
from ragloop.store import TIME
from ragloop.store.files import Files

FOLDER = "examples"
_WATERMARK = b"ragloop"

SCHEMA = pa.schema(
    [
        ("interaction_id", pa.string()),
        ("feedback", pa.list_(pa.string())),
        ("reason", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("question_wording", pa.string()),
        ("answer_wording", pa.string()),
        ("documents", DOCUMENTS),
        ("passages", SHOWN),
        ("rejected", pa.string()),
        ("judged", pa.bool_()),
        ("example_id", pa.string()),
        ("shown", pa.list_(pa.string())),
        ("asked_at", TIME),
        ("written_as", pa.string()),
        ("stands", pa.bool_()),
        ("seen", pa.bool_()),
    ]
)
"""`feedback`: ids of all feedback on the answer; `stands`: whether what it rests on does; `seen`: whether it came into
a dataset that an adapter was trained on; `example_id`: of the example that the answer makes where no other one
gives it too. The rest is an Assessed."""


@dataclass(frozen=True)
class Watermark:
    """What rows were made from: rules and generation by their fingerprints, the number of logged answers, the revisions
    of documents that rows rest on, and the datasets whose answers are marked as seen, each with the state of its files.
    """

    rules: str = ""
    generation: str = ""
    answers: int = 0
    revisions: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Known:
    """Rows of SCHEMA, at most one per answer, and their watermark."""

    rows: pa.Table
    watermark: Watermark


NOTHING = Known(SCHEMA.empty_table(), Watermark())


def name_of(recipe: str) -> str:
    """Return the file of what is known for a recipe."""
    return f"{FOLDER}/{recipe}.parquet"


def read_known(files: Files, recipe: str) -> Known:
    """Read what is known for a recipe; NOTHING where the file is missing or is not what was written."""
    try:
        data = pa.BufferReader(b"".join(files.read(name_of(recipe))))
        table = pq.read_table(data)
        watermark = Watermark(**json.loads(table.schema.metadata[_WATERMARK]))
        return Known(table.replace_schema_metadata(None).cast(SCHEMA), watermark)
    except (NotFoundError, OSError, ValueError, LookupError, TypeError, pa.ArrowException):
        return NOTHING


def write_known(files: Files, recipe: str, known: Known) -> None:
    """Write what is known in place of what was. Raises StorageFullError."""
    metadata = {_WATERMARK: json.dumps(asdict(known.watermark)).encode()}
    data = io.BytesIO()
    pq.write_table(known.rows.replace_schema_metadata(metadata), data, compression="zstd")
    files.write(name_of(recipe), [data.getvalue()])


def rows_of(assessed: Iterable[Assessed], feedback: Mapping[str, list[str]]) -> pa.Table:
    """Return rows of answers that were judged; nobody has asked the index yet. `feedback`: its ids per answer."""
    # The fields by hand: asdict copies them deeply, which takes most of the time.
    rows = [
        {
            **vars(one),
            "question_wording": one.wording.question,
            "answer_wording": one.wording.answer,
            "documents": [vars(document) for document in one.documents],
            "passages": [vars(passage) for passage in one.passages],
            "example_id": _example_id(one),
            "feedback": feedback[one.interaction_id],
            "stands": False,
            "seen": False,
        }
        for one in assessed
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _example_id(one: Assessed) -> str:
    if one.reason:
        return ""
    ids = (one.interaction_id,)
    return Example(one.question, one.answer, ids, one.documents, one.asked_at, one.passages, one.rejected).example_id
