"""Batches made ready while the network learns from those before, so that it never waits for them."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from perfrnn_live.training.batches import Batch, CarriedBatches

_Made = tuple[Batch, int, list[tuple[int, int]]]  # with `drawn` and `places` after it


class Prefetched:
    """What `batches` will give, `ahead` of them made by a thread, which ends with this object.

    `drawn` and `places` are those after the batch given last, not after those that are ready: a run resumed from them
    goes on with the very next. What goes wrong in the thread is raised where its batch would have been given.
    """

    def __init__(self, batches: CarriedBatches, ahead: int = 2) -> None:
        self.drawn, self.places = batches.drawn, list(batches.places)
        self._batches = batches
        self._thread = ThreadPoolExecutor(1)
        self._ready: deque[Future[_Made]] = deque(self._thread.submit(_make, batches) for _ in range(ahead))

    def next(self) -> Batch:
        """The next batch."""
        self._ready.append(self._thread.submit(_make, self._batches))
        batch, self.drawn, self.places = self._ready.popleft().result()
        return batch


def _make(batches: CarriedBatches) -> _Made:
    batch = batches.next()
    return batch, batches.drawn, list(batches.places)
