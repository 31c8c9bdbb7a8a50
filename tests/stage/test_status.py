"""The figures of a session, from what happened in it."""

from __future__ import annotations

import pytest

from perfrnn_live.live.orders import Took
from perfrnn_live.music.midi import note_on
from perfrnn_live.player.messages import Sent, TakenBack
from perfrnn_live.stage.status import LATE_MS, Figures


def test_the_figures_are_medians_and_extremes() -> None:
    figures = Figures()
    for ms in range(1, 102):
        figures.hear(Took("knob", 0.0, ms / 1000))
    figures.hear(Took("note", 1.0, 1.002))
    delays = figures.summary(0, 0.0, ()).delays
    assert delays["knob"] == pytest.approx({"count": 101, "p50": 51.0, "p99": 100.0, "max": 101.0})
    assert delays["note"]["max"] == pytest.approx(2.0)


def test_what_was_dropped_unasked_is_counted_by_its_strikes() -> None:
    figures = Figures()
    figures.hear(TakenBack(1, 10.0, asked=True))
    figures.hear(TakenBack(2, 11.0, asked=False, dropped=3))
    figures.hear(TakenBack(3, 12.0, asked=False, silenced=True, dropped=2))
    assert figures.dropped == figures.summary(0, 0.0, ()).dropped == 5


def test_lateness_is_counted_by_how_late() -> None:
    figures = Figures()
    for number, late_ms in enumerate((0.0, 0.05, 0.15, 0.9, 3.0, 50.0)):
        figures.hear(Sent(number, 1.0, 1.0 + late_ms / 1000, note_on(60, 64), 1.0))
    assert len(figures.late) == len(LATE_MS) + 1
    assert dict(zip((*LATE_MS, "more"), figures.late, strict=True)) == {
        0.1: 2, 0.2: 1, 0.5: 0, 1.0: 1, 2.0: 0, 5.0: 1, 10.0: 0, "more": 1
    }  # fmt: skip
