"""Which embedder a name means, and what is said when there is none."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.models.cache import damaged_files, default_cache
from ragloop.models.embedding.onnx_runtime import OnnxEmbedder
from ragloop.models.embedding.runtimes import export_folder, open_embedder, packaged_model
from ragloop.models.embedding.sentence_transformer import SentenceTransformerEmbedder


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised BERT of two layers with CLS pooling, saved as sentence-transformers saves models."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as parts
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    packaged = packaged_model("all-MiniLM-L6-v2")
    assert packaged is not None
    folder = tmp_path_factory.mktemp("tiny")
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        (folder / file).write_bytes((packaged / file).read_bytes())
    config = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(folder)
    transformer = parts.Transformer(str(folder), max_seq_length=32)
    saved = folder / "saved"
    SentenceTransformer(modules=[transformer, parts.Pooling(16, pooling_mode="cls")], device="cpu").save(str(saved))
    return saved


@pytest.mark.realmodel
def test_the_default_model_is_found_by_either_of_its_names_and_runs_on_onnx() -> None:
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        assert isinstance(open_embedder(name, default_cache()), OnnxEmbedder)


@pytest.mark.realmodel
def test_a_question_is_embedded_without_torch() -> None:
    code = (
        "import json, sys; from ragloop.models.cache import default_cache; "
        "from ragloop.models.embedding.runtimes import open_embedder; "
        "open_embedder('all-MiniLM-L6-v2', default_cache()).embed(['a question']); "
        "print(json.dumps([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules]))"
    )
    open_embedder("all-MiniLM-L6-v2", default_cache())  # so that the export does not happen in the measured process
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == []


@pytest.mark.long
def test_a_folder_runs_on_sentence_transformers_and_on_request_on_onnx(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ragloop")
    torch = open_embedder(str(tiny_model), tmp_path)
    onnx = open_embedder(str(tiny_model), tmp_path, backend="onnx")
    assert isinstance(torch, SentenceTransformerEmbedder)
    assert isinstance(onnx, OnnxEmbedder)
    assert torch.fingerprint == onnx.fingerprint
    texts = ["a text", "a longer text " * 40, ""]
    assert (torch.embed(texts) * onnx.embed(texts)).sum(axis=1).min() >= 0.9999
    assert len(caplog.messages) == 1
    assert str(tiny_model) in caplog.messages[0]

    open_embedder(str(tiny_model), tmp_path, backend="onnx")
    assert len(caplog.messages) == 1

    folder = export_folder(str(tiny_model), tmp_path, "onnx")
    assert folder is not None
    assert damaged_files(folder) == []
    weights = folder / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert damaged_files(folder) == ["model.onnx"]
    with pytest.raises(UnavailableError, match=f"{folder} cannot be loaded .* delete that folder"):
        open_embedder(str(tiny_model), tmp_path, backend="onnx")


def test_a_model_that_wants_words_before_questions_gets_them_on_either_runtime(
    tiny_model: Path, tmp_path: Path
) -> None:
    with_prompts = tmp_path / "with-prompts"
    shutil.copytree(tiny_model, with_prompts)
    told = with_prompts / "config_sentence_transformers.json"
    config = json.loads(told.read_text(encoding="utf-8"))
    told.write_text(json.dumps({**config, "prompts": {"query": "which passage says: ", "document": "it says: "}}))

    plain = open_embedder(str(tiny_model), tmp_path)
    torch = open_embedder(str(with_prompts), tmp_path)
    onnx = open_embedder(str(with_prompts), tmp_path, backend="onnx")
    assert isinstance(plain, SentenceTransformerEmbedder)
    assert isinstance(torch, SentenceTransformerEmbedder)
    assert isinstance(onnx, OnnxEmbedder)
    assert torch.fingerprint == onnx.fingerprint != plain.fingerprint
    assert torch.questions_differ
    assert onnx.questions_differ
    assert not plain.questions_differ

    texts = ["a text", "a longer text " * 40]
    for one in (torch, onnx):
        np.testing.assert_allclose(one.embed(texts[:1]), plain.embed(["it says: a text"]), atol=1e-4)
        asked = plain.embed(["which passage says: a text"])
        np.testing.assert_allclose(one.embed_questions(texts[:1]), asked, atol=1e-4)
    assert (torch.embed_questions(texts[:1]) * onnx.embed_questions(texts[:1])).sum() >= 0.9999


@pytest.mark.long
def test_a_model_that_is_not_there_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    missing = str(tmp_path / "no-such-model")
    for backend in ("onnx", "sentence-transformers"):
        with pytest.raises(NotFoundError, match="no embedding model") as raised:
            open_embedder(missing, tmp_path / "cache", backend=backend)
        assert missing in str(raised.value)
        assert "\n" not in str(raised.value)
    assert not list((tmp_path / "cache").rglob("*.onnx"))


def test_a_folder_that_holds_no_model_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no embedding model"):
        open_embedder(str(tmp_path / "empty"), tmp_path / "cache")
