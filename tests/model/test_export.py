"""The int8 step: as good as its weights, whole or not at all."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from perfrnn_live.errors import CannotWrite
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.model.continuation import Continuation
from perfrnn_live.model.controls import Controls
from perfrnn_live.model.engine import OnnxEngine
from perfrnn_live.model.export import export
from perfrnn_live.model.generation import generate
from perfrnn_live.music.codec import encode
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, read_notes
from tests.networks import corpus_of, save_fp32_step

WORSE = 0.01  # nats per event that int8 may cost


@pytest.fixture(scope="module")
def shipped_fp32(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxEngine:
    return OnnxEngine(save_fp32_step(shipped, tmp_path_factory.mktemp("shipped")))


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


def test_weights_have_seven_bits_and_logging_is_as_it_was(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "model.onnx").unlink()
    level = logging.getLogger().level
    assert export(folder) == folder / "model.onnx"
    assert logging.getLogger().level == level
    initializers = onnx.load(folder / "model.onnx").graph.initializer
    weights = [
        array for array in map(numpy_helper.to_array, initializers) if array.dtype == np.int8 and array.ndim == 2
    ]
    assert sorted(array.shape for array in weights) == [(24, 413), (48, 96), (48, 96), (256, 24), (256, 413)]
    assert all(array.min() >= -64 and array.max() <= 64 for array in weights)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.onnx", "weights.safetensors"]


def test_a_failed_export_leaves_the_old_step(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = shutil.copytree(tiny_model, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr("perfrnn_live.model.export.quantise", full_disk)
    with pytest.raises(CannotWrite, match=r"model\.onnx: No space left"):
        export(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
