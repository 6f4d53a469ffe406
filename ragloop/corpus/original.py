"""The text of a document as it is parsed now, from the file that the index was made of."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from ragloop.corpus.index.readings import Reading
from ragloop.corpus.isolation.process import DocumentParser
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.source import Source
from ragloop.corpus.sources.whole import read_whole
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
    whole = read_whole(source, listed, max_bytes, limits)
    with DocumentParser(limits) as parser:
        parsed = parser.parse(whole.data, whole.media_type(document.key), PurePosixPath(document.key).name)
    if whole.revision != document.revision:
        raise MismatchError(f"{document.uri} changed since it was indexed; `ragloop sync` reads it again")
    return parsed.text
