"""The network → ONNX graphs of plain matrix products for one step, then int8 weights. Needs the extra `train`.

ONNX Runtime's LSTM operator is made for whole sequences; for one step the same sums written as products leave out its
copying and fuse with int8. Weights become 7-bit (`reduce_range`), because the 8-bit products of processors without VNNI
saturate and would sound different there. Only what lies around the keys is multiplied as it is: how lately each was
struck is too fine for eight bits, and costs three quarters of what int8 would (0.0046 nats an event).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from perfrnn_live.engines.card import HANDLING, ONNX
from perfrnn_live.engines.lstm.line import LineScores
from perfrnn_live.engines.lstm.network import FIRST_SHIFT, PerformanceRNN
from perfrnn_live.engines.lstm.weights import load_network
from perfrnn_live.errors import CannotWrite
from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.reminders import (
    KEY_PLACES,
    REMINDERS,
    RETURN_KEY_PLACE,
    RETURN_LEVEL_PLACE,
    STEP_PLACES,
    VALUES,
    VELOCITY_PLACES,
)
from perfrnn_live.music.returns import LEVELS
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS

_OPSET = 18
_EXACT = "exact"  # how nodes are called that stay as they are


def export(folder: Path) -> list[Path]:
    """weights.safetensors of a model folder → its model.onnx and handling.onnx, int8, both or neither.

    Raises CheckpointMismatch or CannotWrite.
    """
    network = load_network(folder)
    name = ONNX
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
            plain = Path(scratch) / "fp32.onnx"
            for name, graph in ((ONNX, step_graph(network)), (HANDLING, handling_graph(network))):
                onnx.save(graph, plain)
                quantise(plain, Path(scratch) / name)
            for name in (ONNX, HANDLING):
                (Path(scratch) / name).replace(folder / name)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder / name}: {error.strerror}") from error
    return [folder / ONNX, folder / HANDLING]


def quantise(plain: Path, target: Path) -> None:
    """Weights of all products but the exact ones to int8, scaled channel by channel; activations are scaled at each
    step."""
    names = [node.name for node in onnx.load(plain).graph.node]
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises a pre-processing that has nothing to do here
    try:
        quantize_dynamic(
            plain,
            target,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=[name for name in names if name.startswith(_EXACT)],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.getLogger().setLevel(level)


def step_graph(network: PerformanceRNN) -> onnx.ModelProto:
    """token (batch,) and reminders (batch, REMINDERS) int64, keys (batch, 256), h and c (layers, batch, cells) → logits
    (batch, size), inner (batch, cells), new h and c."""
    graph = _Graph()
    layers, cells = network.config.layers, network.config.cells
    weights = _weights(network)
    # the event's row and those of the reminders out of one table, in half precision, as the weights are kept
    events = network.config.events.inputs
    table = np.concatenate([weights["embedding.weight"], weights["reminders.weight"]]).astype(np.float16)
    first_rows = events + VALUES * np.arange(REMINDERS)
    reminded = graph.add("Add", "reminders", graph.constant(first_rows))
    rows = graph.add("Concat", graph.unsqueeze("token", 1), reminded, axis=1)
    looked_up = graph.add("Cast", graph.add("Gather", graph.constant(table), rows), to=TensorProto.FLOAT)
    x = graph.add("ReduceSum", looked_up, graph.constant(np.array([1])), keepdims=0)
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
        h_out.append(graph.unsqueeze(h, 0))
        c_out.append(graph.unsqueeze(c, 0))
    graph.norm(x, weights["output_norm.weight"], weights["output_norm.bias"], output="inner")
    logits = graph.linear("inner", weights["output.weight"], weights["output.bias"])
    logits = graph.add("Add", logits, graph.product("keys", weights["keys_output.weight"]))
    graph.add("Add", logits, _scores(graph, network), output="logits")
    graph.add("Concat", *h_out, output="new_h", axis=0)
    graph.add("Concat", *c_out, output="new_c", axis=0)

    size, state = network.config.events.size, (layers, "batch", cells)
    inputs = [
        _value("token", "batch", kind=TensorProto.INT64),
        _value("keys", "batch", KEY_FEATURES),
        _value("reminders", "batch", REMINDERS, kind=TensorProto.INT64),
        *(_value(name, *state) for name in ("h", "c")),
    ]
    outputs = [_value("logits", "batch", size), _value("inner", "batch", cells)]
    return graph.model("performance-rnn-step", inputs, outputs + [_value(name, *state) for name in ("new_h", "new_c")])


def _scores(graph: _Graph, network: PerformanceRNN) -> str:
    """What the lines add to the logits, (batch, size), as `PerformanceRNN.scores` has it."""
    sounding, recency = graph.split("keys", 2, axis=1)
    eighth = graph.power_of_two(recency, 3)
    level = graph.add("Cast", graph.columns("reminders", [RETURN_LEVEL_PLACE]), to=TensorProto.FLOAT)
    sure = graph.add("Mul", graph.unsqueeze(level, 2), graph.constant(np.array(1 / LEVELS, np.float32)))
    followed = graph.marks(graph.columns("reminders", KEY_PLACES), PITCHES)
    returning = graph.add("Mul", graph.marks(graph.columns("reminders", [RETURN_KEY_PLACE]), PITCHES), sure)
    touched = [graph.unsqueeze(x, 1) for x in (sounding, recency, eighth, graph.power_of_two(eighth, 3))]
    keys = graph.add("Concat", *touched, followed, returning, axis=1)
    shifts = network.shift_scores.length
    steps = graph.add("Sub", graph.columns("reminders", STEP_PLACES), graph.constant(np.array(FIRST_SHIFT)))
    bins = graph.columns("reminders", VELOCITY_PLACES)
    scores = (
        _line_scores(graph, network.key_scores, keys, exact=True),
        _line_scores(graph, network.shift_scores, graph.marks(steps, shifts)),
        _line_scores(graph, network.velocity_scores, graph.marks(bins, VELOCITY_BINS)),
    )
    return graph.add("Concat", *scores, axis=1)


def _line_scores(graph: _Graph, line: LineScores, planes: str, exact: bool = False) -> str:
    """planes (batch, planes, length) → (batch, outputs · length), as `LineScores` has it; `exact` if there is more on
    them than marks."""
    weights = _weights(line)
    count = len(weights["kernel"])
    padded = graph.add("Pad", planes, graph.constant(np.array([0, 0, line.reach, 0, 0, line.reach])))
    flat = graph.add("Reshape", padded, graph.constant(np.array([-1, count * (line.length + 2 * line.reach)])))
    starts = line.block * np.arange(line.length // line.block)[:, None, None]
    rows = (line.length + 2 * line.reach) * np.arange(count)[:, None]
    places = (starts + rows + np.arange(line.width)).reshape(len(starts), -1)  # (blocks, planes · width)
    blocks = graph.add("Gather", flat, graph.constant(places), axis=1)
    around = graph.product(blocks, line.banded().detach().numpy().T, exact)
    around = graph.add("Reshape", around, graph.constant(np.array([0, line.length, -1])))
    gate = graph.unsqueeze(graph.linear("inner", weights["gate.weight"], weights["gate.bias"]), 1)
    x = graph.silu(graph.add("Add", around, gate))
    x = graph.silu(graph.linear(x, weights["hidden.weight"], weights["hidden.bias"]))
    x = graph.linear(x, weights["output.weight"], weights["output.bias"])
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    return graph.add("Reshape", x, graph.constant(np.array([0, -1])))


def handling_graph(network: PerformanceRNN) -> onnx.ModelProto:
    """inner (batch, cells), asked (batch, handles) → added (batch, size)."""
    graph = _Graph()
    weights = {name.removeprefix("handling."): array for name, array in _weights(network).items()}
    expected = graph.linear("inner", weights["expected.weight"], weights["expected.bias"])
    x = graph.silu(graph.add("Add", expected, graph.product("asked", weights["asked.weight"])))
    x = graph.norm(x, weights["norm.weight"], weights["norm.bias"])
    x = graph.silu(graph.linear(x, weights["hidden.weight"], weights["hidden.bias"]))
    graph.linear(x, weights["output.weight"], weights["output.bias"], output="added")
    handles = network.handling.asked.in_features
    inputs = [_value("inner", "batch", network.config.cells), _value("asked", "batch", handles)]
    return graph.model("performance-rnn-handling", inputs, [_value("added", "batch", network.config.events.size)])


def _weights(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}


def _value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


class _Graph:
    """Nodes as they are added; values are known by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, name: str = "", **attributes: Any) -> str:
        output = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name or None, **attributes))
        return output

    def product(self, x: str, weight: NDArray[np.float32], exact: bool = False) -> str:
        name = f"{_EXACT}_{len(self.nodes)}" if exact else ""
        return self.add("MatMul", x, self.constant(weight.T), name=name)

    def linear(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], output: str | None = None) -> str:
        return self.add("Add", self.product(x, weight), self.constant(bias), output=output)

    def norm(self, x: str, scale: NDArray[np.float32], bias: NDArray[np.float32], output: str | None = None) -> str:
        parameters = (self.constant(scale), self.constant(bias))
        return self.add("LayerNormalization", x, *parameters, output=output, axis=-1, epsilon=1e-5)

    def silu(self, x: str) -> str:
        return self.add("Mul", x, self.add("Sigmoid", x))

    def power_of_two(self, x: str, doublings: int) -> str:
        """x to the power 2 ** `doublings`."""
        for _ in range(doublings):
            x = self.add("Mul", x, x)
        return x

    def columns(self, x: str, places: Sequence[int]) -> str:
        return self.add("Gather", x, self.constant(np.array(places)), axis=1)

    def marks(self, places: str, length: int) -> str:
        """places (batch, planes) int64 → (batch, planes, length), 1 at each place."""
        there = self.add("Equal", self.unsqueeze(places, 2), self.constant(np.arange(length)))
        return self.add("Cast", there, to=TensorProto.FLOAT)

    def split(self, x: str, parts: int, axis: int) -> list[str]:
        outputs = [f"{x}_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x], outputs, axis=axis, num_outputs=parts))
        return outputs

    def squeeze(self, x: str) -> str:
        return self.add("Squeeze", x, self.constant(np.array([0], np.int64)))

    def unsqueeze(self, x: str, axis: int) -> str:
        return self.add("Unsqueeze", x, self.constant(np.array([axis], np.int64)))

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished graph. Raises onnx's errors if it is none."""
        model = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, outputs, self.constants),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=10,
        )
        onnx.checker.check_model(model)
        return model
