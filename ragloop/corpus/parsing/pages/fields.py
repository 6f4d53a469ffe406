"""What was filled into the form fields of a page, and the text of its annotations."""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ragloop.corpus.parsing.table import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_WIDGET, _FREE_TEXT = 20, 3  # FPDF_ANNOT_*, fpdf_annot.h
_NOTES = frozenset((1, 9, 10, 11, 12))
_CHECK_BOX, _RADIO, _COMBO, _LIST, _TEXT = 2, 3, 4, 5, 6  # FPDF_FORMFIELD_*, fpdf_formfill.h
_PASSWORD = 1 << 13
_HIDDEN = 1 << 1
_FARTHEST = 200.0
"""Points between a field and its label."""
_MOST_ANNOTATIONS = 5_000


@dataclass
class Filled:
    """Lines for the fields of a page that say something, texts of its annotations, and how many notes it has."""

    lines: list[str]
    texts: list[str]
    notes: int = 0


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float


def filled(document: "PdfDocument", page: "PdfPage", words: "PdfTextPage") -> Filled:
    """Return what the annotations of a page say; a page without any costs one call."""
    from pypdfium2 import raw

    found = Filled([], [])
    count = min(raw.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)
    rects: list[_Box] | None = None
    for at in range(count):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        if not annotation:
            continue
        try:
            kind = raw.FPDFAnnot_GetSubtype(annotation)
            if raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            if kind == _WIDGET and document.formenv is not None:
                if rects is None:
                    rects = [_Box(*words.get_rect(at)) for at in range(words.count_rects())]
                found.lines += _Field(document.formenv.raw, annotation, words, rects).lines()
            elif kind == _FREE_TEXT:
                found.texts += filter(None, [_string(annotation, b"Contents")])
            elif kind in _NOTES and _string(annotation, b"Contents"):
                found.notes += 1
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    found.lines = list(dict.fromkeys(found.lines))
    return found


@dataclass(frozen=True)
class _Field:
    form: Any
    annotation: Any
    words: "PdfTextPage"
    rects: list[_Box]

    def lines(self) -> Iterator[str]:
        """Yield "label: value" for a field that is filled in; a box says whether it is checked."""
        from pypdfium2 import raw

        kind = raw.FPDFAnnot_GetFormFieldType(self.form, self.annotation)
        if kind == _TEXT and not raw.FPDFAnnot_GetFormFieldFlags(self.form, self.annotation) & _PASSWORD:
            if value := self._asked(raw.FPDFAnnot_GetFormFieldValue):
                yield f"{self._label()}: {value}"
        elif kind in (_COMBO, _LIST):
            if value := ", ".join(self._chosen()) or self._asked(raw.FPDFAnnot_GetFormFieldValue):
                yield f"{self._label()}: {value}"
        elif kind == _CHECK_BOX:
            checked = raw.FPDFAnnot_IsChecked(self.form, self.annotation)
            yield f"{self._label(right=True)}: {'yes' if checked else 'no'}"
        elif kind == _RADIO and raw.FPDFAnnot_IsChecked(self.form, self.annotation):
            name = self._asked(raw.FPDFAnnot_GetFormFieldAlternateName) or self._name()
            value = self._beside(right=True) or self._asked(raw.FPDFAnnot_GetFormFieldExportValue)
            yield f"{name}: {value}"

    def _chosen(self) -> Iterator[str]:
        from pypdfium2 import raw

        for at in range(min(raw.FPDFAnnot_GetOptionCount(self.form, self.annotation), 1_000)):
            if raw.FPDFAnnot_IsOptionSelected(self.form, self.annotation, at):
                yield _wide(partial(raw.FPDFAnnot_GetOptionLabel, self.form, self.annotation, at))

    def _label(self, *, right: bool = False) -> str:
        """Return the text beside a field, right of a box and left of a line; else its tooltip, or its name."""
        from pypdfium2 import raw

        tip = self._asked(raw.FPDFAnnot_GetFormFieldAlternateName)
        beside = self._beside(right=False) or (self._beside(right=True) if right else "")
        return (tip or beside or self._name()).rstrip(" :.\u2026_")

    def _name(self) -> str:
        """Return the last part of a field's name: those before it name the groups that it is in."""
        from pypdfium2 import raw

        return self._asked(raw.FPDFAnnot_GetFormFieldName).rpartition(".")[2]

    def _beside(self, *, right: bool) -> str:
        from pypdfium2 import raw

        rect = raw.FS_RECTF()
        if not raw.FPDFAnnot_GetRect(self.annotation, ctypes.byref(rect)):
            return ""
        box = _Box(rect.left, rect.bottom, rect.right, rect.top)
        middle = (box.bottom + box.top) / 2
        near = [one for one in self.rects if one.bottom - 2 <= middle <= one.top + 2 or _within(box, one)]
        if right:
            apart = [(one.left - box.right, one) for one in near if one.left >= box.right - 2]
        else:
            apart = [(box.left - one.right, one) for one in near if one.right <= box.left + 2]
        distance, nearest = min(apart, key=lambda pair: pair[0], default=(_FARTHEST, None))
        if nearest is None or distance >= (_FARTHEST / 4 if right else _FARTHEST):
            return ""
        return one_line(self.words.get_text_bounded(nearest.left, nearest.bottom, nearest.right, nearest.top))

    def _asked(self, call: Callable[..., int]) -> str:
        return _wide(lambda buffer, size: call(self.form, self.annotation, buffer, size))


def _within(box: _Box, text: _Box) -> bool:
    """Return whether the middle of a text is level with a field."""
    return box.bottom <= (text.bottom + text.top) / 2 <= box.top


def _string(annotation: Any, key: bytes) -> str:
    from pypdfium2 import raw

    return _wide(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _wide(call: Callable[[Any, int], int]) -> str:
    """Return the UTF-16 text that PDFium writes into a buffer of the size that it first asks for."""
    from pypdfium2 import raw

    size = call(None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return one_line(buffer.raw[: size - 2].decode("utf-16-le", "replace").replace("\0", ""))
