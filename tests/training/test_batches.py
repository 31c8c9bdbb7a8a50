"""Segments side by side give back the recordings, and a resumed run goes on exactly."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field, fields

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.engines.handles import PITCH_CLASSES, TAUGHT
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.reminders import along
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.training.augmentation import AUGMENTATIONS, entered
from perfrnn_live.training.batches import IGNORE, Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.foresight import measured
from tests.networks import random_tokens

START, MIDDLE = PERFORMANCE_8MS.start, PERFORMANCE_8MS.middle
WIDTHS = (
    len(TAUGHT.densities),
    len(TAUGHT.loudnesses),
    len(TAUGHT.registers),
    PITCH_CLASSES,
    len(COMPOSERS),
    len(TAUGHT.soundings),
)  # of the handles, in order
LENGTHS = (1, 5, 6, 7, 12, 13, 31)  # around multiples of a segment of 6


def corpus_of(lengths: tuple[int, ...] = LENGTHS) -> TokenCorpus:
    tokens = np.random.default_rng(0).integers(30, 90, sum(lengths)).astype(np.int16)  # strikes, free to transpose
    return corpus_with(tokens, np.cumsum(lengths))


def corpus_with(tokens: NDArray[np.int16], ends: NDArray[np.int64], composers: tuple[str, ...] = ()) -> TokenCorpus:
    names = tuple(map(str, range(len(ends))))
    return TokenCorpus(PERFORMANCE_8MS, tokens, ends, names, composers or ("",) * len(ends))


def music(recordings: int = 7, composers: tuple[str, ...] = ()) -> TokenCorpus:
    """What sounds like something, with all kinds of events in it."""
    each = [np.array(random_tokens(seed, 20 + 9 * seed), np.int16) for seed in range(recordings)]
    return corpus_with(np.concatenate(each), np.cumsum([len(tokens) for tokens in each]), composers)


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch))


@dataclass
class Heard:
    """One recording, put together again from its segments."""

    inputs: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    reminders: list[list[int]] = field(default_factory=list)
    asked: list[NDArray[np.float32]] = field(default_factory=list)  # a segment each


def heard(batches: CarriedBatches, count: int) -> list[Heard]:
    """What is drawn, in this order, by the next `count` batches; without what they leave unfinished."""
    found: dict[int, Heard] = defaultdict(Heard)
    for _ in range(count):
        batch = batches.next()
        for row, (n, _) in enumerate(batches.places):
            real = batch.targets[row] != IGNORE
            found[n].inputs.extend(batch.inputs[row][real].tolist())
            found[n].targets.extend(batch.targets[row][real].tolist())
            found[n].reminders.extend(batch.reminders[row][real].tolist())
            found[n].asked.append(batch.asked[row][real])
    unfinished = {n for n, _ in batches.places}
    return [found[n] for n in sorted(found) if n not in unfinished]


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
    corpus = corpus_with(np.array([40, 41, 42, 43, 44], np.int16), np.array([5]))
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
    # the next epoch, in which something else is asked for
    assert (third.inputs.tolist(), third.fresh.tolist()) == (first.inputs.tolist(), [True])


@pytest.mark.parametrize("after", [0, 1, 2, 17])
@pytest.mark.parametrize("corpus", [corpus_of(), music()], ids=["strikes", "music"])
def test_a_resumed_run_gets_the_same_batches(corpus: TokenCorpus, after: int) -> None:
    def batches(drawn: int = 0, places: list[tuple[int, int]] | None = None) -> CarriedBatches:
        more = AUGMENTATIONS["more"]
        return CarriedBatches(corpus, 3, 6, more, seed=4, drawn=drawn, middles=0.5, places=places or [])

    run = batches()
    for _ in range(after):
        run.next()
    drawn, places = run.drawn, deepcopy(run.places)
    expected = [run.next() for _ in range(40)]
    elsewhere = batches()
    elsewhere.next()
    elsewhere.go_on(drawn, deepcopy(places))
    for resumed in (batches(drawn, places), elsewhere):
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
    alike = corpus_with(np.full(40, 60, np.int16), np.arange(1, 41))
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


def test_reminders_are_those_after_each_input() -> None:
    recordings = heard(CarriedBatches(music(), 3, 16, AUGMENTATIONS["less"], middles=0.5), 150)
    assert len(recordings) > 7
    for each in recordings:
        assert each.inputs[0] in (START, MIDDLE) and each.inputs[1:] == each.targets[:-1]
        whole = along(np.array(each.targets, np.int16), PERFORMANCE_8MS)  # before the first target, after each
        np.testing.assert_array_equal(np.array(each.reminders), whole[:-1])


def test_what_is_asked_for_is_what_comes() -> None:
    """Each handle for itself, for a segment in about a third of all, and then as it is measured."""
    composers = ("", "bach", "chopin", "other", "", "liszt", "bach")
    corpus = music(composers=composers)
    by = {tuple(corpus.recording(index).tolist()): composers[index] for index in range(7)}
    segments, given = 0, np.zeros(len(WIDTHS))
    for each in heard(CarriedBatches(corpus, 3, 16), 300):
        name = by[tuple(each.targets)]
        weights = np.array([name == composer for composer in COMPOSERS], np.float32)
        known = measured(np.array(each.targets, np.int16), PERFORMANCE_8MS)[:-1]
        everything = TAUGHT.rows(known, np.tile(weights, (len(known), 1)))
        assert sum(map(len, each.asked)) == len(everything)
        place = 0
        for segment in each.asked:
            assert segment.shape == (len(segment), TAUGHT.size)
            full = everything[place : place + len(segment)]
            place += len(segment)
            segments += 1
            edges = np.cumsum(WIDTHS)[:-1]
            for handle, (told, possible) in enumerate(
                zip(np.split(segment, edges, axis=1), np.split(full, edges, axis=1), strict=True)
            ):
                together = told.sum(axis=1)
                assert (np.isclose(together, 1, atol=2e-3) | (together == 0)).all()
                if told.any():
                    np.testing.assert_array_equal(told, possible.astype(np.float16))
                    given[handle] += 1
    assert segments > 300
    shares = given / segments
    assert (shares[1:4] > 0.28).all() and (shares[1:4] < 0.42).all()
    assert 0.1 < shares[0] < 0.4 and 0.1 < shares[5] < 0.4  # not measured within 3 s of the end
    assert 0.1 < shares[4] < 0.4  # not known of two


@pytest.mark.parametrize("middles", [0.0, 0.3, 1.0])
def test_a_share_of_the_recordings_is_entered_in_the_middle(middles: float) -> None:
    corpus = music()
    whole = [corpus.recording(index) for index in range(len(corpus))]
    rests = [
        tuple(entered(tokens, place, PERFORMANCE_8MS).tolist()) for tokens in whole for place in range(len(tokens))
    ]
    recordings = heard(CarriedBatches(corpus, 12, 64, middles=middles), 130)
    later = [tuple(each.targets) for each in recordings if each.inputs[0] == MIDDLE]
    from_start = [tuple(each.targets) for each in recordings if each.inputs[0] == START]
    assert len(recordings) == len(later) + len(from_start) > 200
    assert set(later) <= set(rests) - {()}
    assert len(set(later)) >= 0.3 * len(later)  # anywhere
    assert set(from_start) <= {tuple(tokens.tolist()) for tokens in whole}
    anything_to_come = sum(map(bool, rests)) / len(rests)
    assert len(later) / len(recordings) == pytest.approx(middles * anything_to_come, abs=0.08)


def test_a_recording_with_nothing_to_come_is_heard_from_its_start() -> None:
    shift = PERFORMANCE_8MS.size - 40
    alone = np.array([60, *[shift] * 60], np.int16)  # a strike, and never again
    recordings = heard(CarriedBatches(corpus_with(alone, np.array([61])), 1, 100, middles=1.0), 30)
    assert {(each.inputs[0], tuple(each.targets)) for each in recordings} >= {(START, tuple(alone.tolist()))}
    assert all(each.targets == alone.tolist() for each in recordings)
