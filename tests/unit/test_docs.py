"""What docs/ says of the code is generated from it, and fresh."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_storage_page_is_what_the_schemas_say():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (DOCS / "storage.md").read_text(encoding="utf-8") == generate.storage(), "run `python docs/generate.py`"
