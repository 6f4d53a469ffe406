"""Words are found in the index however a document writes them, and in the titles above a text."""

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

from ragloop.corpus.index.searching.search import Search
from tests.support.constant_embedder import ConstantEmbedder
from tests.support.indexed_folder import IndexedFolder

DOCUMENTS = {
    "german.md": normalize("NFD", "# Betrieb\n\nDie Kühlwasserrückführung öffnet.\n"),
    "hyphens.md": "# Anlage\n\nDer Haupt\u00adstrom\u00adversor\u00adgungs\u00adschrank ist rot.\n",
    "narrow.md": "# Harbour\n\nThe lighter\u200bbarge waits.\n",
    "ligature.md": "# Office\n\nThe ofﬁcial ﬂoorplan hangs there.\n",
    "arabic.md": "# نص\n\nالسَّفِينَةُ في المــيناء.\n",
    "persian.md": "# متن\n\nدرخت\u200cها سبز هستند.\n",
    "chinese.md": "# 说明\n\n水泵的最大流量为每小时八吨。\n",
    "japanese.md": "# 説明\n\nこのポンプの最大圧力は三気圧です。\n",
    "thai.md": "# คู่มือ\n\nปั๊มน้ำเครื่องนี้หนักสิบกิโลกรัม\n",
    "russian.md": "# Текст\n\nЭлектроэнергетический цех закрыт.\n",
    "titled.md": "---\ntitle: Turbine overhaul\n---\n\nRemove the cover first.\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> IndexedFolder:
    root: Path = tmp_path_factory.mktemp("words")
    folder = IndexedFolder(root / "home", root / "docs")
    for name, text in DOCUMENTS.items():
        folder.write(name, text)
    for number in range(30):
        folder.write(f"other{number:02}.md", f"# Ledger {number}\n\nEntry {number} of the ledger was signed.\n")
    folder.sync()
    return folder


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Kühlwasserrückführung", "german.md"),
        ("Hauptstromversorgungsschrank", "hyphens.md"),
        ("lighterbarge", "narrow.md"),
        ("light\u00aderbarge", "narrow.md"),
        ("official floorplan", "ligature.md"),
        ("السفينة", "arabic.md"),
        ("سفينة", "arabic.md"),
        ("ميناء", "arabic.md"),
        ("درختها", "persian.md"),
        ("最大流量", "chinese.md"),
        ("ポンプ", "japanese.md"),
        ("ปั๊มน้ำ", "thai.md"),
        ("электроэнергетический", "russian.md"),
        ("turbine overhaul", "titled.md"),
    ],
)  # fmt: skip
def test_the_document_that_has_the_words_is_found_by_them_alone(index: IndexedFolder, query: str, name: str) -> None:
    app = index.app()
    vector = np.zeros(ConstantEmbedder().dimension, np.float32)
    found = Search(app.index).by_words(query, vector, 5)
    assert found
    assert found[0]["uri"].endswith(f"/{name}")


def test_the_text_that_is_shown_stays_as_its_document_has_it(index: IndexedFolder) -> None:
    assert any("Haupt\u00adstrom" in row["text"] for row in index.contents().values() if row["kind"] == "chunk")
