"""A kept session as a .mid file, a sound file, or a picture."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.library.sessions import Take, Timed
from perfrnn_live.live.controls import KNOBS
from perfrnn_live.music.midi import CONTROL_CHANGE, SUSTAIN, note_off, releases, strikes
from perfrnn_live.music.midifile import read_notes, variable_length
from perfrnn_live.music.pedal import PEDAL_DOWN
from perfrnn_live.sound.wav import write_sound

_TICKS = 500  # to a quarter of half a second: a tick is a millisecond
_MACHINE, _PLAYER, _KNOBS = 0, 1, 15  # channels
_WIDTH, _KEY, _KNOB_ROW = 1400, 4, 26  # of the picture, in pixels


def export(take: Take, path: Path) -> None:
    """Write what the name's end says: .mid, .wav or .svg. Raises BadValue for another end, CannotWrite."""
    match path.suffix.lower():
        case ".mid" | ".midi":
            _write(path, midi_file(take))
        case ".svg":
            _write(path, picture(take).encode())
        case ".wav":
            beside = path.with_suffix(".mid")
            if beside.exists():
                raise CannotWrite(f"cannot write {beside}, from which {path} would be made: it is there already")
            _write(beside, midi_file(take))
            write_sound(path, read_notes(beside))
        case _:
            raise BadValue(f"a session can be exported as .mid, .wav or .svg, not as {path.name!r}")


def midi_file(take: Take) -> bytes:
    """A format 1 file: tempo and marks, the machine on channel 1, the other player on channel 2, knobs as controllers
    on channel 16, a tick a millisecond. Every key that is down at the end is released there."""
    marks = [(at_s, b"\xff\x06" + _with_length(what.encode())) for at_s, what in take.marks]
    knobs = [(at_s, bytes((CONTROL_CHANGE | _KNOBS, KNOBS[name].cc, value))) for at_s, name, value in take.knobs]
    end_s = take.seconds
    tracks = [
        _track("perfrnn-live", [(0.0, b"\xff\x51\x03" + (1000 * _TICKS).to_bytes(3, "big")), *marks]),
        _track("machine", _on(_MACHINE, take.machine, end_s)),
        _track("you", _on(_PLAYER, take.player, end_s)),
        _track("knobs", knobs),
    ]
    head = b"MThd" + (6).to_bytes(4, "big") + b"".join(n.to_bytes(2, "big") for n in (1, len(tracks), _TICKS))
    return head + b"".join(tracks)


def picture(take: Take) -> str:
    """SVG: both players' notes in two colours, the harder struck the darker; the pedal, what was decided, and where the
    knobs went."""
    seconds = max(take.seconds, 1.0)
    scale, parts = _WIDTH / seconds, []
    bottom = 128 * _KEY
    for colour, part in (("#c8401a", take.machine), ("#2060c0", take.player)):
        for from_s, to_s, pitch, velocity in _notes(part, seconds):
            x, width = from_s * scale, max((to_s - from_s) * scale, 0.6)
            parts.append(
                f'<rect x="{x:.1f}" y="{(127 - pitch) * _KEY}" width="{width:.1f}" height="{_KEY - 0.5}" '
                f'fill="{colour}" fill-opacity="{0.25 + 0.75 * velocity / 127:.2f}"/>'
            )
        for from_s, to_s in _pedalled(part, seconds):
            parts.append(
                f'<rect x="{from_s * scale:.1f}" y="{bottom + 2}" width="{(to_s - from_s) * scale:.1f}" height="6" '
                f'fill="{colour}" fill-opacity="0.4"/>'
            )
    for at_s, what in take.marks:
        x = at_s * scale
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{bottom}" stroke="#888" stroke-dasharray="3"/>')
        parts.append(f'<text x="{x + 2:.1f}" y="10" font-size="9" fill="#555">{escape(what)}</text>')
    turned: dict[str, list[tuple[float, int]]] = {}
    for at_s, name, position in take.knobs:
        turned.setdefault(name, []).append((at_s, position))
    top = bottom + 14
    for name, places in turned.items():
        points, before = [], places[0][1]
        for at_s, position in [*places, (seconds, places[-1][1])]:
            for each in (before, position):
                points.append(f"{at_s * scale:.1f},{top + (_KNOB_ROW - 6) * (1 - each / 127):.1f}")
            before = position
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#444"/>')
        parts.append(f'<text x="2" y="{top + 10}" font-size="9" fill="#222">{escape(name)}</text>')
        top += _KNOB_ROW
    view = f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif"'
    background = f'<rect width="{_WIDTH}" height="{top}" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {view}>\n{background}\n' + "\n".join(parts) + "\n</svg>\n"


def _on(channel: int, part: list[Timed], end_s: float) -> list[Timed]:
    """On that channel, and nothing down at the end."""
    down: dict[int, None] = {}
    for _, message in part:
        if strikes(message):
            down[message[1]] = None
        elif releases(message):
            down.pop(message[1], None)
    ended = [*part, *((end_s, note_off(pitch)) for pitch in down)]
    return [(at_s, bytes((message[0] & 0xF0 | channel, *message[1:]))) for at_s, message in ended]


def _track(name: str, events: Iterable[Timed]) -> bytes:
    data, tick = bytearray(b"\x00\xff\x03" + _with_length(name.encode())), 0
    for at_s, message in sorted(events, key=lambda each: each[0]):
        now = max(round(at_s * 1000), tick)
        data += variable_length(now - tick) + message
        tick = now
    data += b"\x00\xff\x2f\x00"
    return b"MTrk" + len(data).to_bytes(4, "big") + bytes(data)


def _notes(part: list[Timed], end_s: float) -> list[tuple[float, float, int, int]]:
    """From, to, pitch and velocity of each."""
    down: dict[int, tuple[float, int]] = {}
    notes = []
    for at_s, message in [*part, *((end_s, note_off(pitch)) for pitch in range(128))]:
        if (strikes(message) or releases(message)) and message[1] in down:
            from_s, velocity = down.pop(message[1])
            notes.append((from_s, at_s, message[1], velocity))
        if strikes(message):
            down[message[1]] = at_s, message[2]
    return notes


def _pedalled(part: list[Timed], end_s: float) -> list[tuple[float, float]]:
    down_s, spans = None, []
    for at_s, message in [*part, (end_s, bytes((CONTROL_CHANGE, SUSTAIN, 0)))]:
        if message[0] & 0xF0 == CONTROL_CHANGE and message[1] == SUSTAIN:
            if message[2] >= PEDAL_DOWN and down_s is None:
                down_s = at_s
            elif message[2] < PEDAL_DOWN and down_s is not None:
                spans.append((down_s, at_s))
                down_s = None
    return spans


def _with_length(data: bytes) -> bytes:
    return variable_length(len(data)) + data


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
