"""`python -m tests.bench.page`: the page of a real session over JACK, in a real browser (Linux, with Chromium).

From a note that was sent to its being drawn (the same machine; the clock of both is read off one system clock); the
time of the page's own drawing, script and layout, a frame, over `--seconds` with thirty notes a second; from a touch on
a key to its note at the monitor; and lateness on the MIDI port with `--visitors` and with none.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests import jack_lab
from tests.browser import Tab, browser
from tests.stage.page.test_browser import link_of, middle_of
from tests.stage.test_real import ended, playing

_WATCH = """
globalThis.seen = []; globalThis.frames = [];
const { music, roll, feed } = perfrnn, move = music.move.bind(music), fresh = [];
music.move = (who, at, pitch, velocity) => { if (velocity) fresh.push(at); move(who, at, pitch, velocity); };
const draw = roll.frame.bind(roll);
roll.frame = () => {
  const began = performance.now(); draw(); frames.push(performance.now() - began);
  for (const at of fresh.splice(0)) seen.push(1000 * (feed.now() - at));
};
true
"""


def percentiles(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and how many."""
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2), "of": len(values)}


def watched(tab: Tab, link: str, seconds: float) -> dict[str, Any]:
    """What the page itself measures."""
    tab.open(link, 1280, 800)
    tab.until("perfrnn.music.notes.length > 5")
    tab.value(_WATCH)
    before = tab.call("Performance.getMetrics")["metrics"]
    drawn = tab.value("perfrnn.roll.drawn")
    time.sleep(seconds)
    after = tab.call("Performance.getMetrics")["metrics"]
    frames = tab.value("perfrnn.roll.drawn") - drawn
    spent_s = {one["name"]: two["value"] - one["value"] for one, two in zip(before, after, strict=False)}
    work = spent_s["ScriptDuration"] + spent_s["LayoutDuration"] + spent_s["RecalcStyleDuration"]
    return {
        "sent_to_drawn": percentiles(json.loads(tab.value("JSON.stringify(seen)"))),
        "drawing_a_frame": percentiles(json.loads(tab.value("JSON.stringify(frames)"))),
        "script_and_layout_a_frame_mean_ms": round(1000 * work / frames, 2),
        "frames_a_second": round(frames / seconds, 1),
    }


_TRIPS = """
globalThis.trips = []; let touchedAt = 0;
const wish = perfrnn.feed.wish.bind(perfrnn.feed), hear = perfrnn.music.hear.bind(perfrnn.music);
perfrnn.feed.wish = (...words) => {
  if (words[0] === "play" && words[2]) touchedAt = performance.now();
  wish(...words);
};
perfrnn.music.hear = (row) => {
  if (row[0] === "hand" && row[3]) trips.push(performance.now() - touchedAt);
  hear(row);
};
true
"""  # from a touch until the page is told that the player has the note: the way there, and back


def touched(tab: Tab, ear: jack_lab.Monitor, times: int) -> list[float]:
    """From each touch until the monitor has the note, in milliseconds; the looking takes part of it."""
    x, y = middle_of(tab, 107)
    took = []
    for _ in range(times):
        before = sum(one.message[1] == 107 for one in ear.heard() if one.message[0] & 0xF0 == 0x90)
        began = time.perf_counter()
        tab.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        while sum(one.message[1] == 107 for one in ear.heard() if one.message[0] & 0xF0 == 0x90) == before:
            time.sleep(0.0005)
        took.append((time.perf_counter() - began) * 1000)
        tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)
        time.sleep(0.3)
    return took


def visiting(link: str, ends: threading.Event) -> None:
    """A visitor that takes all it is told."""
    origin: Any = re.match(r"http://[^/]+", link)
    with (
        contextlib.suppress(ConnectionClosed),
        connect(f"{link.replace('http', 'ws', 1)}live", origin=origin[0], compression=None, max_size=None) as socket,
    ):
        while not ends.is_set():
            with contextlib.suppress(TimeoutError):
                socket.recv(timeout=0.5)


def lateness(port: str, visitors: int, seconds: float) -> float:
    """The 99th percentile on the MIDI port, in milliseconds, with so many visitors."""
    options = ("--output", port, "--page", "--no-library", "--density", "30", "--seconds", str(seconds))
    ends = threading.Event()
    with playing(*options) as session:
        link = link_of(session)
        threads = [threading.Thread(target=visiting, args=(link, ends)) for _ in range(visitors)]
        for thread in threads:
            thread.start()
        _, out, _ = ended_after(session, seconds)
        ends.set()
        for thread in threads:
            thread.join()
    return float(json.loads(out)["lateness_p99_ms"])


def ended_after(session: Any, seconds: float) -> tuple[int, str, str]:
    """Wait for a session that plays for so long."""
    time.sleep(seconds)
    return ended(session)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--touches", type=int, default=20)
    options = parser.parse_args()
    jack_lab.LIFE_S = round(4 * options.seconds) + 300
    with (
        tempfile.TemporaryDirectory() as scratch,
        jack_lab.server(),
        jack_lab.monitor(Path(scratch) / "dump.txt") as ear,
        browser() as tab,
    ):
        tab.call("Performance.enable")
        with playing("--output", ear.port, "--page", "--no-library", "--density", "30") as session:
            link = link_of(session)
            print(json.dumps(watched(tab, link, options.seconds)), flush=True)
            session.terminate()
            ended(session)
        with playing("--output", ear.port, "--page", "--no-library", "--mode", "trade") as session:
            tab.open(link_of(session), 1280, 800)
            tab.until("perfrnn.roll.keys && document.getElementById('state').value === 'listening'")
            tab.value(_TRIPS)
            told = {"touch_to_monitor": percentiles(touched(tab, ear, options.touches))}
            told["touch_to_player_and_back"] = percentiles(json.loads(tab.value("JSON.stringify(trips)")))
            print(json.dumps(told), flush=True)
            session.terminate()
            ended(session)
        late = {count: lateness(ear.port, count, options.seconds / 2) for count in (0, options.visitors)}
        print(json.dumps({"lateness_p99_ms": late}))


if __name__ == "__main__":
    main()
