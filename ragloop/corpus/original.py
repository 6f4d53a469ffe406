"""The text of a document as it is parsed now, from the file that the index was made of."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from ragloop.corpus.index.readings import Reading
from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing import taken_as
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Source
from ragloop.errors import MismatchError, NotFoundError


def original(document: Reading, sources: Sequence[Source], limits: ParseLimits, max_bytes: int) -> str:
    """Read and parse the document.

    Raises NotFoundError where it or its source is gone, MismatchError where it is another revision than the index has,
    DocumentError where it cannot be read.
    """
    source = next((one for one in sources if one.name == document.source), None)
    if source is None:
        raise NotFoundError(f"found no source {document.source}, which {document.uri} is of; configure it again")
    listed = source.find(document.key, document.uri)
    if listed is None:
        raise NotFoundError(f"found nothing at {document.uri} any more; `ragloop sync` deletes it from the index")
    data = source.read(listed, max_bytes).data
    with DocumentParser(limits) as parser:
        parsed = parser.parse(data, taken_as(document.key), PurePosixPath(document.key).name)
    if hashlib.sha256(data).hexdigest() != document.revision:
        raise MismatchError(f"{document.uri} changed since it was indexed; `ragloop sync` reads it again")
    return parsed.text
