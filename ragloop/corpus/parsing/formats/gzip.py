"""Documents that are compressed with gzip: read as what the name without .gz says."""

import gzip
import io
import zlib

from ragloop.corpus.parsing import media_type
from ragloop.corpus.parsing.by_type import parser_of
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

_GZIP = "application/gzip"


def parse_gzip(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is damaged, unpacks to too much, or holds what no parser reads."""
    inner = name[: -len(".gz")] if name.lower().endswith(".gz") else name
    kind = media_type(inner)
    if kind is None or kind == _GZIP:
        raise DocumentError(f"{name} holds {inner}, expected a document of a known format: unpack it or leave it out")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(limits.unpacked_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{name} is no whole gzip file ({error}); compress it again or leave it out") from None
    if len(unpacked) > limits.unpacked_bytes:
        raise DocumentError(
            f"{name} unpacks to more than {limits.unpacked_bytes:,} bytes, expected at most that; "
            "raise sync.max_unpacked_mb to take it"
        )
    return parser_of(kind, inner)(unpacked, inner, limits)
