"""When ports are looked at, and what is said of them."""

from __future__ import annotations

from collections.abc import Collection

from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import PortBack, PortLost
from perfrnn_live.player.watch import Watch
from tests.fakes import LosablePort


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.output, self.left, self.right = (LosablePort(self.clock, name) for name in ("out", "left", "right"))
        self.watch = Watch(self.output, [self.left, self.right], self.clock)

    def look(self, after_s: float = 1.0, free_s: float = 1.0) -> list[PortLost | PortBack]:
        self.clock.advance(after_s)
        return self.watch.look(free_s)


def test_each_port_is_told_of_once_when_it_goes_and_once_when_it_is_back() -> None:
    stage = Stage()
    assert stage.look() == []
    stage.output.there = stage.right.there = False
    assert stage.look() == [PortLost("out", "output"), PortLost("right", "input")]
    assert stage.look() == []
    stage.right.there = True
    assert stage.look() == [PortBack("right", "input")]
    stage.output.there, stage.left.there = True, False
    assert stage.look() == [PortBack("out", "output"), PortLost("left", "input")]
    assert stage.look() == []


def test_a_look_is_taken_seldom_and_only_where_there_is_time() -> None:
    stage = Stage()
    stage.output.there = False
    assert stage.look(after_s=0.01) == []  # a moment ago all was well
    assert stage.look(free_s=0.01) == []
    assert stage.look(after_s=0.01, free_s=0.03) == [PortLost("out", "output")]


def test_a_port_that_is_back_is_opened_as_soon_as_there_is_time_for_that() -> None:
    stage = Stage()
    stage.left.there = False
    stage.look()
    stage.left.there = True
    assert stage.look(free_s=0.03) == []
    assert stage.look(after_s=0.01, free_s=0.06) == [PortBack("left", "input")]


def test_of_two_keyboards_of_one_make_the_one_that_is_back_is_not_taken_for_the_other() -> None:
    stage = Stage()
    others: list[set[str]] = []

    def reopen(taken: Collection[str]) -> str | None:
        others.append(set(taken))
        return "left [24]"

    stage.left.there = False
    stage.look()
    stage.left.reopen = reopen  # type: ignore[method-assign]
    assert stage.look() == [PortBack("left", "input")]
    assert others == [{"right"}]
    stage.right.there = False
    stage.left.there = True
    stage.look()
    stage.right.reopen = reopen  # type: ignore[method-assign]
    assert stage.look() == [PortBack("right", "input")]
    assert others == [{"right"}, {"left [24]"}]
