"""Documents of binary formats, made by hand: the least that each format asks for."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W_DRAWN = f'xmlns:r="{RELATIONSHIPS}" ' + " ".join(
    f'xmlns:{one}="{one}"' for one in "mc wps wp a pic v o c dgm".split()
)
A = f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{RELATIONSHIPS}"'
P = f'{A} xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
S = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{RELATIONSHIPS}"'


def archive(members: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return made.getvalue()


def relations(**targets: str) -> str:
    """A part's relationships: `id="type:target"`."""
    parted = ((identity, *value.split(":", 1)) for identity, value in targets.items())
    rows = "".join(
        f'<Relationship Id="{identity}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
        for identity, kind, target in parted
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


# ---- DOCX ---------------------------------------------------------------------------------------------------------

STYLES = f"""<w:styles {W}>
<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
<w:style w:styleId="Ours"><w:name w:val="Our heading"/><w:basedOn w:val="berschrift2"/></w:style>
</w:styles>"""


def paragraph(text: str, style: str = "", properties: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def item(text: str, depth: int = 0) -> str:
    return paragraph(text, properties=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="1"/></w:numPr>')


def table(*rows: Sequence[str]) -> str:
    cells = "".join("<w:tr>" + "".join(f"<w:tc>{paragraph(one)}</w:tc>" for one in row) + "</w:tr>" for row in rows)
    return f"<w:tbl>{cells}</w:tbl>"


def docx(body: str, parts: Mapping[str, tuple[str, str | bytes]] | None = None, **more: str | bytes) -> bytes:
    """`more` are further members of word/, by name without suffix; `parts` others, by id: "type:name" and content."""
    named = {f"r{n}": f"{name}:{name}.xml" for n, name in enumerate(dict.fromkeys(["styles", *more]))}
    others = parts or {}
    return archive(
        {
            "_rels/.rels": relations(r1="officeDocument:word/document.xml"),
            "word/_rels/document.xml.rels": relations(**named, **{one: target for one, (target, _) in others.items()}),
            "word/document.xml": f"<w:document {W} {W_DRAWN}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": STYLES,
            **{f"word/{name}.xml": content for name, content in more.items()},
            **{f"word/{target.partition(':')[2]}": content for target, content in others.values()},
        }
    )


# ---- PPTX ---------------------------------------------------------------------------------------------------------


def shape(text: str, placeholder: str = "") -> str:
    kind = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else ""
    lines = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp><p:nvSpPr>{kind}</p:nvSpPr><p:txBody>{lines}</p:txBody></p:sp>"


def grid(*rows: Sequence[str]) -> str:
    cells = "".join(
        "<a:tr>"
        + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{one}</a:t></a:r></a:p></a:txBody></a:tc>" for one in row)
        + "</a:tr>"
        for row in rows
    )
    return (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{cells}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def pptx(
    *slides: str,
    notes: Mapping[int, str] | None = None,
    parts: Mapping[str, tuple[str, str]] | None = None,
) -> bytes:
    """Shapes per slide; `parts` belong to the first slide, by id: "type:name" and content.

    The slides' members are numbered backwards, since their order is the presentation's.
    """
    count = len(slides)
    members: dict[str, str | bytes] = {
        "_rels/.rels": relations(r1="officeDocument:ppt/presentation.xml"),
        "ppt/presentation.xml": f"<p:presentation {P}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(count))
        + "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            **{f"s{n}": f"slide:slides/slide{count - n}.xml" for n in range(count)}
        ),
    }
    for n, shapes in enumerate(slides):
        members[f"ppt/slides/slide{count - n}.xml"] = (
            f"<p:sld {P}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
    for n, text in (notes or {}).items():
        members[f"ppt/slides/_rels/slide{count - n}.xml.rels"] = relations(n1=f"notesSlide:../notesSlides/n{n}.xml")
        members[f"ppt/notesSlides/n{n}.xml"] = (
            f"<p:notes {P}><p:cSld><p:spTree>{shape(text, 'body')}{shape('7', 'sldNum')}</p:spTree></p:cSld></p:notes>"
        )
    if parts:
        members[f"ppt/slides/_rels/slide{count}.xml.rels"] = relations(
            **{one: target.replace(":", ":../", 1) for one, (target, _) in parts.items()}
        )
        members.update({f"ppt/{target.partition(':')[2]}": content for target, content in parts.values()})
    return archive(members)


# ---- XLSX ---------------------------------------------------------------------------------------------------------


def cell(reference: str, value: str, kind: str = "n", style: int = 0) -> str:
    return f'<c r="{reference}" t="{kind}" s="{style}"><v>{escape(value)}</v></c>'


def xlsx(
    sheets: Mapping[str, str],
    strings: Sequence[str] = (),
    formats: Sequence[int] = (0,),
    codes: str = "",
    settings: str = "",
    before: str = "",
    after: str = "",
    beside: Mapping[str, str] | None = None,
    **members: str,
) -> bytes:
    """`sheets` are rows by name, `formats` the number formats of the cell styles, `settings` those of the workbook.

    `before` and `after` stand beside the rows of each sheet; `members` are tables of the first one, by name, `beside`
    its other parts, content by type.
    """
    styles = f"<styleSheet {S}>{codes}<cellXfs>" + "".join(f'<xf numFmtId="{one}"/>' for one in formats)
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets))
    named = {f"r{n}": f"worksheet:worksheets/sheet{n}.xml" for n in range(len(sheets))}
    return archive(
        {
            "_rels/.rels": relations(r1="officeDocument:xl/workbook.xml"),
            "xl/workbook.xml": f"<workbook {S}>{settings}<sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relations(
                **named, s="sharedStrings:sharedStrings.xml", t="styles:styles.xml"
            ),
            "xl/sharedStrings.xml": f"<sst {S}>" + "".join(f"<si><t>{one}</t></si>" for one in strings) + "</sst>",
            "xl/styles.xml": styles + "</cellXfs></styleSheet>",
            "xl/worksheets/_rels/sheet0.xml.rels": relations(
                **{name: f"table:../{name}.xml" for name in members},
                **{f"beside{n}": f"{kind}:../{kind}.xml" for n, kind in enumerate(beside or ())},
            ),
            **{f"xl/{name}.xml": content for name, content in members.items()},
            **{f"xl/{kind}.xml": content for kind, content in (beside or {}).items()},
            **{
                f"xl/worksheets/sheet{n}.xml": f"<worksheet {S}>{before}<sheetData>{rows}</sheetData>{after}"
                "</worksheet>"
                for n, rows in enumerate(sheets.values())
            },
        }
    )


# ---- EPUB ---------------------------------------------------------------------------------------------------------


def epub(chapters: Mapping[str, str], contents: Mapping[str, str] | None = None, **more: str | bytes) -> bytes:
    """XHTML bodies by file name, in reading order; `contents` are titles by file name."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(chapters)))
    points = "".join(
        f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{name}#top"/></navPoint>'
        for name, title in (contents or {}).items()
    )
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="OPS/book.opf"/></container>',
            "OPS/book.opf": "<package><metadata><title>The book</title></metadata><manifest>"
            f'<item id="toc" href="toc.ncx" media-type="application/x-dtbncx+xml"/>{items}</manifest>'
            f"<spine>{spine}</spine></package>",
            "OPS/toc.ncx": f"<ncx><navMap>{points}</navMap></ncx>",
            **{f"OPS/{name}": f"<html><body>{body}</body></html>" for name, body in chapters.items()},
            **more,
        }
    )


# ---- PDF ----------------------------------------------------------------------------------------------------------


def pdf(*pages: str, outline: Sequence[tuple[str, int]] = (), extra: Sequence[bytes] = ()) -> bytes:
    """A page per string, a line of it per line; an outline of (title, index of the page). PDFium finds the objects."""
    return drawn_pdf(*map(drawn_lines, pages), outline=outline, extra=extra)


def drawn_lines(text: str) -> bytes:
    lines = "".join(f"({line}) Tj T* " for line in text.split("\n"))
    return (f"BT /F 10 Tf 14 TL 50 700 Td {lines}ET" if text else "0 0 m 100 100 l S").encode()


def drawn_at(*placed: tuple[int, int, str]) -> bytes:
    """The operators that draw texts, each at its place (x, y), in the order given."""
    return "".join(f"BT /F 10 Tf {x} {y} Td ({text}) Tj ET " for x, y, text in placed).encode()


def drawn_pdf(
    *contents: bytes,
    outline: Sequence[tuple[str, int]] = (),
    extra: Sequence[bytes] = (),
    catalog: bytes = b"",
    page: bytes = b"",
    fonts: bytes = b"",
) -> bytes:
    """A page per stream of operators; `catalog`, `page` and `fonts` are further entries of those dictionaries."""
    count = len(contents)
    first_page, first_title = 10, 10 + 2 * count
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(count))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R" + (b"/Outlines 4 0 R" if outline else b"") + catalog + b">>",
        2: f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }
    for n, content in enumerate(contents):
        objects[first_page + 2 * n] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 3 0 R%s>>>>/Contents %d 0 R%s>>"
            % (fonts, first_page + 2 * n + 1, page)
        )
        objects[first_page + 2 * n + 1] = stream(content)
    for n, (title, at) in enumerate(outline):
        after = f"/Next {first_title + n + 1} 0 R" if n + 1 < len(outline) else ""
        objects[first_title + n] = (
            f"<</Title({title})/Parent 4 0 R/Dest[{first_page + 2 * at} 0 R/Fit]{after}>>".encode()
        )
    if outline:
        objects[4] = f"<</First {first_title} 0 R/Last {first_title + len(outline) - 1} 0 R>>".encode()
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % one for one in objects.items()) + b"".join(extra)
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R/Size 1000>>\n%%EOF\n"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), entries, data)
