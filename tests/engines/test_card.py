"""A model on disk: found by name or path, whole, and its parts belonging together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from perfrnn_live.engines.base import OnnxEngine
from perfrnn_live.engines.card import find_model, read_card, shipped_models, write_card
from perfrnn_live.engines.lstm.export import handling_graph, step_graph
from perfrnn_live.engines.lstm.network import NetworkConfig
from perfrnn_live.engines.lstm.weights import load_network, save_network, save_training_result
from perfrnn_live.errors import CheckpointMismatch, ModelNotFound
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from tests.networks import tiny_network


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model folder to break."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def claim(folder: Path, **sizes: Any) -> None:
    """Let the card say something else of the network."""
    fields = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    fields["network"].update(sizes)
    (folder / "card.json").write_text(json.dumps(fields), encoding="utf-8")


def test_models_are_found_by_name_and_by_path(model: Path) -> None:
    assert find_model("model", shipped=model.parent) == model
    assert find_model(str(model)) == model


def test_an_unknown_model_shows_the_names_there_are(model: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"'nope'.*: model; or give a folder"):
        find_model("nope", shipped=model.parent)
    with pytest.raises(ModelNotFound, match="none"):
        find_model("nope", shipped=model)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"network": 3}', '{"network": {"vocabulary": "midi", "layers": 1, "cells": 8}}',
             '{"network": {"vocabulary": "performance-8ms", "layers": 0, "cells": 8}}', "\udcff"]
)  # fmt: skip
def test_a_card_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointMismatch, match=r"card\.json is no model card"):
        read_card(tmp_path)


def test_no_card_at_all(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match="no model card"):
        OnnxEngine(tmp_path)


@pytest.mark.parametrize("read", [OnnxEngine, load_network], ids=["step", "weights"])
@pytest.mark.parametrize("claimed", [{"layers": 3}, {"cells": 25}, {"vocabulary": "performance-10ms"}], ids=str)
def test_sizes_that_differ_from_the_card(read: Callable[[Path], object], claimed: dict[str, Any], model: Path) -> None:
    claim(model, **claimed)
    with pytest.raises(CheckpointMismatch, match=str(model)):
        read(model)


@pytest.mark.parametrize(
    "read, name",
    [(OnnxEngine, "model.onnx"), (OnnxEngine, "handling.onnx"), (load_network, "weights.safetensors")],
)
@pytest.mark.parametrize("kept", [None, 0, 1000], ids=["missing", "empty", "torn"])
def test_files_that_are_not_whole(read: Callable[[Path], object], name: str, kept: int | None, model: Path) -> None:
    whole = (model / name).read_bytes()
    (model / name).unlink()
    if kept is not None:
        (model / name).write_bytes(whole[:kept])
    with pytest.raises(CheckpointMismatch, match=name):
        read(model)


OTHERS = {
    "cells": NetworkConfig(layers=2, cells=16),
    "layers": NetworkConfig(layers=1, cells=24),
    "vocabulary": NetworkConfig("performance-10ms", layers=2, cells=24),
}


@pytest.mark.parametrize(
    "graph, other", [("model", "cells"), ("model", "layers"), ("model", "vocabulary"), ("handling", "cells"),
                     ("handling", "vocabulary")]
)  # fmt: skip
def test_a_graph_of_another_network(graph: str, other: str, model: Path) -> None:
    network = tiny_network(OTHERS[other])
    onnx.save({"model": step_graph, "handling": handling_graph}[graph](network), model / f"{graph}.onnx")
    with pytest.raises(CheckpointMismatch, match=rf"{graph}\.onnx and its card differ in size"):
        OnnxEngine(model)


@pytest.mark.parametrize("graph, other", [("model", "handling"), ("handling", "model")])
def test_graphs_that_are_not_what_they_are_called(graph: str, other: str, model: Path) -> None:
    shutil.copy(model / f"{other}.onnx", model / f"{graph}.onnx")
    with pytest.raises(CheckpointMismatch, match=rf"{graph}\.onnx and its card differ in size"):
        OnnxEngine(model)


def test_a_card_of_another_kind_of_network(model: Path) -> None:
    claim(model, heads=4)
    with pytest.raises(CheckpointMismatch, match="heads"):
        load_network(model)


def test_weights_come_back_as_half_precision_left_them(tmp_path: Path) -> None:
    network = tiny_network()
    save_network(tmp_path / "new", network, {"data": "none"})
    loaded = load_network(tmp_path / "new")
    assert loaded.config == network.config and not loaded.training
    for name, weight in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float())
    card = read_card(tmp_path / "new")
    assert (card.vocabulary, card.layers, card.cells, card.fields["data"]) == (PERFORMANCE_8MS, 2, 24, "none")


def test_a_training_state_becomes_a_model(tmp_path: Path) -> None:
    network = tiny_network(NetworkConfig(layers=1, cells=8))
    recipe = {"network": network.config.to_json(), "seed": 7}
    validation = {"validation": 2.34567, "validation_asked": 2.3}
    state = {"weights": network.state_dict(), "recipe": recipe, "events": 99, "elapsed_s": 90.0, **validation}
    torch.save(state, tmp_path / "best.pt")
    save_training_result(tmp_path / "best.pt", tmp_path / "model", "a corpus", "a licence")
    assert load_network(tmp_path / "model").config == network.config
    fields = read_card(tmp_path / "model").fields
    assert (fields["data"], fields["licence"]) == ("a corpus", "a licence")
    figures = {"validation_subset_nats_per_event": 2.3457, "validation_subset_asked_nats_per_event": 2.3}
    training = {"events": 99, "minutes": 1.5, **figures, "recipe": {"seed": 7}}
    assert fields["training"] == training


def test_a_card_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_card(tmp_path, {"data": "Präludien"})
    with pytest.raises(TypeError):
        write_card(tmp_path, {"data": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8")) == {"data": "Präludien"}


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in shipped_models().glob("*/card.json")), ids=lambda folder: folder.name
)
def test_shipped_models_say_what_they_are(folder: Path) -> None:
    fields = read_card(folder).fields
    assert fields["data"] and fields["licence"]
    assert fields["training"]["events"] > 0
    metrics = fields["metrics"]
    same_music = metrics["int8_against_fp32"]
    assert 1 < same_music["fp32_nats_per_event"] < 3
    assert abs(same_music["int8_nats_per_event"] - same_music["fp32_nats_per_event"]) <= 0.01
    assert 1 < metrics["int8"]["nats_per_event"] < 3
    assert 0 < metrics["int8"]["nats_per_step"] < metrics["int8"]["nats_per_event"]
    network = load_network(folder)
    assert OnnxEngine(folder).start(1).h.shape == tuple(network.start(1)[0].shape)
