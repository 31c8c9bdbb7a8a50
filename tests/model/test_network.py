"""The network: its sizes, how it begins, and that it keeps nothing to itself."""

from __future__ import annotations

import torch
from torch import Tensor

from perfrnn_live.model.keys import key_features, silent_keys
from perfrnn_live.model.network import NetworkConfig, PerformanceRNN
from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from tests.networks import random_tokens, tiny_network


def sequence(*seeds: int, notes: int = 40) -> tuple[Tensor, Tensor]:
    """Inputs and keys (streams, time), cut to the shortest stream."""
    streams = [[PERFORMANCE_8MS.start, *random_tokens(seed, notes)] for seed in seeds]
    shortest = min(map(len, streams))
    tokens = torch.tensor([stream[:shortest] for stream in streams])
    return tokens, key_features(tokens, silent_keys(len(seeds)), PERFORMANCE_8MS)[0]


def test_the_default_network_is_the_papers() -> None:
    network = PerformanceRNN(NetworkConfig())
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
    assert shapes["embedding.weight"] == (414, 512)
    assert [shapes[f"layers.{layer}.lstm.weight_hh_l0"] for layer in range(3)] == [(2048, 512)] * 3
    assert shapes["output.weight"] == (413, 512)
    assert shapes["keys.weight"] == (512, KEY_FEATURES)
    assert [tuple(state.shape) for state in network.start(7)] == [(3, 7, 512)] * 2


def test_gates_begin_open_and_recurrent_weights_orthogonal() -> None:
    cells = 16
    for layer in PerformanceRNN(NetworkConfig(cells=cells)).layers:
        weights = dict(layer.named_parameters())
        bias = (weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]).reshape(4, cells)
        assert torch.equal(bias, torch.tensor([0.0, 1, 0, 0])[:, None].expand(4, cells))  # input, forget, cell, output
        for gate in weights["lstm.weight_hh_l0"].detach().chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(cells), rtol=0, atol=1e-5)


def test_segments_with_the_state_carried_equal_the_whole() -> None:
    network = tiny_network()
    tokens, keys = sequence(1, 2)
    with torch.inference_mode():
        whole, (h, c) = network(tokens, keys, network.start(2))
        hidden, parts = network.start(2), []
        for segment in (slice(0, 1), slice(1, 30), slice(30, None)):
            part, hidden = network(tokens[:, segment], keys[:, segment], hidden)
            parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(hidden, (h, c), rtol=0, atol=1e-5)


def test_streams_of_a_batch_do_not_mix() -> None:
    network = tiny_network()
    tokens, keys = sequence(1, 2, 3)
    with torch.inference_mode():
        together, _ = network(tokens, keys, network.start(3))
        for row in range(3):
            alone, _ = network(tokens[row : row + 1], keys[row : row + 1], network.start(1))
            torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-5)


def test_a_call_leaves_nothing_behind() -> None:
    network = tiny_network()
    tokens, keys = sequence(4)
    hidden = tuple(torch.randn_like(state) for state in network.start(1))
    given = [each.clone() for each in (tokens, keys, *hidden)]
    with torch.inference_mode():
        first, _ = network(tokens, keys, hidden)
        second, _ = network(tokens, keys, hidden)
    assert torch.equal(first, second)
    assert all(map(torch.equal, (tokens, keys, *hidden), given))


def test_sounding_keys_are_seen() -> None:
    network = tiny_network()
    token, silent = torch.tensor([[60]]), torch.zeros(1, 1, KEY_FEATURES)
    sounding = silent.clone()
    sounding[0, 0, 60] = 1
    with torch.inference_mode():
        logits = [network(token, keys, network.start(1))[0] for keys in (silent, sounding)]
    assert not torch.allclose(logits[0], logits[1], atol=0.1)
