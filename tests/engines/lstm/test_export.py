"""The int8 graphs: as good as their weights, whole or not at all."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.export import export, quantise
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.engines.lstm.weights import load_network, save_network
from perfrnn_live.errors import CannotWrite
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.reminders import REMINDERS, VALUES
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate
from perfrnn_live.training.corpus import TokenCorpus, find_recordings
from tests.networks import corpus_of, save_fp32, tiny_network

WORSE = 0.01  # nats per event that int8 may cost


@pytest.fixture(scope="module")
def shipped_fp32(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxEngine:
    return OnnxEngine(save_fp32(shipped, tmp_path_factory.mktemp("shipped")))


def loss(engine: OnnxEngine, corpus: TokenCorpus) -> float:
    return evaluate(engine, corpus, events_each=2000).figures()["nats_per_event"]


def test_int8_hears_real_music_as_well(shipped: Path, shipped_fp32: OnnxEngine, maestro: Path) -> None:
    recordings = find_recordings(maestro, "validation")[:4]
    corpus = corpus_of(*(encode(read_notes(path), PERFORMANCE_8MS) for path in recordings))
    assert loss(OnnxEngine(shipped), corpus) <= loss(shipped_fp32, corpus) + WORSE


def test_int8_hears_the_models_own_music_as_well(shipped: Path, shipped_fp32: OnnxEngine) -> None:
    """Played by the full-precision step: what int8 played would flatter int8."""
    continuation = Continuation(shipped_fp32)
    (start,) = continuation.beginning()
    pieces = generate(continuation, start, 8, Controls(), np.random.default_rng(1), count=4)
    corpus = corpus_of(*pieces)
    assert loss(OnnxEngine(shipped), corpus) <= loss(shipped_fp32, corpus) + WORSE


def arrays(path: Path, kind: type[np.generic]) -> list[NDArray[np.generic]]:
    """The weights of a graph that are of one kind, without biases and scales."""
    initializers = map(numpy_helper.to_array, onnx.load(path).graph.initializer)
    return [array for array in initializers if array.dtype == kind and array.ndim == 2]


def signature(path: Path) -> dict[str, tuple[int, tuple[int | str, ...]]]:
    """Of each input and output of a graph, its type and its shape."""
    graph = onnx.load(path).graph
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            tuple(each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim),
        )
        for value in (*graph.input, *graph.output)
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_weights_have_seven_bits_and_logging_is_as_it_was(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    graphs = [folder / "model.onnx", folder / "handling.onnx"]
    for graph in graphs:
        graph.unlink()
    level = logging.getLogger().level
    assert export(folder) == graphs
    assert logging.getLogger().level == level
    step, handling = (arrays(graph, np.int8) for graph in graphs)
    layers = [(24, 413), (48, 96), (48, 96), (256, 24), (256, 413)]
    keys = [(24, 32), (32, 32), (32, 2)]  # the gate; what is made of the features. The band is as it is
    shifts = [(9 * 49, 25 * 16), (24, 16), (16, 16), (16, 1)]
    velocities = [(8 * 62, 32 * 16), (24, 16), (16, 16), (16, 1)]
    assert sorted(array.shape for array in step) == sorted([*layers, *keys, *shifts, *velocities])
    assert sorted(array.shape for array in handling) == [(24, 24), (24, 24), (24, 413), (TAUGHT.size, 24)]
    for array in (*step, *handling):
        assert array.min() >= -64 and array.max() <= 64 and abs(array).max() > 50
    assert [array.shape for array in arrays(graphs[0], np.float32)] == [(7 * 64, 16 * 32)]  # the band of the keys
    assert not arrays(graphs[1], np.float32)
    assert sorted(contents(folder)) == ["card.json", "handling.onnx", "model.onnx", "weights.safetensors"]


def test_events_and_reminders_are_one_table_in_half_precision(tiny_model: Path, tiny_fp32: Path) -> None:
    """As the weights are kept, so that nothing is lost in it."""
    network = load_network(tiny_model)
    tables = [network.embedding.weight, network.reminders.weight]
    kept = np.concatenate([table.detach().half().numpy() for table in tables])
    assert kept.shape == (415 + REMINDERS * VALUES, 24)
    for folder in (tiny_model, tiny_fp32):
        (table,) = arrays(folder / "model.onnx", np.float16)
        np.testing.assert_array_equal(table, kept)
    assert not arrays(tiny_model / "handling.onnx", np.float16)


@pytest.mark.parametrize("folder", ["tiny_model", "tiny_fp32"])
def test_what_goes_in_and_what_comes_out(folder: str, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(folder)
    numbers, state = (TensorProto.FLOAT, ("batch", 24)), (TensorProto.FLOAT, (2, "batch", 24))
    assert signature(model / "model.onnx") == {
        "token": (TensorProto.INT64, ("batch",)),
        "keys": (TensorProto.FLOAT, ("batch", 256)),
        "reminders": (TensorProto.INT64, ("batch", REMINDERS)),
        "h": state,
        "c": state,
        "logits": (TensorProto.FLOAT, ("batch", 413)),
        "inner": numbers,
        "new_h": state,
        "new_c": state,
    }
    assert signature(model / "handling.onnx") == {
        "inner": numbers,
        "asked": (TensorProto.FLOAT, ("batch", TAUGHT.size)),
        "added": (TensorProto.FLOAT, ("batch", 413)),
    }


@pytest.mark.parametrize("succeeding", [0, 1], ids=["the step's", "the handling's"])
def test_a_failed_export_leaves_the_old_graphs(
    succeeding: int, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of them: new weights would not understand what is asked in the old ones' words."""
    exported: list[Path] = []

    def on_a_disk_that_fills_up(plain: Path, target: Path) -> None:
        if len(exported) == succeeding:
            raise OSError(28, "No space left on device")
        quantise(plain, target)
        exported.append(target)

    folder = shutil.copytree(tiny_model, tmp_path / "model")
    save_network(folder, tiny_network(seed=6), {"data": "none"})
    before = contents(folder)
    monkeypatch.setattr("perfrnn_live.engines.lstm.export.quantise", on_a_disk_that_fills_up)
    with pytest.raises(CannotWrite, match=r"(model|handling)\.onnx: No space left"):
        export(folder)
    assert len(exported) == succeeding
    assert contents(folder) == before
