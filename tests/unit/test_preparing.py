"""Documents are prepared one by one: what fails in one is its own reason, and the next goes on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ragloop.corpus.isolation import process as isolation
from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.sources.local import LocalFolder
from ragloop.corpus.sync.preparing.preparation import Preparation
from ragloop.corpus.sync.preparing.prepared import Prepared
from ragloop.errors import NotFoundError, UnavailableError


def _prepared(folder: Path, count_tokens: Callable[[Sequence[str]], list[int]]) -> list[Prepared]:
    for key in ("a.md", "b.md", "c.md"):
        (folder / key).write_text(f"# {key}\n\ntext of {key}\n")
    source = LocalFolder("docs", folder)
    preparation = Preparation(source, {}, count_tokens, chunk_tokens=100, max_bytes=10_000)
    return list(preparation.documents(source.list()))


def _failing(error: Exception) -> Callable[[Sequence[str]], list[int]]:
    def count_tokens(texts: Sequence[str]) -> list[int]:
        if any("b.md" in text for text in texts):
            raise error
        return [len(text.split()) for text in texts]

    return count_tokens


@pytest.mark.parametrize("error", [Exception("bare"), KeyError("word"), OverflowError("long"), RecursionError("deep")])
def test_a_tokenizer_that_fails_quarantines_its_document_alone(tmp_path: Path, error: Exception) -> None:
    first, failed, last = _prepared(tmp_path, _failing(error))
    assert first.chunks
    assert last.chunks
    assert failed.chunks is None
    assert failed.revision is not None
    assert failed.reason is not None
    assert f"the chunker failed with {type(error).__name__}: {error}" in failed.reason


@pytest.mark.parametrize("error", [UnavailableError("the model is away"), NotFoundError("the model is gone")])
def test_a_model_that_is_away_is_no_fault_of_a_document(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error), match="the model is"):
        _prepared(tmp_path, _failing(error))


def test_a_parser_that_fails_quarantines_its_document_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def failing(data: bytes, media_type: str, name: str, limits: ParseLimits) -> object:
        if name == "b.md":
            raise RuntimeError("unexpected")
        return parse(data, media_type, name, limits)

    monkeypatch.setattr(isolation, "parse", failing)
    assert [one.reason and one.reason.split(";")[0] for one in _prepared(tmp_path, _failing(ValueError()))][1] == (
        "the parser failed with RuntimeError: unexpected"
    )
