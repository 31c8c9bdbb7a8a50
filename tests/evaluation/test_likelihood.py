"""How likely recordings are: the same by steps as by whole sequences, in four units that agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from perfrnn_live.engines.fake import ConstantEngine
from perfrnn_live.engines.lstm.keys import key_features, silent_keys
from perfrnn_live.engines.lstm.network import NetworkConfig
from perfrnn_live.engines.lstm.torch import TorchEngine
from perfrnn_live.evaluation.likelihood import evaluate, heard, surprises_of
from perfrnn_live.music.reminders import along
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS, EventKind, Vocabulary
from tests.networks import corpus_of, random_tokens, tiny_network

LENGTHS = (30, 80, 55)


@pytest.mark.parametrize("vocabulary", [PERFORMANCE_8MS, PERFORMANCE_10MS], ids=lambda each: each.name)
def test_steps_side_by_side_equal_each_whole_recording(vocabulary: Vocabulary) -> None:
    network = tiny_network(NetworkConfig(vocabulary.name, layers=2, cells=24))
    recordings = [random_tokens(seed, notes, vocabulary) for seed, notes in enumerate(LENGTHS)]
    nats = 0.0
    for tokens in recordings:
        inputs = torch.tensor([[vocabulary.start, *tokens[:-1]]])
        keys, _ = key_features(inputs, silent_keys(1), vocabulary)
        reminders = torch.tensor(along(np.array(tokens), vocabulary)[None, :-1], dtype=torch.int64)
        with torch.inference_mode():
            logits, _, _ = network(inputs, keys, reminders, network.start(1))
        nats += cross_entropy(logits[0], torch.tensor(tokens), reduction="sum").item()
    told: list[int] = []
    likelihood = evaluate(TorchEngine(network), corpus_of(*recordings, vocabulary=vocabulary), on_progress=told.append)
    assert likelihood.nats == pytest.approx(nats, rel=1e-5)
    assert likelihood.events == sum(map(len, recordings)) == sum(told)


def test_four_figures_are_one_likelihood() -> None:
    on, shift = PERFORMANCE_8MS.tokens_of(EventKind.NOTE_ON), PERFORMANCE_8MS.tokens_of(EventKind.TIME_SHIFT)
    recordings = [random_tokens(seed, notes) for seed, notes in enumerate(LENGTHS)]
    everything = [token for tokens in recordings for token in tokens]
    likelihood = evaluate(TorchEngine(tiny_network()), corpus_of(*recordings))
    assert likelihood.notes == sum(on.start <= token < on.stop for token in everything) == sum(LENGTHS)
    assert likelihood.steps == sum(token - shift.start + 1 for token in everything if shift.start <= token < shift.stop)
    assert likelihood.seconds == pytest.approx(likelihood.steps * 0.008)
    figures = likelihood.figures()
    for unit, amount in (("event", likelihood.events), ("step", likelihood.steps), ("note", likelihood.notes)):
        assert figures[f"nats_per_{unit}"] * amount == pytest.approx(likelihood.nats)
    assert figures["nats_per_second"] == pytest.approx(125 * figures["nats_per_step"])
    assert (figures["events"], figures["files"]) == (len(everything), 3)
    kinds = [PERFORMANCE_8MS.decode(token).kind for token in everything]
    assert {kind: count for kind, (_, count) in likelihood.by_kind.items()} == {k: kinds.count(k) for k in EventKind}
    shares = [figures[f"nats_per_{kind.value}"] * kinds.count(kind) for kind in EventKind]
    assert sum(shares) == pytest.approx(likelihood.nats)
    assert len(set(shares)) == 4


def test_every_event_of_every_recording_has_its_own_nats() -> None:
    recordings = [np.array(random_tokens(seed, notes), np.int16) for seed, notes in enumerate(LENGTHS)]
    engine = TorchEngine(tiny_network())
    columns = list(heard(engine, recordings))
    ordered = sorted(recordings, key=len, reverse=True)
    assert [column.shape[1] for column in columns] == [
        sum(len(recording) > place for recording in recordings) for place in range(len(ordered[0]))
    ]
    for row, recording in enumerate(ordered):
        costs = np.stack([column[:, row] for column in columns[: len(recording)]], axis=1)
        alone = np.concatenate(list(heard(engine, [recording])), axis=1)
        np.testing.assert_allclose(costs, alone, rtol=0, atol=1e-4)
        (surprise,) = surprises_of(engine, [recording])
        np.testing.assert_array_equal(alone, [surprise.nats, surprise.of_kind])


def test_what_an_event_costs_is_what_its_kind_costs_and_the_rest() -> None:
    (surprise,) = surprises_of(ConstantEngine(), [np.array([60, 188, 300, 400], np.int16)])
    assert surprise.nats.tolist() == pytest.approx([math.log(413)] * 4)
    assert surprise.of_kind.tolist() == pytest.approx([math.log(413 / size) for size in (128, 128, 125, 32)])


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary() -> None:
    corpus = corpus_of(random_tokens(1, 40), random_tokens(2, 20))
    assert evaluate(ConstantEngine(), corpus).figures()["nats_per_event"] == pytest.approx(math.log(413))


def test_the_first_events_of_each_recording_only() -> None:
    recordings = [random_tokens(1, 40), random_tokens(2, 20), [60, 188]]
    engine = TorchEngine(tiny_network())
    likelihood = evaluate(engine, corpus_of(*recordings), events_each=10)
    assert likelihood.events == 22
    assert likelihood == evaluate(engine, corpus_of(*(tokens[:10] for tokens in recordings)))


@pytest.mark.parametrize("side_by_side", [1, 2, 3, 7])
def test_in_whatever_batches_the_likelihood_is_the_same(side_by_side: int) -> None:
    recordings = [random_tokens(seed, 12 + 5 * seed) for seed in range(5)]
    engine = TorchEngine(tiny_network())
    whole, parted = (evaluate(engine, corpus_of(*recordings), side_by_side=count) for count in (None, side_by_side))
    assert parted.nats == pytest.approx(whole.nats, rel=1e-6)
    assert (parted.events, parted.steps, parted.notes) == (whole.events, whole.steps, whole.notes)
