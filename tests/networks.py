"""Small networks and made-up music, for the tests of what uses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch

from perfrnn_live.engines.card import CARD, HANDLING, ONNX
from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.export import handling_graph, step_graph
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.engines.lstm.weights import load_network
from perfrnn_live.music.codec import encode
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, Vocabulary
from perfrnn_live.training.corpus import TokenCorpus


def one_thread() -> Iterator[None]:
    """Torch on one thread: a second one only waits when another program has the core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_notes(seed: int, count: int) -> list[Note]:
    """Chords and runs like a pianist's in density, length and loudness, but with nothing to say."""
    rng = np.random.default_rng(seed)
    notes: list[Note] = []
    free_s = dict.fromkeys(range(128), 0.0)
    time_s = 0.0
    while len(notes) < count:
        time_s += float(rng.choice([0.0, 0.0, 0.06, 0.12, 0.25, 1.7], p=[0.3, 0.1, 0.2, 0.2, 0.18, 0.02]))
        pitch = int(np.clip(rng.normal(64, 12), 21, 108))
        if free_s[pitch] <= time_s:
            free_s[pitch] = time_s + float(rng.uniform(0.05, 1.5))
            notes.append(Note(time_s, free_s[pitch], pitch, int(np.clip(rng.normal(64, 18), 1, 127))))
    return notes


def random_tokens(seed: int, notes: int, vocabulary: Vocabulary = PERFORMANCE_8MS) -> list[int]:
    return encode(random_notes(seed, notes), vocabulary)


def corpus_of(*recordings: list[int], vocabulary: Vocabulary = PERFORMANCE_8MS) -> TokenCorpus:
    ends = np.cumsum([len(each) for each in recordings])
    names = tuple(f"{index}.mid" for index in range(len(recordings)))
    composers = ("",) * len(recordings)
    return TokenCorpus(vocabulary, np.concatenate(recordings).astype(np.int16), ends, names, composers)


def tiny_network(config: NetworkConfig | None = None, seed: int = 5, handles: int = TAUGHT.size) -> PerformanceRNN:
    """Untrained, but with nothing left at zero and logits as far apart as a trained network's."""
    torch.manual_seed(seed)
    network = PerformanceRNN(config or NetworkConfig(layers=2, cells=24), handles=handles)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 1:
                weight.add_(0.1 * torch.randn_like(weight))
        network.output.weight.mul_(3)
        network.keys_output.weight.normal_(std=0.5)
        network.handling.output.weight.normal_(std=0.5)
        for line in (network.key_scores, network.shift_scores, network.velocity_scores):
            line.output.weight.normal_(std=0.5)
    return network.eval()


def save_fp32(folder: Path, target: Path) -> Path:
    """The graphs of a model folder with their weights as they are, in a folder of their own beside the same card."""
    target.mkdir(exist_ok=True)
    (target / CARD).write_bytes((folder / CARD).read_bytes())
    network = load_network(folder)
    onnx.save(step_graph(network), target / ONNX)
    onnx.save(handling_graph(network), target / HANDLING)
    return target
