"""`perfrnn-live doctor`: what of this machine works for a session, how well, and how to get what is missing.

Each part of it is looked at as a session uses it: the player in its process, the model through the int8 graphs, the
library on its own disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np

from perfrnn_live.engines.card import find_model
from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import AT_FIRST
from perfrnn_live.live.pads import open_pads
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import Beat, Schedule, Sent, Setup, Timed
from perfrnn_live.player.ports import list_ports
from perfrnn_live.player.profiles import DAW
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.sound.device import Device
from perfrnn_live.stage import places
from perfrnn_live.stage.bindings import Bindings

State = Literal["well", "warning", "broken"]
_EVENTS_S = 45.0  # events a second of people's playing, about
_LEAST_PACE, _GOOD_PACE = 1.5, 4.0  # times as fast as it plays: with less it stumbles; with more it has time for hands
_LATE_MS, _SYNC_MS = 3.0, 250.0  # a listener hears more in fast notes; the disk has half a second
_NOTES_A_SECOND, _AT_ONCE = 40, 20
_BINS_MS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one part: in a sentence, with figures by name."""

    part: str
    state: State
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at: which model, which audio, which library, and for how many seconds what takes time."""

    model: str
    audio: str
    library: Path
    seconds: float


def examine(wanted: Wanted, clock: Clock) -> Iterator[Finding]:
    """Every part in turn. Never raises for what is broken."""
    parts: dict[str, Callable[[], Finding]] = {
        "MIDI": _midi,
        "audio": lambda: _audio(wanted.audio),
        "model": lambda: _model(wanted, clock),
        "pads": lambda: _pads(wanted.model),
        "learned controls": _controls,
        "library": lambda: _library(wanted.library),
        "disk": lambda: _disk(wanted.library, clock),
        "timing": lambda: _timing(wanted.seconds, clock),
    }
    yield from looked_at(parts)


def looked_at(parts: Mapping[str, Callable[[], Finding]]) -> Iterator[Finding]:
    """What is found out about each; what goes wrong in finding out is found out, too."""
    for part, look in parts.items():
        try:
            yield look()
        except PerfRNNError as error:
            yield Finding(part, "broken", str(error))
        except Exception as error:  # a part that fails in a way nobody foresaw is what a doctor is there to tell of
            yield Finding(part, "broken", f"{type(error).__name__}: {error}")


def verdict(findings: list[Finding]) -> tuple[bool, str]:
    """Whether it can be played, and in words how well."""
    broken = {each.part for each in findings if each.state == "broken"}
    warned = [each.part for each in findings if each.state == "warning"]
    if "model" in broken or "timing" in broken:
        return False, "it cannot play here: " + "; ".join(each.sentence for each in findings if each.state == "broken")
    if {"MIDI", "audio"} <= broken:
        return False, "it can only play into files here: there is neither MIDI nor audio"
    if broken:
        return True, f"it plays, but {', '.join(sorted(broken))} {'is' if len(broken) == 1 else 'are'} broken"
    return True, f"it plays; look at {', '.join(warned)}" if warned else "all is well"


def _midi() -> Finding:
    found = list_ports()
    if found.problem:
        return Finding("MIDI", "broken", found.problem)
    apis = sorted({port.api for port in (*found.outputs, *found.inputs)})
    counts = {"outputs": len(found.outputs), "inputs": len(found.inputs), "systems": apis}
    ports = f"{len(found.outputs)} outputs and {len(found.inputs)} inputs of others"
    return Finding("MIDI", "well", f"it works ({', '.join(apis) or 'no ports of others yet'}): {ports}", counts)


def _audio(asked: str) -> Finding:
    device = Device(asked)
    told = Finding(
        "audio", "well", f"{device.system}, {device.rate} Hz", {"rate": device.rate, "system": device.system}
    )
    device.close()
    return told


def _model(wanted: Wanted, clock: Clock) -> Finding:
    continuation, start = begin(find_model(wanted.model))
    rng, controls, moments = np.random.default_rng(0), Controls(top_p=AT_FIRST.top_p, recall=AT_FIRST.recall), [start]
    took_s: list[float] = []
    until_s = clock.now() + min(wanted.seconds, 5.0)
    while clock.now() < until_s or len(took_s) < 200:
        began_s = clock.now()
        moments = continuation.feed(moments, [continuation.choose(moments[0], controls, rng)])
        took_s.append(clock.now() - began_s)
    step_ms = float(np.median(took_s)) * 1000
    pace = 1000 / (step_ms * _EVENTS_S)
    state: State = "well" if pace >= _GOOD_PACE else "warning" if pace >= _LEAST_PACE else "broken"
    remedy = "" if state == "well" else ": take --model maestro-nano, and close what else computes"
    figures = {"step": _histogram(took_s), "times_real_time": round(pace, 1)}
    return Finding("model", state, f"{wanted.model} plays at {pace:.0f}× real time{remedy}", figures)


def _pads(model: str) -> Finding:
    folder = find_model(model)
    told: list[str] = []
    continuation, _ = begin(folder)
    open_pads(continuation.engine, folder, places.pads(folder), None, told.append)
    return Finding("pads", "warning" if told else "well", "; ".join(told) or "they fit the model")


def _controls() -> Finding:
    path = places.controls()
    Bindings(path)
    return Finding("learned controls", "well", f"{path} can be read" if path.exists() else "none yet")


def _library(path: Path) -> Finding:
    with Library(path) as library:
        entries = library.entries()
    size_mb = path.stat().st_size / 1e6
    figures = {"sessions": len(entries), "megabytes": round(size_mb, 1)}
    return Finding("library", "well", f"{len(entries)} sessions, {size_mb:.1f} MB in {path}", figures)


def _disk(path: Path, clock: Clock) -> Finding:
    took_s = []
    with TemporaryFile(dir=path.parent) as file:
        for _ in range(30):
            began_s = clock.now()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took_s.append(clock.now() - began_s)
    most_ms = max(took_s) * 1000
    slow = most_ms > _SYNC_MS
    remedy = ": more than half a second of a session may be lost; take another disk with --library" if slow else ""
    sentence = f"what is kept is on it after {np.median(took_s) * 1000:.1f} ms, {most_ms:.0f} at most{remedy}"
    return Finding("disk", "warning" if slow else "well", sentence, {"sync": _histogram(took_s)})


def _timing(seconds: float, clock: Clock) -> Finding:
    """Notes into nothing, through a real player: when each was sent, against when it was due."""
    link = ProcessLink(Setup("none", (), False, DAW))
    late_s: list[float] = []
    try:
        link.ready()
        count, origin_s, sent = round(seconds * _NOTES_A_SECOND), clock.now() + 0.3, 0
        end_s = origin_s + seconds + 0.3
        while clock.now() < end_s:
            part = range(sent, min(sent + _AT_ONCE, count))
            if part and origin_s + part[0] / _NOTES_A_SECOND < clock.now() + 0.5:
                due = ((number, origin_s + number / _NOTES_A_SECOND) for number in part)
                timed = tuple(Timed(due_s, number, _move(number)) for number, due_s in due)
                link.send(Schedule(0, timed))
                sent = part[-1] + 1
            else:
                link.send(Beat())
            until_s = clock.now() + 0.1
            while (report := link.receive(until_s - clock.now())) is not None:
                if isinstance(report, Sent) and report.number is not None:
                    late_s.append(report.sent_s - report.due_s)
    finally:
        link.close()
    if not late_s:
        return Finding("timing", "broken", "the player sent nothing of what was due")
    p50, p99 = (float(each) * 1000 for each in np.percentile(late_s, [50, 99]))
    state: State = "well" if p99 <= _LATE_MS else "warning"
    remedy = "" if state == "well" else ": close what else computes, or allow realtime priority (setup notes)"
    sentence = f"notes are {p50:.2f} ms late, {p99:.2f} ms at p99, {max(late_s) * 1000:.1f} at most{remedy}"
    return Finding("timing", state, sentence, {"lateness": _histogram(late_s), "notes": len(late_s)})


def _move(number: int) -> bytes:
    return bytes((0x90, 60, 1)) if number % 2 == 0 else bytes((0x80, 60, 64))


def _histogram(seconds: list[float]) -> dict[str, int]:
    """How many took up to so many milliseconds."""
    edges = [-np.inf, *_BINS_MS, np.inf]
    counts, _ = np.histogram(np.array(seconds) * 1000, edges)
    names = [*(f"<= {edge:g} ms" for edge in _BINS_MS), f"> {_BINS_MS[-1]:g} ms"]
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
