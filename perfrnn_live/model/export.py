"""The network → one step as an ONNX graph of plain matrix products, then int8 weights. Needs the extra `train`.

ONNX Runtime's LSTM operator is made for whole sequences; for one step the same sums written as products leave out its
copying and fuse with int8. Weights become 7-bit (`reduce_range`), because the 8-bit products of processors without VNNI
saturate and would sound different there.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from perfrnn_live.errors import CannotWrite
from perfrnn_live.model.checkpoint import ONNX
from perfrnn_live.model.network import PerformanceRNN
from perfrnn_live.model.weights import load_network
from perfrnn_live.music.keyboard import KEY_FEATURES

_OPSET = 18


def export(folder: Path) -> Path:
    """weights.safetensors of a model folder → its model.onnx, int8, whole or not at all.

    Raises CheckpointMismatch or CannotWrite.
    """
    network = load_network(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
            plain, quantised = Path(scratch) / "fp32.onnx", Path(scratch) / ONNX
            onnx.save(step_graph(network), plain)
            quantise(plain, quantised)
            quantised.replace(folder / ONNX)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder / ONNX}: {error.strerror}") from error
    return folder / ONNX


def quantise(plain: Path, target: Path) -> None:
    """Weights of all products to int8, scaled channel by channel; activations are scaled at each step."""
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises a pre-processing that has nothing to do here
    try:
        quantize_dynamic(
            plain,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.getLogger().setLevel(level)


def step_graph(network: PerformanceRNN) -> onnx.ModelProto:
    """token (batch,) int64, keys (batch, 256), h and c (layers, batch, cells) → logits (batch, size), new h and c."""
    graph = _Graph()
    layers, cells = network.config.layers, network.config.cells
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    x = graph.add("Gather", graph.constant(weights["embedding.weight"]), "token")
    x = graph.add("Add", x, graph.product("keys", weights["keys.weight"]))
    h_in, c_in = (graph.split(name, layers, axis=0) for name in ("h", "c"))
    h_out, c_out = [], []
    for layer in range(layers):
        normed = graph.norm(x, weights[f"layers.{layer}.norm.weight"], weights[f"layers.{layer}.norm.bias"])
        w = {
            part: weights[f"layers.{layer}.lstm.{part}_l0"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        both = graph.add("Concat", normed, graph.squeeze(h_in[layer]), axis=1)
        gates = graph.product(both, np.concatenate([w["weight_ih"], w["weight_hh"]], axis=1))
        i, f, g, o = graph.split(graph.add("Add", gates, graph.constant(w["bias_ih"] + w["bias_hh"])), 4, axis=1)
        forgotten = graph.add("Mul", graph.add("Sigmoid", f), graph.squeeze(c_in[layer]))
        c = graph.add("Add", forgotten, graph.add("Mul", graph.add("Sigmoid", i), graph.add("Tanh", g)))
        h = graph.add("Mul", graph.add("Sigmoid", o), graph.add("Tanh", c))
        x = graph.add("Add", x, h)
        h_out.append(graph.unsqueeze(h))
        c_out.append(graph.unsqueeze(c))
    normed = graph.norm(x, weights["output_norm.weight"], weights["output_norm.bias"])
    logits = graph.add("Add", graph.product(normed, weights["output.weight"]), graph.constant(weights["output.bias"]))
    graph.add("Add", logits, graph.product("keys", weights["keys_output.weight"]), output="logits")
    graph.add("Concat", *h_out, output="new_h", axis=0)
    graph.add("Concat", *c_out, output="new_c", axis=0)

    size = network.config.events.size
    state: list[str | int | None] = [layers, "batch", cells]
    inputs = [
        helper.make_tensor_value_info("token", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("keys", TensorProto.FLOAT, ["batch", KEY_FEATURES]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("h", "c")),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", size]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in ("new_h", "new_c")),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "performance-rnn-step", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    return model


class _Graph:
    """Nodes as they are added; values are known by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def product(self, x: str, weight: NDArray[np.float32]) -> str:
        return self.add("MatMul", x, self.constant(weight.T))

    def norm(self, x: str, scale: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        return self.add("LayerNormalization", x, self.constant(scale), self.constant(bias), axis=-1, epsilon=1e-5)

    def split(self, x: str, parts: int, axis: int) -> list[str]:
        outputs = [f"{x}_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], outputs, axis=axis, num_outputs=parts))
        return outputs

    def squeeze(self, x: str) -> str:
        return self.add("Squeeze", x, self.constant(np.array([0], np.int64)))

    def unsqueeze(self, x: str) -> str:
        return self.add("Unsqueeze", x, self.constant(np.array([0], np.int64)))
