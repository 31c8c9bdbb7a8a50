"""The screen as text: its figures, its piano roll, and that it leaves the terminal as it was."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.text import Text

from perfrnn_live.live.controls import KNOBS, Knob, Mode, Settings, label
from perfrnn_live.live.pads import Sight
from perfrnn_live.stage.screen import Screen
from perfrnn_live.stage.status import Status

STATUS = Status(
    elapsed_s=65.4,
    state="playing",
    settings=Settings(temperature=1.0905, mode=Mode.DUET),
    selected="density",
    said="",
    events_per_s=41.6,
    lookahead_s=0.512,
    lateness_p99_ms=0.1349,
    dropped=0,
    sounding=frozenset(),
    held=frozenset(),
)


def console(width: int = 100, height: int = 24) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)


def lines(status: Status, width: int = 100, before: Iterable[frozenset[int]] = (), height: int = 24) -> list[str]:
    """What stands on the screen, line by line, with the columns of `before` already in the roll."""
    with closing(Screen(console(width, height), "a model")) as screen:
        for sounding in [*before, status.sounding]:
            screen.show(replace(status, sounding=sounding))
    paper = console(width)
    with paper.capture() as capture:
        paper.print(screen.render(status))
    return capture.get().splitlines()


KNOB_LINES = slice(1, 5)
HEAD = slice(0, 6)  # who plays, four lines of knobs, the figures
ROLL = slice(6, -3)  # before two lines of keys and what it says


def test_the_head_says_who_plays_and_the_figures_how_well() -> None:
    head, first, second, third, fourth, figures, *_ = lines(STATUS)
    assert head.split() == ["a", "model", "1:05", "duet", "playing"]
    assert first.split("  ")[0] == "temperature 1.09"
    assert "sounding free" in second
    assert third.split() == ["mode", "duet", "composer", "any", "towards", "any", "blend", "0.00", "recall", "0.00"]
    assert fourth.split() == ["likeness", "0.00", "across", "0.00", "lowest", "C-1", "highest", "G9", "split", "off"]
    assert figures.rstrip() == "42 events/s   ahead 0.51 s   late 0.13 ms"
    assert "silent" in lines(replace(STATUS, state="silent"))[0]


def test_every_knob_is_shown_and_the_selected_one_stands_out() -> None:
    shown = "  ".join(line.strip() for line in lines(STATUS)[KNOB_LINES]).split("  ")
    assert shown == [f"{label(name)} {KNOBS[name].text(getattr(STATUS.settings, name))}" for name in KNOBS]
    with closing(Screen(console(), "a model")) as screen:
        pass
    marked = [span for line in screen.render(STATUS).renderables for span in getattr(line, "spans", ())]
    assert [str(span.style) for span in marked].count("reverse") == 1


def test_everything_fits_into_eighty_columns_but_what_is_cropped_to_them() -> None:
    assert all(len(line.rstrip()) <= 80 for line in lines(replace(STATUS, said="x" * 200), width=80))


def test_what_is_left_to_the_model_is_free_and_what_is_asked_of_it_a_number() -> None:
    shown = " ".join(lines(STATUS)[KNOB_LINES])
    assert all(f"{name} free " in shown for name in ("density", "loudness", "register"))
    asked = Settings(
        density=8.2, loudness=60.0, register=72.0, sounding=5.0, composer="chopin", towards="bach", blend=0.3
    )
    shown = " ".join(lines(replace(STATUS, settings=asked))[KNOB_LINES])
    assert "free" not in shown
    for text in ("density 8.2 ", "loudness 60 ", "register 72 ", "composer chopin ", "towards bach ", "blend 0.30 "):
        assert text in shown


def longest(knob: Knob) -> Any:
    """The value that takes the most space on the screen."""
    return max((knob.value_at(position) for position in range(128)), key=lambda value: len(knob.text(value)))


def test_eighty_columns_are_enough_for_the_longest_of_everything() -> None:
    settings = Settings(**{name: longest(knob) for name, knob in KNOBS.items()})
    assert settings.composer == settings.towards == "rachmaninoff"
    status = replace(STATUS, settings=settings, elapsed_s=6000.0, state="listening", dropped=999, lateness_p99_ms=99.9)
    wide, narrow = (lines(status, width) for width in (200, 80))
    assert [line.rstrip() for line in wide] == [line.rstrip() for line in narrow]
    assert all(len(line.rstrip()) <= 80 for line in narrow)


def test_dropped_notes_show_only_if_there_are_any() -> None:
    assert "dropped" not in "".join(lines(STATUS))
    assert "dropped 3" in lines(replace(STATUS, dropped=3))[5]


def test_what_there_is_to_say_stands_at_the_end() -> None:
    assert lines(replace(STATUS, said="pad 3 is empty"))[-1].rstrip() == "pad 3 is empty"


def test_help_says_what_each_key_does_and_what_the_pads_hold() -> None:
    """In the roll's place, so that nothing else moves; in eighty columns."""
    pads = {number: Sight("middling, central, 12/s", ()) for number in range(1, 9)}
    plain, helped = lines(STATUS, 80), lines(replace(STATUS, helps=True, pads=pads), 80)
    assert len(plain) == len(helped) and plain[HEAD] == helped[HEAD]
    shown = "\n".join(helped[ROLL])
    for words in ("q  end", "space  silence, and play on", "pad 1  middling, central, 12/s", "pad 8  middling"):
        assert words in shown
    assert all(len(line.rstrip()) <= 80 for line in helped)


def test_the_roll_has_low_keys_below_high_ones_above_and_now_at_the_right() -> None:
    roll = lines(replace(STATUS, sounding=frozenset({21, 108, 25})), before=[frozenset({60}), frozenset()])[ROLL]
    assert len(roll) == 11
    columns = ["".join(row.ljust(100)[column] for row in roll) for column in (-6, -5, -4)]  # then what is planned
    assert columns[0].strip() == "▀" and columns[0].index("▀") == 6  # 60 is in the tenth group of four from below
    assert columns[1].strip() == ""
    assert columns[2] == "▀" + " " * 9 + "█"  # 108 at the very top; 21 and 25 share the lowest row


def roll_of(status: Status, height: int = 24) -> Text:
    with closing(Screen(console(100, height), "a model")) as screen:
        screen.show(status)
    (roll,) = [each for each in screen.render(status).renderables if len(getattr(each, "plain", "")) > 500]
    assert isinstance(roll, Text)
    return roll


def test_who_plays_is_told_by_colour_and_what_is_planned_is_dim() -> None:
    planned = ((0.05, 21), (0.45, 108), (0.9, 60))
    roll = roll_of(replace(STATUS, sounding=frozenset({21, 60}), held=frozenset({108, 60}), planned=planned))
    rows, dim = roll.plain.splitlines(), [span for span in roll.spans if str(span.style) == "dim"]
    marked = {span.start: str(span.style) for span in roll.spans if str(span.style) not in ("", "dim")}
    assert [style for _, style in sorted(marked.items())] == ["bold yellow", "bold magenta"] and str(
        roll.style
    ) == "cyan"
    assert len(dim) == 3 * 11 and all(span.start % 101 >= 97 for span in dim)
    assert rows[-1][97] == "▄" and rows[0][99] == "▀"
    assert "".join(row[97:] for row in rows).replace(" ", "") == "▀▄"  # nothing of what lies further ahead


def test_a_high_terminal_has_a_finer_roll_and_the_last_sentences() -> None:
    assert len(roll_of(STATUS, height=40).plain.splitlines()) == 22
    with closing(Screen(console(100, 40), "a model")) as screen:
        for said in ("one", "two", "two", "three", "four"):
            screen.show(replace(STATUS, said=said))
        *_, before, last, now = screen.render(replace(STATUS, said="four")).renderables
    assert [getattr(line, "plain", "") for line in (before, last, now)] == ["two", "three", "four"]


def test_keys_beyond_the_piano_do_no_harm() -> None:
    assert "".join(lines(replace(STATUS, sounding=frozenset({0, 20, 109, 127})))[ROLL]).strip() == ""


def test_a_narrow_terminal_gets_as_many_lines_and_the_latest_notes() -> None:
    wide = lines(replace(STATUS, sounding=frozenset({60})), before=[frozenset({21})] * 60)
    narrow = lines(replace(STATUS, sounding=frozenset({60})), before=[frozenset({21})] * 60, width=40)
    assert [line[-40:] for line in wide[ROLL]] == narrow[ROLL]
    assert [line[:40].rstrip() for line in wide[HEAD]] == [line.rstrip() for line in narrow[HEAD]]
    assert len(narrow) == len(wide)


def test_it_is_taken_down_again() -> None:
    paper = console()
    screen = Screen(paper, "a model")
    screen.show(STATUS)
    screen.show(STATUS)
    screen.close()
    assert isinstance(paper.file, io.StringIO)
    written = paper.file.getvalue()
    assert "temperature 1.09" in written
    assert written.rfind("\x1b[2K") > written.rfind("temperature")  # erased line by line,
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l")  # and the cursor is there again
