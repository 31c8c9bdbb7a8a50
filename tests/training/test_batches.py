"""Segments side by side give back the recordings, and a resumed run goes on exactly."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy

import numpy as np
import pytest

from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.batches import IGNORE, Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus

START = PERFORMANCE_8MS.start
LENGTHS = (1, 5, 6, 7, 12, 13, 31)  # around multiples of a segment of 6


def corpus_of(lengths: tuple[int, ...] = LENGTHS) -> TokenCorpus:
    tokens = np.random.default_rng(0).integers(30, 90, sum(lengths)).astype(np.int16)  # strikes, free to transpose
    return TokenCorpus(PERFORMANCE_8MS, tokens, np.cumsum(lengths), tuple(map(str, range(len(lengths)))))


def equal(one: Batch, other: Batch) -> bool:
    pairs = ((one.inputs, other.inputs), (one.targets, other.targets), (one.fresh, other.fresh))
    return all(np.array_equal(mine, yours) for mine, yours in pairs)


@pytest.mark.parametrize("segment", [1, 6, 50])
@pytest.mark.parametrize("streams", [1, 3, 9])
def test_segments_give_back_every_recording_once_an_epoch(streams: int, segment: int) -> None:
    corpus = corpus_of()
    batches = CarriedBatches(corpus, streams, segment)
    inputs: dict[int, list[int]] = defaultdict(list)  # by the number of the draw
    targets: dict[int, list[int]] = defaultdict(list)
    for _ in range(150):
        batch = batches.next()
        for row, (n, used) in enumerate(batches.places):
            real = batch.targets[row] != IGNORE
            assert batch.fresh[row] == (n not in targets)
            assert not real[real.sum() :].any()  # padding only behind the end
            assert (batch.inputs[row][~real] == START).all()
            inputs[n].extend(batch.inputs[row][real].tolist())
            targets[n].extend(batch.targets[row][real].tolist())
            assert len(targets[n]) == used
    everything = sorted(corpus.recording(index).tolist() for index in range(len(corpus)))
    for epoch in range(2 if segment > 1 or streams > 1 else 1):
        drawn = [targets[n] for n in range(epoch * len(corpus), (epoch + 1) * len(corpus))]
        assert sorted(drawn) == everything
    for n in range(len(corpus)):
        assert inputs[n] == [START, *targets[n][:-1]]


def test_one_recording_segment_by_segment() -> None:
    corpus = TokenCorpus(PERFORMANCE_8MS, np.array([40, 41, 42, 43, 44], np.int16), np.array([5]), ("one",))
    batches = CarriedBatches(corpus, streams=1, segment=3)
    first, second, third = batches.next(), batches.next(), batches.next()
    assert (first.inputs.tolist(), first.targets.tolist(), first.fresh.tolist()) == (
        [[START, 40, 41]],
        [[40, 41, 42]],
        [True],
    )
    assert (second.inputs.tolist(), second.targets.tolist(), second.fresh.tolist()) == (
        [[42, 43, START]],
        [[43, 44, IGNORE]],
        [False],
    )
    assert equal(third, first)  # the next epoch


@pytest.mark.parametrize("after", [0, 1, 2, 17])
def test_a_resumed_run_gets_the_same_batches(after: int) -> None:
    def batches(drawn: int = 0, places: list[tuple[int, int]] | None = None) -> CarriedBatches:
        more = AUGMENTATIONS["more"]
        return CarriedBatches(corpus_of(), 3, 6, more, seed=4, drawn=drawn, places=places or [])

    run = batches()
    for _ in range(after):
        run.next()
    drawn, places = run.drawn, deepcopy(run.places)
    expected = [run.next() for _ in range(40)]
    resumed = batches(drawn, places)
    assert all(equal(resumed.next(), batch) for batch in expected)
    assert (resumed.drawn, resumed.places) == (run.drawn, run.places)


def test_the_order_and_the_variants_follow_from_the_seed() -> None:
    def drawn(seed: int) -> list[list[int]]:
        batches = CarriedBatches(corpus_of((4,) * 8), 8, 4, AUGMENTATIONS["more"], seed)
        return [row for _ in range(2) for row in batches.next().targets.tolist()]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    first_epoch, second_epoch = drawn(1)[:8], drawn(1)[8:]
    assert sorted(first_epoch) != sorted(second_epoch)  # augmented anew


def test_every_recording_of_an_epoch_is_augmented_by_itself() -> None:
    alike = TokenCorpus(PERFORMANCE_8MS, np.full(40, 60, np.int16), np.arange(1, 41), tuple(map(str, range(40))))
    pitches = CarriedBatches(alike, 40, 1, AUGMENTATIONS["less"]).next().targets.ravel()
    assert set(pitches.tolist()) <= set(range(56, 65))
    assert len(set(pitches.tolist())) >= 5


@pytest.mark.parametrize("after", [0, 5])
def test_processes_share_an_epoch_between_them(after: int) -> None:
    corpus = corpus_of((4,) * 8)
    ranks = [CarriedBatches(corpus, 2, 4, drawn=rank, stride=2) for rank in range(2)]
    for _ in range(2 * after):
        for each in ranks:
            each.next()
    rows = [row for _ in range(2) for each in ranks for row in each.next().targets.tolist()]
    assert sorted(rows) == sorted(corpus.recording(index).tolist() for index in range(8))
