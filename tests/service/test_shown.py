"""What a caller gets of an answer."""

from dataclasses import replace

from ragloop.answering.retrieval import as_text
from ragloop.records import Answer, Citation, LaneName
from ragloop.service.wire.shown import show

CODE = "Take the first:\n```py\nrows[1] = rows[0]\n```\n[1]"


def answer(text: str) -> Answer:
    passage = as_text({"text": "x", "heading": "", "text_hash": "", "document_id": "d", "uri": "file:///rows.md"})
    cited = Citation(1, passage.uri, "", 0, 1, "c", "d", "r")
    return Answer("i", "How?", text, False, (cited,), (replace(passage, title="Rows"),), LaneName.BASE_RAG, "m", None)


def test_an_index_in_code_is_no_citation() -> None:
    shown = show(answer(CODE), inline_links=False)
    assert [(one.start, one.end) for one in shown.annotations] == [(len(CODE) - 3, len(CODE))]
    assert shown.annotations[0].title == "Rows"
