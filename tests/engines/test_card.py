"""A model on disk: found by name or path, whole, and its parts belonging together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from perfrnn_live.engines.card import find_model, read_card, shipped_models, write_card
from perfrnn_live.engines.handles import TAUGHT, Handles, HandleSpace
from perfrnn_live.engines.lstm.export import export, handling_graph, step_graph
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.engines.lstm.torch import TorchEngine
from perfrnn_live.engines.lstm.weights import load_network, save_network, save_training_result
from perfrnn_live.engines.registry import ENGINES, WEIGHTS, Loader, load
from perfrnn_live.errors import BadValue, CheckpointMismatch, ModelNotFound
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.sampling.continuation import Continuation
from tests.networks import tiny_network


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model folder to break."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def claim(folder: Path, **claimed: Any) -> None:
    """Let the card say something else, of the model or else of its network."""
    fields = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    for name, value in claimed.items():
        (fields if name in fields else fields["network"])[name] = value
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
    "text", ["", "{", "[]", "{}", "3", '{"network": 3}', '{"network": {"vocabulary": "midi", "layers": 1, "cells": 8}}',
             '{"engine": "lstm", "network": {"vocabulary": "performance-8ms"}}', "\udcff", "[" * 100_000]
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


@pytest.mark.parametrize("read", [OnnxEngine, load_network], ids=["step", "weights"])
@pytest.mark.parametrize(
    "claimed", [{"layers": 0}, {"layers": -1}, {"cells": "24"}, {"layers": 2.0}, {"layers": True}, {"cells": None},
                {"network": {}}, {"handles": None}, {"engine": "markov"}], ids=str
)  # fmt: skip
def test_what_is_no_card_of_an_lstm(read: Callable[[Path], object], claimed: dict[str, Any], model: Path) -> None:
    claim(model, **claimed)
    with pytest.raises(CheckpointMismatch, match=r"card\.json is no model card of an LSTM: "):
        read(model)


@pytest.mark.parametrize(
    "claimed", [{"engine": 3}, {"engine": None}, {"vocabulary": "midi"}, {"vocabulary": []}, {"network": [1]},
                {"handles": 3}, {"handles": {}}], ids=str
)  # fmt: skip
def test_a_card_of_wrong_types(claimed: dict[str, Any], model: Path) -> None:
    claim(model, **claimed)
    with pytest.raises(CheckpointMismatch, match=r"card\.json is no model card: "):
        read_card(model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("densities", "123"), ("densities", [1, "2"]), ("densities", [2.0, 1.0]), ("densities", [1.0, 1.0]),
        ("loudnesses", [True]), ("registers", [float("nan")]), ("registers", {"36": 1}), ("composers", "bach"),
        ("composers", ["bach", "bach"]), ("composers", [1]), ("stress", []), ("stress", {"register": 2.0}),
        ("stress", {"density": "2"}), ("stress", {"density": float("inf")}), ("stress", None),
    ],
    ids=str,
)  # fmt: skip
def test_handles_that_are_none(name: str, value: Any, model: Path) -> None:
    claim(model, handles={**TAUGHT.to_json(), name: value})
    with pytest.raises(CheckpointMismatch, match=r"card\.json is no model card: "):
        read_card(model)


def test_an_engine_that_is_not_known_is_named(model: Path) -> None:
    claim(model, engine="organ")
    for loaders in (ENGINES, WEIGHTS):
        known = ", ".join(loaders)
        with pytest.raises(CheckpointMismatch, match=rf"names the engine 'organ', .* known are {known}$"):
            load(model, loaders)


def test_the_registry_knows_what_plays_and_its_weights(model: Path) -> None:
    assert isinstance(load(model), OnnxEngine)
    assert isinstance(load(model, WEIGHTS), TorchEngine)


def older(folder: Path) -> None:
    """The card as it was before it named an engine."""
    fields = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del fields["engine"], fields["handles"]
    fields["network"]["vocabulary"] = fields.pop("vocabulary")
    (folder / "card.json").write_text(json.dumps(fields), encoding="utf-8")


@pytest.fixture
def first_model(tmp_path: Path) -> Path:
    """A model folder with the corners that all models had at first."""
    space = replace(TAUGHT, soundings=(), stress={"density": 2.0, "composers": 5.0})
    save_network(tmp_path / "first", tiny_network(handles=space.size), {"data": "none"}, space)
    export(tmp_path / "first")
    return tmp_path / "first"


def test_an_older_card_means_what_it_meant(first_model: Path) -> None:
    model = first_model
    new, engine = read_card(model), OnnxEngine(model)
    older(model)
    old = read_card(model)
    assert (old.engine, old.vocabulary, old.network) == (new.engine, new.vocabulary, new.network)
    assert old.handles is not None and old.handles.densities[3] == 4.5 and old.handles.composers[5] == "bach"
    assert load_network(model).config == NetworkConfig(layers=2, cells=24)
    assert old.handles == new.handles and OnnxEngine(model).fingerprint == engine.fingerprint


def test_what_an_older_card_means_does_not_change_with_what_is_taught(
    first_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_card(first_model).handles
    older(first_model)
    monkeypatch.setattr("perfrnn_live.engines.handles.TAUGHT", HandleSpace((1.0, 2.0), (), (), ("bach",)))
    assert read_card(first_model).handles == before


def test_a_model_with_other_corners_obeys_by_its_own(model: Path) -> None:
    """The same weights, their columns in another order: what is asked must arrive at the same ones."""
    network = load_network(model)
    other = replace(TAUGHT, composers=TAUGHT.composers[::-1])
    end = TAUGHT.size - len(TAUGHT.soundings)
    begin = end - len(TAUGHT.composers)
    order = [*range(begin), *reversed(range(begin, end)), *range(end, TAUGHT.size)]
    with torch.no_grad():
        network.handling.asked.weight.copy_(network.handling.asked.weight[:, order].clone())
    wish = Handles(density=5.0, composers=(("chopin", 1.0),))

    def heard(folder: Path, space: HandleSpace, loaders: Mapping[str, Loader]) -> NDArray[np.float32]:
        engine = load(folder, loaders)
        assert engine.handles == space
        moment = Continuation(engine).primed([60, 200, 300])
        return Continuation(engine).expected(moment, wish)

    turned = model.parent / "turned"
    save_network(turned, network, {}, other)
    export(turned)
    np.testing.assert_allclose(heard(model, TAUGHT, WEIGHTS), heard(turned, other, WEIGHTS), rtol=0, atol=1e-5)
    np.testing.assert_allclose(heard(model, TAUGHT, ENGINES), heard(turned, other, ENGINES), rtol=0, atol=1e-3)


def test_a_model_with_fewer_corners(tmp_path: Path) -> None:
    """Trained, written, exported and played with them."""
    space = HandleSpace((2.0, 8.0), (), (40.0, 60.0, 80.0), ("satie",))
    torch.manual_seed(1)
    save_network(tmp_path / "few", PerformanceRNN(NetworkConfig(layers=1, cells=8), handles=space.size), {}, space)
    export(tmp_path / "few")
    engine = load(tmp_path / "few")
    assert engine.handles == space and space.size == 2 + 0 + 3 + 12 + 1
    (moment,) = Continuation(engine).beginning()
    known = Continuation(engine).expected(moment, Handles(density=4.0, composers=(("satie", 1.0),)))
    assert known is not moment.logits
    strange = Handles(loudness=64.0, composers=(("bach", 1.0),))
    assert Continuation(engine).expected(moment, strange) is moment.logits
    assert space.unknown == ("loudness", "sounding") and TAUGHT.unknown == ()
    bach = Handles(composers=(("bach", 1.0),))
    for wish, what in ((strange, "cannot be asked for a loudness$"), (bach, "no composer 'bach' .*; there are satie$")):
        with pytest.raises(BadValue, match=what):
            space.check(wish)
    space.check(Handles(density=4.0, register=50.0, composers=(("satie", 1.0),)))


def test_a_fingerprint_is_of_what_plays(model: Path, tmp_path: Path) -> None:
    def found() -> str:
        return load(model).fingerprint

    first = found()
    assert found() == first == load(shutil.copytree(model, tmp_path / "renamed")).fingerprint
    claim(model, data="another word on the data")
    assert found() == first
    claim(model, handles={**TAUGHT.to_json(), "composers": list(TAUGHT.composers[::-1])})
    turned = found()
    save_network(model, tiny_network(seed=6), {})
    export(model)
    assert len({first, turned, found()}) == 3
    assert {load(model, WEIGHTS).fingerprint, first}.isdisjoint({turned, found()})


def test_weights_come_back_as_half_precision_left_them(tmp_path: Path) -> None:
    network = tiny_network()
    save_network(tmp_path / "new", network, {"data": "none"})
    loaded = load_network(tmp_path / "new")
    assert loaded.config == network.config and not loaded.training
    for name, weight in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float())
    card = read_card(tmp_path / "new")
    assert (card.engine, card.vocabulary, card.handles) == ("lstm", PERFORMANCE_8MS, TAUGHT)
    assert (card.network, card.fields["data"]) == ({"layers": 2, "cells": 24}, "none")


def test_a_training_state_becomes_a_model(tmp_path: Path) -> None:
    network = tiny_network(NetworkConfig(layers=1, cells=8))
    recipe = {"network": network.config.to_json(), "seed": 7}
    validation = {"validation": 2.34567, "validation_asked": 2.3}
    state = {"weights": network.state_dict(), "recipe": recipe, "events": 99, "elapsed_s": 90.0, **validation}
    torch.save(state, tmp_path / "best.pt")
    save_training_result(tmp_path / "best.pt", tmp_path / "model", TAUGHT, "a corpus", "a licence")
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
    if fields["engine"] in ("markov", "rnn"):
        assert 3 < metrics["exact"]["nats_per_event"] < 5
        return
    same_music = metrics["int8_against_fp32"]
    assert 1 < same_music["fp32_nats_per_event"] < 3
    assert abs(same_music["int8_nats_per_event"] - same_music["fp32_nats_per_event"]) <= 0.01
    assert 1 < metrics["int8"]["nats_per_event"] < 3
    assert 0 < metrics["int8"]["nats_per_step"] < metrics["int8"]["nats_per_event"]
    shape = OnnxEngine(folder).start(1).h.shape
    assert shape == (fields["network"]["layers"], 1, fields["network"]["cells"])
    if "weights" in fields:  # those of an earlier network are not kept: it plays on, and no more
        assert "earlier network" in fields["weights"] and not (folder / "weights.safetensors").exists()
    else:
        assert shape == tuple(load_network(folder).start(1)[0].shape)
    assert "engine" in fields and "handles" in fields
