"""Matrix products in eight bits: nothing overflows on any CPU, and the products are near."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ragloop.models.embedding.onnx_int8 import balance, round_products, rounded

LARGEST_ACTIVATION = 255
SIXTEEN_BITS = 2**15 - 1


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_no_sum_of_two_products_overflows_sixteen_bits(rows: int) -> None:
    weights = np.random.default_rng(rows).standard_normal((rows, 200)).astype(np.float32)
    weights[0] *= 30
    values, scales = rounded(weights)
    even = np.pad(values.astype(int), ((0, rows % 2), (0, 0)))
    for side in (even, -even):
        pairs = np.maximum(side[0::2], 0) + np.maximum(side[1::2], 0)
        assert pairs.max() * LARGEST_ACTIVATION <= SIXTEEN_BITS
    assert np.all(np.abs(values * scales - weights) <= scales * 0.5001)


def test_a_column_of_zeros_stays_zero() -> None:
    values, scales = rounded(np.zeros((4, 3), dtype=np.float32))
    assert not values.any()
    assert np.isfinite(scales).all()


def test_balancing_changes_no_product() -> None:
    random = np.random.default_rng(0)
    inputs, weights = random.standard_normal((5, 8)).astype(np.float32), random.standard_normal((8, 6))
    inputs[:, 3] *= 100
    steps = balance(np.abs(inputs).max(axis=0), weights.astype(np.float32))
    assert steps.argmax() == 3
    np.testing.assert_allclose((inputs / steps) @ (weights * steps[:, None]), inputs @ weights, rtol=1e-5)


@pytest.mark.parametrize("channels", [16, 64])
def test_products_with_a_wide_channel_are_near(tmp_path: Path, channels: int) -> None:
    # Two products of one input, one with a bias: of 16 channels they widen, of 64 they narrow.
    random = np.random.default_rng(0)
    weights = [random.standard_normal((channels, 24)).astype(np.float32) for _ in range(2)]
    constants = {"left": weights[0], "right": weights[1], "bias": np.ones(24, dtype=np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "left"], ["product"]),
        helper.make_node("Add", ["bias", "product"], ["with_bias"]),
        helper.make_node("MatMul", ["x", "right"], ["without"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("with_bias", "without")]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["row", channels])]
    file = tmp_path / "model.onnx"
    model = helper.make_graph(nodes, "two", values, outputs, tensors)
    onnx.save(helper.make_model(model, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), file)
    inputs = random.standard_normal((32, channels)).astype(np.float32)
    inputs[:, 5] *= 100

    round_products(file, [{"x": inputs}])

    kinds = [node.op_type for node in onnx.load(file).graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 1
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for found, exact in zip(
        session.run(None, {"x": inputs}), (inputs @ weights[0] + 1, inputs @ weights[1]), strict=True
    ):
        apart = inputs.copy()
        apart[:, 5] = 0
        assert np.abs(found - exact).mean() < 0.3 * np.abs(apart @ weights[0]).mean()
