"""Matrix products of a traced model in eight bits: `round_products`, for `onnx_export`.

Weights get a scale per column, activations one per product at run time. A few channels are wider than all others and
would set the step for them. In products that narrow, which read the inner layer, these stay in fp32 (Dettmers et al.,
2022, https://arxiv.org/abs/2208.07339); in the others a part of their width moves into the weights: see `balance`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Feed = Mapping[str, npt.NDArray[np.int64]]

APART = 4
"""Channels that stay in fp32 in products that narrow. With 2 or 16 the vectors are as near."""

BALANCE = 0.75
"""Share of a channel's width that goes into its weights in other products; .6 loses .00074 of cosine, .9 .00088."""

PAIR = 127
"""Most that two neighbouring weights of one sign may add up to. CPUs without VNNI add two products of an activation
(at most 255) and a weight in sixteen bits: 255 x (127 + 1 for rounding) is below 2^15."""


def round_products(traced: Path, feeds: Sequence[Feed]) -> None:
    """Rewrite the graph in the file `traced`, each product with constant weights in eight bits.

    `feeds` are inputs of the graph on which the width of each channel is measured. Products of one input become one.
    """
    import onnx

    model = onnx.load(traced)
    sharing = _products(model.graph)
    widths = _widths(model, list(sharing), feeds)
    graph = _Graph(model.graph)
    for name, products in sharing.items():
        graph.replace(name, products, widths[name])
    graph.sort()
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, traced)


def rounded(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Round weights to eight bits; return them, and the scale of each column.

    The scale is the least at which no weight exceeds 127 and no two neighbours in a column (rows 0 and 1, 2 and 3, ...)
    add up to more than `PAIR`: one bit more than halving the range for all would leave, and no CPU overflows.
    """
    even = np.pad(weights, ((0, len(weights) % 2), (0, 0)))
    pairs = [np.maximum(side[0::2], 0) + np.maximum(side[1::2], 0) for side in (even, -even)]
    scales = np.maximum(np.maximum(*pairs).max(axis=0) / PAIR, np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(weights / scales).astype(np.int8), scales


def balance(widths: Floats, weights: Floats) -> Floats:
    """Return powers of two that channels are divided by, and the rows of weights multiplied by, before both are
    rounded.

    SmoothQuant's (Xiao et al., 2023, https://arxiv.org/abs/2211.10438): without rounding the product is the same.
    """
    rows = np.maximum(np.abs(weights).max(axis=1), np.finfo(np.float32).tiny)
    logs = np.log2(np.maximum(widths, 1e-6)) * BALANCE - np.log2(rows) * (1 - BALANCE)
    steps: Floats = np.exp2(np.rint(logs - logs.mean())).astype(np.float32)
    return steps


def _products(graph: Any) -> dict[str, list[Any]]:
    """Return for each input the products that multiply it with a constant matrix."""
    matrices = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    found: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in matrices:
            found.setdefault(node.input[0], []).append(node)
    return found


def _widths(model: Any, names: Sequence[str], feeds: Sequence[Feed]) -> dict[str, Floats]:
    """Return for each tensor the largest absolute value that a channel takes over all feeds."""
    import onnx
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = [session.run(list(names), dict(feed)) for feed in feeds]
    return {
        name: np.max([np.abs(run[at]).reshape(-1, run[at].shape[-1]).max(axis=0) for run in runs], axis=0)
        for at, name in enumerate(names)
    }


class _Graph:
    """A graph whose products are replaced one input at a time."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self._graph = graph
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._readers: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def replace(self, name: str, products: Sequence[Any], widths: Floats) -> None:
        """Put one product in eight bits, with its biases, in the place of the `products` of the tensor `name`."""
        weights = np.hstack([self._constants[node.input[1]] for node in products])
        biases, outputs = zip(*(self._bias(node) for node in products), strict=True)
        bias = np.hstack(biases)
        narrowing = len(weights) > len(bias)
        if narrowing:
            apart = np.sort(np.argsort(-widths, kind="stable")[:APART])
            factors = np.ones(len(weights), dtype=np.float32)
            factors[apart] = 0
            total = self._product(name, weights, factors, factors, bias)
            wide = self._node("Gather", name, self._constant(name, "apart", apart), axis=-1)
            rest = self._node("MatMul", wide, self._constant(name, "weights", weights[apart]))
            total = self._node("Add", total, rest)
        else:
            steps = balance(widths, weights)
            total = self._product(name, weights, np.reciprocal(steps), steps, bias)
        if len(products) == 1:
            self._nodes("Identity", [total], outputs)
        else:
            sizes = self._constant(name, "sizes", np.array([len(one) for one in biases]))
            self._nodes("Split", [total, sizes], outputs, axis=-1)

    def _product(self, name: str, weights: Floats, factors: Floats, rows: Floats, bias: Floats) -> str:
        """Return the tensor times `factors`, in eight bits, times the weights with their rows times `rows`, plus the
        bias."""
        values, scales = rounded(weights * rows[:, None])
        scaled = self._node("Mul", name, self._constant(name, "factors", factors))
        quantized, scale, zero = self._nodes("DynamicQuantizeLinear", [scaled], 3)
        return self._node(
            "MatMulIntegerToFloat",
            quantized,
            self._constant(name, "values", values),
            scale,
            self._constant(name, "scales", scales),
            zero,
            self._constant(name, "zeros", np.zeros(len(scales), dtype=np.int8)),
            self._constant(name, "bias", bias),
            domain="com.microsoft",
        )

    def sort(self) -> None:
        """Put every node behind those whose outputs it reads, and drop the constants that none reads."""
        made = {one.name for part in (self._graph.input, self._graph.initializer) for one in part} | {""}
        waiting, ordered = list(self._graph.node), []
        while waiting:
            ready = [node for node in waiting if made.issuperset(node.input)]
            made.update(name for node in ready for name in node.output)
            waiting = [node for node in waiting if not made.issuperset(node.output)]
            ordered += ready
        del self._graph.node[:]
        self._graph.node.extend(ordered)
        read = {name for node in ordered for name in node.input}
        constants = [tensor for tensor in self._graph.initializer if tensor.name in read]
        del self._graph.initializer[:]
        self._graph.initializer.extend(constants)

    def _bias(self, product: Any) -> tuple[Floats, str]:
        """Return the bias that is added to a product, and the tensor that holds the sum; both nodes leave the graph."""
        self._graph.node.remove(product)
        output = product.output[0]
        readers = self._readers.get(output, [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            others = [self._constants.get(name) for name in readers[0].input if name != output]
            if len(others) == 1 and others[0] is not None and others[0].ndim == 1:
                self._graph.node.remove(readers[0])
                return others[0], readers[0].output[0]
        return np.zeros(self._constants[product.input[1]].shape[1], dtype=np.float32), output

    def _constant(self, of: str, what: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"{of}.{what}"
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self._nodes(kind, inputs, 1, **attributes)[0]

    def _nodes(self, kind: str, inputs: Sequence[str], outputs: int | Sequence[str], **attributes: Any) -> list[str]:
        from onnx import helper

        if isinstance(outputs, int):
            outputs = [f"{inputs[0]}.{kind}.{at}" for at in range(outputs)]
        self._graph.node.append(helper.make_node(kind, list(inputs), list(outputs), **attributes))
        return list(outputs)
