"""Batches made ready while the network learns from those before, so that it never waits for them."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.music.reminders import REMINDERS
from perfrnn_live.training.batches import Batch, CarriedBatches

_AHEAD = 2
_Made = tuple[Batch, int, list[tuple[int, int]]]  # with `drawn` and `places` after it


class FromThread:
    """What `batches` will give, `ahead` of them made by a thread: enough beside a processor that learns.

    The thread ends with this object.
    `drawn` and `places` are those after the batch given last, not after those that are ready: a run resumed from them
    goes on with the very next. What goes wrong in the making is raised where its batch would have been given.
    """

    def __init__(self, batches: CarriedBatches, ahead: int = _AHEAD) -> None:
        self.drawn, self.places = batches.drawn, list(batches.places)
        self._batches = batches
        self._thread = ThreadPoolExecutor(1)
        self._ready: deque[Future[_Made]] = deque(self._thread.submit(_make, batches) for _ in range(ahead))

    def next(self) -> Batch:
        """The next batch."""
        self._ready.append(self._thread.submit(_make, self._batches))
        batch, self.drawn, self.places = self._ready.popleft().result()
        return batch


class FromProcess:
    """The same from a process: one makes a million events a second at most, and a GPU may learn from more.

    The arrays lie in memory that both see. Sent through a pipe they halved the speed: each of the many reads has to
    wait until the thread that feeds the GPU lets others run.
    """

    def __init__(self, batches: CarriedBatches, ahead: int = _AHEAD) -> None:
        self.drawn, self.places = batches.drawn, list(batches.places)
        spawned = multiprocessing.get_context("spawn")  # this process has threads, torch's among them
        memory = spawned.RawArray("b", ahead * batches.streams * _row(batches.segment).itemsize)
        self._slots = cycle(_slots(memory, batches))
        self._here, there = spawned.Pipe()
        spawned.Process(target=_keep_making, args=(batches, memory, there), daemon=True).start()
        there.close()
        for _ in range(ahead):
            self._here.send(None)

    def next(self) -> Batch:
        """The next batch."""
        try:
            made = self._here.recv()
        except (EOFError, ConnectionError):
            raise OSError("a process that makes batches has ended") from None
        if isinstance(made, Exception):
            raise made
        self.drawn, self.places = made
        slot = next(self._slots)
        batch = Batch(*(slot[each.name].copy() for each in fields(Batch)))
        with contextlib.suppress(BrokenPipeError):  # which the next is told of
            self._here.send(None)  # the slot is free
        return batch


def _make(batches: CarriedBatches) -> _Made:
    batch = batches.next()
    return batch, batches.drawn, list(batches.places)


def _keep_making(batches: CarriedBatches, memory: Any, there: Connection) -> None:
    """The process: a batch into the next slot whenever it is told that one is free, until nobody is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the loop: it saves what there is
    slots = cycle(_slots(memory, batches))
    try:
        while True:
            there.recv()
            try:
                batch, *stand = _make(batches)
                slot = next(slots)
                for each in fields(Batch):
                    slot[each.name] = getattr(batch, each.name)
            except Exception as error:
                there.send(error)
                return
            there.send(stand)
    except (EOFError, OSError):
        return


def _slots(memory: Any, batches: CarriedBatches) -> np.ndarray[Any, Any]:
    return np.frombuffer(memory, _row(batches.segment)).reshape(-1, batches.streams)


def _row(segment: int) -> np.dtype[Any]:
    """One stream's part of a `Batch`."""
    shapes = {
        "inputs": (np.int16, segment),
        "targets": (np.int16, segment),
        "reminders": (np.uint8, (segment, REMINDERS)),
        "asked": (np.float16, (segment, TAUGHT.size)),
        "fresh": (np.bool_, ()),
    }
    return np.dtype([(name, *shape) for name, shape in shapes.items()])
