"""Batches made ready, by a thread or a process: as without, in the same order, to go on from in the same way."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import fields
from time import monotonic, sleep

import numpy as np
import pytest

from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.batches import Batch, CarriedBatches
from perfrnn_live.training.prefetch import FromProcess, FromThread
from tests.networks import corpus_of, random_tokens

Supply = type[FromThread | FromProcess]
CORPUS = corpus_of(*(random_tokens(seed, 15 + 8 * seed) for seed in range(5)))


class Counting(CarriedBatches):
    """Counts the batches made, and fails at the one asked for."""

    made = 0
    fails_at = -1

    def next(self) -> Batch:
        if self.made == self.fails_at:
            raise OSError("the disk is gone")
        self.made += 1
        return super().next()


def batches() -> Counting:
    return Counting(CORPUS, 3, 16, AUGMENTATIONS["less"], seed=2, middles=0.5)


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch))


def comes_true(condition: Callable[[], bool]) -> bool:
    until_s = monotonic() + 10
    while not condition() and monotonic() < until_s:
        sleep(0.005)
    return condition()


SUPPLIES = [FromThread, FromProcess]


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("supply", SUPPLIES)
def test_it_gives_the_same_batches_and_says_where_it_stands(supply: Supply, ahead: int) -> None:
    plain, ready = batches(), supply(batches(), ahead)
    assert (ready.drawn, ready.places) == (plain.drawn, plain.places)
    for _ in range(60):
        assert equal(ready.next(), plain.next())
        assert (ready.drawn, ready.places) == (plain.drawn, plain.places)  # not of those that are ready
    assert plain.drawn > len(CORPUS)


def test_batches_of_several_supplies_are_one_after_the_other() -> None:
    supplies: list[FromThread | FromProcess] = [FromThread(batches()), FromProcess(batches())]
    plain = batches().next()
    both = Batch.of([supply.next() for supply in supplies])
    for each in fields(Batch):
        array = getattr(plain, each.name)
        np.testing.assert_array_equal(getattr(both, each.name), np.concatenate([array, array]))
        assert getattr(both, each.name).dtype == array.dtype


@pytest.mark.parametrize("supply", SUPPLIES)
def test_a_run_goes_on_from_there_exactly(supply: Supply) -> None:
    first = supply(batches())
    for _ in range(17):
        first.next()
    later = batches()
    later.go_on(first.drawn, first.places)
    resumed = supply(later)
    assert all(equal(first.next(), resumed.next()) for _ in range(40))


def test_what_it_said_does_not_change_afterwards() -> None:
    ready = FromThread(batches())
    ready.next()
    drawn, places = ready.drawn, ready.places
    before = list(places)
    for _ in range(30):
        ready.next()
    assert places == before and ready.drawn > drawn


def test_batches_are_ready_before_they_are_asked_for_but_not_more_than_agreed() -> None:
    source = batches()
    ready = FromThread(source, ahead=2)
    assert comes_true(lambda: source.made == 2)
    ready.next()
    assert comes_true(lambda: source.made == 3)
    for _ in range(9):
        ready.next()
    assert comes_true(lambda: source.made == 12)
    sleep(0.05)
    assert source.made == 12


@pytest.mark.parametrize("supply", SUPPLIES)
def test_what_goes_wrong_is_raised_where_the_batch_would_have_been(supply: Supply) -> None:
    source = batches()
    source.fails_at = 4
    ready, plain = supply(source), batches()
    for _ in range(4):
        assert equal(ready.next(), plain.next())
    with pytest.raises(OSError, match="the disk is gone"):
        ready.next()
    assert (ready.drawn, ready.places) == (plain.drawn, plain.places)


def test_the_thread_ends_with_it() -> None:
    """Its own: threads that other tests left may end meanwhile."""
    before = set(threading.enumerate())
    ready = FromThread(batches())
    ready.next()
    (own,) = set(threading.enumerate()) - before
    del ready
    gc.collect()
    assert comes_true(lambda: not own.is_alive())


def test_the_process_ends_with_it() -> None:
    before = set(multiprocessing.active_children())
    ready = FromProcess(batches())
    ready.next()
    (own,) = set(multiprocessing.active_children()) - before
    del ready
    gc.collect()
    assert comes_true(lambda: not own.is_alive())


def test_a_process_that_was_killed_is_not_waited_for() -> None:
    before = set(multiprocessing.active_children())
    ready = FromProcess(batches(), ahead=1)
    ready.next()
    (own,) = set(multiprocessing.active_children()) - before
    own.kill()
    own.join()
    with pytest.raises(OSError, match="has ended"):
        for _ in range(2):  # one may have been ready
            ready.next()
