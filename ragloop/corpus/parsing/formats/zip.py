"""ZIP archives of documents: each member that a source would take by itself is a section, in order of names.

Nothing is unpacked to a disk. Archives inside are not read, and said, as is a member that cannot be read.
"""

from ragloop.corpus.parsing import is_archive, is_document, media_type
from ragloop.corpus.parsing.archive import Archive
from ragloop.corpus.parsing.by_type import parser_of
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.extraction import Extraction
from ragloop.corpus.parsing.formats.page_with_images import page_of
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.markup.images import page_images
from ragloop.corpus.parsing.media_types import HTML
from ragloop.errors import DocumentError

_MOST_MEMBERS = 1_000


def parse_zip(data: bytes, name: str, limits: ParseLimits) -> ParsedDocument:
    """Raises DocumentError for what is no archive, for one of too many members, and beyond the limits."""
    archive = Archive(data, "a ZIP archive of documents", limits)
    members = sorted(one for one in archive.names() if not one.endswith("/"))
    if len(members) > _MOST_MEMBERS:
        raise DocumentError(
            f"holds {len(members):,} files, expected at most {_MOST_MEMBERS:,}; unpack it into a folder of the source"
        )
    extraction, images = Extraction(limits.characters), page_images(limits, archive)
    passed_over = [one for one in members if is_archive(one) or not is_document(one)]
    for member in members:
        kind = media_type(member)
        if kind is None or member in passed_over:
            continue
        try:
            name_of = member.rpartition("/")[2]
            if kind == HTML:
                document = page_of(archive, member, name_of, limits, images)
            else:
                document = parser_of(kind, member)(archive.read(member), name_of, limits)
        except DocumentError as error:
            extraction.left_out.append(f"{member} was not read: {error}")
            continue
        if document.blocks:
            extraction.enclose(document, member, level=1)
    images.finish(extraction)
    if passed_over := [one for one in passed_over if not images.was_read(one)]:
        files = "1 file inside is" if len(passed_over) == 1 else f"{len(passed_over):,} files inside are"
        extraction.left_out.append(f"{files} no document and not read, such as {passed_over[0]}")
    return extraction.document(name, title=name)
