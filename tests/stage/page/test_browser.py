"""The page in a real browser, of a real session over JACK: what it shows is what the independent monitor hears, and
what is touched there is played."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfrnn_live.library.store import Library
from tests.browser import Tab, browser, needs_browser
from tests.jack_lab import Monitor
from tests.stage.test_kept import command
from tests.stage.test_real import ear, ended, lab, playing, sounding, strikes, wait_for_silence

pytestmark = [pytest.mark.midi, needs_browser]
__all__ = ["ear", "lab"]  # fixtures

_NAMELESS = (
    "[...document.querySelectorAll('button, input')].filter((each) => "
    "!(each.labels?.length || each.textContent.trim() || each.ariaLabel)).length"
)
_SMALL = (  # for a finger
    "[...document.querySelectorAll('button:not([hidden]), .fader')].filter((each) => "
    "each.offsetParent && each.getBoundingClientRect().height < 31).length"
)
_STANDS = "((name) => document.querySelector(`#knob-${name}`).closest('.knob').querySelector('output').value)"
_STRUCK = "JSON.stringify(perfrnn.music.notes.filter((note) => note.who === {who}).map((note) => note.pitch))"


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as tab:
        yield tab


def link_of(session: subprocess.Popen[str]) -> str:
    """Where its page is, as it says itself."""
    assert session.stderr is not None
    for line in session.stderr:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise AssertionError("no page was told of")


def middle_of(tab: Tab, pitch: int, depth: float = 0.8) -> tuple[float, float]:
    """Where a key is on the screen."""
    x, width, top, bottom = tab.value(
        f"(() => {{ const box = perfrnn.roll.canvas.getBoundingClientRect(), key = perfrnn.roll.keys.get({pitch});"
        "return [box.x + key.x, key.width, box.y + perfrnn.roll.top, box.y + perfrnn.roll.bottom]; })()"
    )
    return x + width / 2, top + depth * (bottom - top)


def struck(tab: Tab, who: int) -> list[int]:
    return list(json.loads(tab.value(_STRUCK.format(who=who))))


def test_the_page_sees_what_the_monitor_hears_and_steers(ear: Monitor, tab: Tab) -> None:
    options = ("--output", ear.port, "--page", "--seed", "1", "--density", "10", "--no-library")
    with playing(*options) as session:
        tab.open(link_of(session))
        tab.until("perfrnn.music.notes.length >= 20")
        assert tab.value("document.getElementById('state').value") == "playing"
        tab.until("perfrnn.music.planned.size > 0")
        assert tab.value("[...perfrnn.music.planned.values()].every((note) => note.from > perfrnn.feed.now() - 0.2)")

        # a fader by the keyboard: the knob turns, and what was planned yields
        tab.value("globalThis.yielded = 0; const back = perfrnn.music.takeBack.bind(perfrnn.music);"
                  "perfrnn.music.takeBack = (at) => { yielded += 1; back(at); }; true")  # fmt: skip
        tab.value("document.getElementById('knob-temperature').focus()")
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
        tab.until("yielded > 0")
        tab.until(f"{_STANDS}('temperature') !== '1.00'")

        # where the knobs stand is kept under a name, and comes back whole
        tab.value("globalThis.prompt = () => 'mine'; document.querySelector('#presets button').click()")
        tab.value("perfrnn.feed.wish('turn', 'temperature', 100); perfrnn.feed.wish('turn', 'density', 0)")
        tab.until(f"{_STANDS}('density') === 'free'")
        tab.value("const list = document.querySelector('#presets select'); list.value = 'mine'; list.onchange()")
        tab.until(f"Math.abs({_STANDS}('density') - 10) < 0.2")

        # the page's own piano is silent until it is asked for
        assert tab.value("perfrnn.piano.level()") == 0
        tab.call("Runtime.evaluate", expression="document.getElementById('sound').click()", userGesture=True)
        tab.until("perfrnn.piano.level() > 0.01")

        # a connection that is lost is found again, and nothing is missing
        tab.value("perfrnn.feed.socket.close(), true")
        tab.until("document.body.classList.contains('lost')")
        tab.until("!document.body.classList.contains('lost') && perfrnn.music.notes.length >= 20")

        # a key is touched: it sounds at once, and is shown as the other player's
        heard = len(strikes(ear.gestures()))
        x, y = middle_of(tab, 107)
        tab.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        tab.until("perfrnn.music.sounding[1].has(107)")
        tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)
        tab.until("!perfrnn.music.sounding[1].has(107)")
        (touched,) = (one for one in strikes(ear.gestures())[heard:] if one[1] == 107)
        assert 80 < touched[2] < 127
        tab.until("perfrnn.music.notes.length >= 45")
        session.terminate()
        status, _, err = ended(session)
        assert (status, err) == (0, "")
        wait_for_silence(ear)
    told = [pitch for _, pitch, _ in strikes(ear.gestures())]
    told.remove(107)
    shown = struck(tab, 0)
    assert len(shown) > 40 and shown == told[: len(shown)] and len(told) - len(shown) <= 5  # the last may not have come
    assert struck(tab, 1) == [107]
    assert not tab.complaints or all("WebSocket" in each or "ERR_CONNECTION" in each for each in tab.complaints)


def test_a_phrase_that_is_touched_on_a_tablet_is_answered(ear: Monitor, tab: Tab) -> None:
    options = ("--output", ear.port, "--page", "--mode", "trade", "--no-library")
    with playing(*options) as session:
        tab.open(link_of(session), 1024, 768, touch=True)
        tab.until("document.getElementById('state').value === 'listening'")
        for pitch in (60, 64, 67, 72, 67, 64):
            tab.touch(*middle_of(tab, pitch), seconds=0.15)
        tab.until("perfrnn.music.notes.filter((note) => note.who === 0).length >= 4", 10)
        tab.until("perfrnn.music.marks.some((mark) => mark.what === 'answer')")
        session.terminate()
        status, _, err = ended(session)
        assert (status, err) == (0, "")
        wait_for_silence(ear)
    assert struck(tab, 1) == [60, 64, 67, 72, 67, 64] == [pitch for _, pitch, _ in strikes(ear.gestures())][:6]
    assert not sounding(ear.gestures())


def test_pads_are_seen_and_the_square_leads_between_them(tab: Tab) -> None:
    with playing("--output", "none", "--page", "--seed", "1", "--no-library") as session:
        tab.open(link_of(session), 1024, 768, touch=True)
        tab.until("document.querySelectorAll('#pads button[title]').length === 8")  # those that came with the model
        assert "/s" in tab.value("document.querySelector('#pads button').ariaLabel")
        drawn = "document.querySelector('#pads canvas').getContext('2d').getImageData(0, 0, 64, 32).data.some(Boolean)"
        assert tab.value(drawn)
        corners = "[...document.querySelectorAll('#square .corner')].map((corner) => corner.textContent).join()"
        assert tab.value(corners) == "7,8,5,6"
        tab.value("document.getElementById('square').scrollIntoView()")
        x, y, width, height = tab.value(
            "(() => { const box = document.getElementById('square').getBoundingClientRect();"
            "return [box.x, box.y, box.width, box.height]; })()"
        )
        tab.touch(x + width / 4, y + height / 2)
        tab.until(f"{_STANDS}('morph') === '0.25' && {_STANDS}('across') === '0.50'")

        # the upper end of its range, and the split, are dragged to keys
        left, top = tab.value(
            "(() => { const box = perfrnn.roll.canvas.getBoundingClientRect();"
            "return [box.x, box.y + perfrnn.roll.top]; })()"
        )
        for knob, above, key, stands in (("highest", 9, 84, "C6"), ("split", 30, 60, "C4")):
            begins = left + tab.value(f"perfrnn.roll.placeOf('{knob}')") + (-9 if knob == "highest" else 9)
            ends, _ = middle_of(tab, key)
            for kind, x in (("touchStart", begins), ("touchMove", (begins + ends) / 2), ("touchMove", ends)):
                tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": top - above}])
            tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
            tab.until(f"{_STANDS}('{knob}') === '{stands}'")

        tab.value("document.getElementById('health').click()")
        tab.until("[...document.querySelectorAll('#timing meter')].reduce((sum, bar) => sum + bar.value, 0) > 20")
        tab.value("document.querySelector('#timing button').click()")
        tab.touch(*middle_of(tab, 60))
        tab.until("document.getElementById('surprise').value > 0 && document.getElementById('over').value > 0.5")

        watch = tab.value("globalThis.prompt = (_, link) => { globalThis.told = link; };"
                          "document.getElementById('invite').click(); String(told)")  # fmt: skip
        tab.open(watch, 1024, 768, touch=True)
        tab.until("perfrnn.music.planned.size > 0 && document.body.classList.contains('watching')")
        assert tab.value("getComputedStyle(document.getElementById('panic')).display") == "none"
        session.terminate()
        assert ended(session)[0] == 0


def test_a_take_is_gone_on_from_by_touch(tab: Tab, tmp_path: Path) -> None:
    """The page finds its session again by itself, under the same link; what cannot be gone on from is said."""
    library = ("--library", str(tmp_path / "sessions.db"))
    assert command("play", "--output", "none", "--seconds", "3", "--quiet", "--density", "9", *library).returncode == 0
    other = ("--model", "markov", "--output", "none", "--seconds", "1", "--quiet")
    assert command("play", *other, *library).returncode == 0
    with playing("--output", "none", "--page", *library) as session:
        tab.open(link_of(session), 1024, 768, touch=True)
        tab.until("perfrnn.music.notes.length >= 3")

        def go_on_from(number: int) -> None:
            tab.value("document.getElementById('takes').click()")
            row = f"[...document.querySelectorAll('#kept li')].find((row) => row.textContent.startsWith('{number} '))"
            tab.until(f"{row}?.querySelector('.go-on') !== undefined")
            tab.value(f"{row}.querySelector('.go-on').click()")

        tab.value("document.getElementById('takes').click()")
        good = "[...document.querySelectorAll('#kept button')].filter((each) => each.textContent === 'this was good')"
        tab.until(f"{good}.length > 0")
        tab.value(f"{good}.at(-1).click(), document.querySelector('#kept button').click()")

        go_on_from(2)
        tab.until("document.getElementById('said').textContent.includes('another model')")
        go_on_from(1)
        tab.until("document.body.classList.contains('lost')")
        tab.until("!document.body.classList.contains('lost') && perfrnn.music.notes.length >= 3", 30)
        tab.until(f"Math.abs({_STANDS}('density') - 9) < 0.2")
        session.terminate()
        status, _, err = ended(session)
        assert status == 0 and "going on from session 1 at 3.0 s" in err, err
    with Library(tmp_path / "sessions.db") as kept:
        assert [len(entry.moments) for entry in kept.entries()][-1] == 1
        assert [entry.about["continues"] is not None for entry in kept.entries()] == [True, False, False, False]


def test_it_fits_every_screen_and_all_is_named(tab: Tab) -> None:
    with playing("--output", "none", "--page", "--no-library") as session:
        link = link_of(session)
        for width, height in ((1280, 800), (1024, 768), (390, 844)):
            tab.open(link, width, height, touch=width < 1280)
            tab.until("perfrnn.music.notes.length >= 3")
            assert tab.value("document.documentElement.scrollWidth <= innerWidth")
            assert tab.value("document.getElementById('panic').getBoundingClientRect().bottom <= innerHeight")
            assert tab.value(_NAMELESS) == 0
            assert tab.value(_SMALL) == 0
            tab.value("document.getElementById('takes').click()")
            tab.until("document.querySelector('#kept li').textContent === 'no session has been kept yet'")
            tab.value("document.querySelector('#kept button').click()")
            drawn = tab.value("perfrnn.roll.drawn")
            tab.until(f"perfrnn.roll.drawn > {drawn} + 5")
        session.terminate()
        assert ended(session)[0] == 0
