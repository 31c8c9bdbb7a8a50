"""The network: its sizes, how it begins, and that it keeps nothing to itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.keys import key_features, silent_keys
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.reminders import REMINDERS, UNKNOWN, VALUES, along
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from tests.networks import random_tokens, tiny_network

SILENT, UNKNOWN_ALL = torch.zeros(1, 1, KEY_FEATURES), torch.full((1, 1, REMINDERS), UNKNOWN)


def sequence(*seeds: int, notes: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, keys and reminders (streams, time), cut to the shortest stream."""
    streams = [random_tokens(seed, notes) for seed in seeds]
    shortest = min(map(len, streams)) + 1
    tokens = torch.tensor([[PERFORMANCE_8MS.start, *stream][:shortest] for stream in streams])
    reminders = [along(np.array(stream), PERFORMANCE_8MS)[:shortest].astype(np.int64) for stream in streams]
    keys, _ = key_features(tokens, silent_keys(len(seeds)), PERFORMANCE_8MS)
    return tokens, keys, torch.tensor(np.stack(reminders))


def step(token: int, keys: Tensor = SILENT, reminders: Tensor = UNKNOWN_ALL) -> Tensor:
    """Logits (size,) after one token."""
    network = tiny_network()
    with torch.inference_mode():
        logits, _, _ = network(torch.tensor([[token]]), keys, reminders, network.start(1))
    return logits[0, 0]  # type: ignore[no-any-return]


def test_the_default_network_is_the_papers() -> None:
    network = PerformanceRNN(NetworkConfig())
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
    assert shapes["embedding.weight"] == (415, 512)  # the events, and two symbols to begin with
    assert [shapes[f"layers.{layer}.lstm.weight_hh_l0"] for layer in range(3)] == [(2048, 512)] * 3
    assert shapes["output.weight"] == (413, 512)
    assert shapes["keys.weight"] == (512, KEY_FEATURES)
    assert shapes["reminders.weight"] == (REMINDERS * VALUES, 512)
    assert shapes["handling.asked.weight"] == (512, TAUGHT.size)
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
    told = sequence(1, 2)
    with torch.inference_mode():
        logits, inner, (h, c) = network(*told, network.start(2))
        hidden, parts = network.start(2), []
        for segment in (slice(0, 1), slice(1, 30), slice(30, None)):
            *part, hidden = network(*(each[:, segment] for each in told), hidden)
            parts.append(part)
    for whole, each in zip((logits, inner), zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(each, dim=1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(hidden, (h, c), rtol=0, atol=1e-5)


def test_streams_of_a_batch_do_not_mix() -> None:
    network = tiny_network()
    told = sequence(1, 2, 3)
    asked = torch.rand(3, TAUGHT.size)
    with torch.inference_mode():
        logits, inner, _ = network(*told, network.start(3))
        added = network.handling(inner, asked[:, None])
        for row in range(3):
            own = slice(row, row + 1)
            alone, its_inner, _ = network(*(each[own] for each in told), network.start(1))
            its_added = network.handling(its_inner, asked[own, None])
            torch.testing.assert_close((logits[own], inner[own]), (alone, its_inner), rtol=0, atol=1e-5)
            torch.testing.assert_close(added[own], its_added, rtol=0, atol=1e-5)


def test_a_call_leaves_nothing_behind() -> None:
    network = tiny_network()
    told = sequence(4)
    hidden = tuple(torch.randn_like(state) for state in network.start(1))
    given = [each.clone() for each in (*told, *hidden)]
    with torch.inference_mode():
        first, inner, _ = network(*told, hidden)
        network.handling(inner, torch.rand(1, 1, TAUGHT.size))
        second, _, _ = network(*told, hidden)
    assert torch.equal(first, second)
    assert all(map(torch.equal, (*told, *hidden), given))


def test_sounding_keys_are_seen() -> None:
    sounding = SILENT.clone()
    sounding[0, 0, 60] = 1
    assert not torch.allclose(step(60), step(60, sounding), atol=0.1)


def test_each_reminder_is_seen_and_means_something_of_its_own() -> None:
    """The same number in another place is another reminder, and another number in the same place too."""
    seen = [step(60)]
    for place in range(REMINDERS):
        for value in (0, 5, UNKNOWN - 1):
            reminders = UNKNOWN_ALL.clone()
            reminders[..., place] = value
            seen.append(step(60, reminders=reminders))
    apart = torch.cdist(torch.stack(seen), torch.stack(seen), p=torch.inf)
    apart.fill_diagonal_(torch.inf)
    assert apart.min() > 0.01


@pytest.mark.parametrize("value", [0, UNKNOWN])
def test_all_numbers_have_a_place_in_the_table(value: int) -> None:
    assert torch.isfinite(step(60, reminders=torch.full_like(UNKNOWN_ALL, value))).all()
    with pytest.raises((IndexError, RuntimeError)):
        step(60, reminders=torch.full_like(UNKNOWN_ALL, UNKNOWN + 1))


def test_the_middle_is_another_beginning() -> None:
    start, middle = step(PERFORMANCE_8MS.start), step(PERFORMANCE_8MS.middle)
    assert not torch.allclose(start, middle, atol=0.1)
    with pytest.raises(IndexError):
        step(PERFORMANCE_8MS.inputs)


def test_nothing_is_made_of_what_is_asked_until_it_is_taught() -> None:
    network = PerformanceRNN(NetworkConfig(layers=1, cells=16))
    added = network.handling(torch.randn(5, 16), torch.rand(5, TAUGHT.size))
    assert added.shape == (5, 413) and not added.any()
    added.sum().backward()
    assert network.handling.output.weight.grad is not None and network.handling.output.weight.grad.any()


def test_whatever_is_asked_is_seen() -> None:
    network = tiny_network()
    with torch.inference_mode():
        added = network.handling(torch.randn(24).expand(1 + TAUGHT.size, 24), torch.eye(1 + TAUGHT.size, TAUGHT.size))
    apart = torch.cdist(added, added, p=torch.inf)  # of each corner alone, and of nothing
    apart.fill_diagonal_(torch.inf)
    assert apart.min() > 0.01


def test_what_is_added_depends_on_what_is_expected() -> None:
    network, asked = tiny_network(), torch.rand(TAUGHT.size).expand(2, TAUGHT.size)
    with torch.inference_mode():
        one, other = network.handling(torch.randn(2, 24), asked)
    assert not torch.allclose(one, other, atol=0.01)


def test_weights_left_out_are_others_each_time_in_training_and_none_afterwards() -> None:
    torch.manual_seed(0)
    network = PerformanceRNN(NetworkConfig(layers=1, cells=16), weight_dropout=0.5)
    tokens = torch.randint(0, 413, (1, 6))
    told = (tokens, SILENT.expand(1, 6, -1), UNKNOWN_ALL.expand(1, 6, -1), network.start(1))

    def expected() -> Tensor:
        return network(*told)[1].detach()  # type: ignore[no-any-return]

    first, second = expected(), expected()
    assert torch.equal(first[:, 0], second[:, 0])  # nothing to remember yet, so nothing that could be left out
    assert not torch.allclose(first[:, 1:], second[:, 1:])
    network.eval()
    assert torch.equal(expected(), expected())
    whole = PerformanceRNN(NetworkConfig(layers=1, cells=16))
    whole.load_state_dict(network.state_dict())
    torch.testing.assert_close(whole(*told)[1].detach(), expected())
