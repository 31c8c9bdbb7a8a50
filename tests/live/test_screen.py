"""The screen as text: its figures, its piano roll, and that it leaves the terminal as it was."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console

from perfrnn_live.live.screen import Screen
from perfrnn_live.live.session import Status

STATUS = Status(
    elapsed_s=65.4,
    playing=True,
    temperature=1.0905,
    events_per_s=41.6,
    lookahead_s=0.512,
    lateness_p99_ms=0.1349,
    dropped=0,
    sounding=frozenset(),
)


def console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, height=40, force_terminal=True, color_system=None)


def lines(status: Status, width: int = 100, before: Iterable[frozenset[int]] = ()) -> list[str]:
    """What stands on the screen, line by line, with the columns of `before` already in the roll."""
    paper = console(width)
    screen = Screen(paper, "a model")
    for sounding in [*before, status.sounding]:
        screen.show(replace(status, sounding=sounding))
    with paper.capture() as capture:
        paper.print(screen.render(status))
    return capture.get().splitlines()


def test_the_figures() -> None:
    first, second, *_, last = lines(STATUS)
    assert first.split() == ["a", "model", "1:05", "solo"]
    assert second.rstrip() == "temperature 1.09     42 events/s   ahead 0.51 s   late 0.13 ms"
    assert "space" in last and "+/-" in last


def test_dropped_notes_show_only_if_there_are_any() -> None:
    assert "dropped" not in "".join(lines(STATUS))
    assert "dropped 3" in lines(replace(STATUS, dropped=3))[1]


def test_silence_says_how_to_go_on() -> None:
    assert lines(replace(STATUS, playing=False))[0].rstrip().endswith("silent: space plays on")


def test_the_roll_has_low_keys_below_high_ones_above_and_now_at_the_right() -> None:
    _, _, *roll, _ = lines(replace(STATUS, sounding=frozenset({21, 108, 25})), before=[frozenset({60}), frozenset()])
    assert len(roll) == 11
    columns = ["".join(row.ljust(76)[column] for row in roll) for column in (-3, -2, -1)]
    assert columns[0].strip() == "▀" and columns[0].index("▀") == 6  # 60 is in the tenth group of four from below
    assert columns[1].strip() == ""
    assert columns[2] == "▀" + " " * 9 + "█"  # 108 at the very top; 21 and 25 share the lowest row


def test_keys_beyond_the_piano_do_no_harm() -> None:
    _, _, *roll, _ = lines(replace(STATUS, sounding=frozenset({0, 20, 109, 127})))
    assert "".join(roll).strip() == ""


def test_a_narrow_terminal_gets_as_many_lines_and_the_latest_notes() -> None:
    wide = lines(replace(STATUS, sounding=frozenset({60})), before=[frozenset({21})] * 60)
    narrow = lines(replace(STATUS, sounding=frozenset({60})), before=[frozenset({21})] * 60, width=40)
    assert [line[-40:] for line in wide[2:-1]] == narrow[2:-1]
    assert [line[:40].rstrip() for line in wide[:2]] == [line.rstrip() for line in narrow[:2]]
    assert len(narrow) == len(wide)


def test_it_is_taken_down_again() -> None:
    paper = console()
    with Screen(paper, "a model") as screen:
        screen.show(STATUS)
        screen.show(STATUS)
    assert isinstance(paper.file, io.StringIO)
    written = paper.file.getvalue()
    assert "temperature 1.09" in written
    assert written.rfind("\x1b[2K") > written.rfind("temperature")  # erased line by line,
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")  # and the cursor is there again
