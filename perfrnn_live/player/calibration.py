"""How long strikes take to an output and back on an input: over a piano that reports what it plays, or over a cable."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median

from perfrnn_live.errors import CannotWrite, PerfRNNError
from perfrnn_live.files import check_writable
from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.player.clock import Clock, SystemClock
from perfrnn_live.player.ports import open_input, open_output
from perfrnn_live.player.profiles import DISKLAVIER, Profile

VELOCITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120)
ROUNDS = 5

_PITCHES = (48, 55, 60, 64, 72)  # in turn, so that a strike that comes back very late is not taken for the next one
_HOLD_S = 0.4
_LISTEN_S = 1.0  # a Disklavier's MIDI IN delay alone is half of it
_EVERY_S = 1.2

Arrivals = list[tuple[float, bytes]]


@dataclass(frozen=True, slots=True)
class Returns:
    """Of all strikes with one velocity: how long each took that came back, in seconds, and how many did not."""

    velocity: int
    delays_s: tuple[float, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured from one output to one input, by ascending velocity; at least one strike came back."""

    output: str
    input: str
    returns: tuple[Returns, ...]

    def __str__(self) -> str:
        lines = [f"from {self.output} to {self.input}", "velocity    median    spread   missing"]
        for each in self.returns:
            times = "        -         -"
            if each.delays_s:
                spread_s = max(each.delays_s) - min(each.delays_s)
                times = f"{median(each.delays_s) * 1000:6.1f} ms {spread_s * 1000:6.1f} ms"
            lines.append(f"{each.velocity:8} {times} {each.missing:4} of {each.missing + len(each.delays_s)}")
        return "\n".join(lines)

    def profile(self, name: str, like: Profile) -> Profile:
        """An output that needs what was measured; what a loop does not tell is as in `like`.

        A loop does not tell the way there from the way back: each is taken to be half of what the fastest strike took.
        Strikes will be no softer than the softest that came back more often than not.
        """
        medians_s = {each.velocity: median(each.delays_s) for each in self.returns if each.delays_s}
        fastest_s = min(medians_s.values())
        stray_s = max(abs(delay_s - medians_s[each.velocity]) for each in self.returns for delay_s in each.delays_s)
        speaks = (each.velocity for each in self.returns if len(each.delays_s) > each.missing)
        softest = next(speaks, max(medians_s))
        return replace(
            like,
            name=name,
            input_delay_s=round(fastest_s / 2, 3),
            base_delay_s=round(fastest_s / 2, 3),
            strike_delays_s=tuple((velocity, round(each_s - fastest_s, 3)) for velocity, each_s in medians_s.items()),
            softest_velocity=max(softest, like.softest_velocity),
            echo=True,
            echo_tolerance_s=min(max(round(2 * stray_s, 3), like.echo_tolerance_s), 1.0),
        )


def measure(
    send: Callable[[bytes], None],
    take: Callable[[], Arrivals],
    clock: Clock,
    velocities: Sequence[int] = VELOCITIES,
    rounds: int = ROUNDS,
) -> tuple[Returns, ...]:
    """Strike one key after the other and listen: 1.2 s for each of `rounds` strikes with each of the `velocities`.

    `send` sends one message, `take` returns the arrivals in seconds on `clock` and the messages since it was last
    called. Whatever happens, no key stays down.
    """
    delays_s: dict[int, list[float]] = {velocity: [] for velocity in velocities}
    for count, velocity in enumerate([*velocities] * rounds):
        pitch = _PITCHES[count % len(_PITCHES)]
        struck_s = clock.now()
        try:
            send(note_on(pitch, velocity))
            clock.wait_until(struck_s + _HOLD_S)
        finally:
            send(note_off(pitch))
        clock.wait_until(struck_s + _EVERY_S)
        took_s = [arrival_s - struck_s for arrival_s, message in take() if strikes(message) and message[1] == pitch]
        delays_s[velocity] += [each for each in took_s if 0 <= each <= _LISTEN_S][:1]
    return tuple(Returns(velocity, tuple(found), rounds - len(found)) for velocity, found in delays_s.items())


def calibrate(output: str, input: str, out: Path | None = None, like: Profile = DISKLAVIER) -> str:
    """Measure between two ports for about a minute; returns a table, and writes a profile file to `out`.

    Raises CannotWrite, what opening ports raises, and PerfRNNError when nothing comes back.
    """
    if out is not None:
        check_writable(out)
    clock = SystemClock()
    inbox: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
    with contextlib.ExitStack() as stack:
        midi_out = open_output(output)
        stack.callback(midi_out.close)
        midi_in = open_input(input, clock, lambda arrival_s, message: inbox.put((arrival_s, message)))
        stack.callback(midi_in.close)
        calibration = Calibration(midi_out.name, midi_in.name, measure(midi_out.send, lambda: _taken(inbox), clock))
    if not any(each.delays_s for each in calibration.returns):
        raise PerfRNNError(
            f"nothing that {midi_out.name!r} was sent came back on {midi_in.name!r}: "
            "either the piano reports only what hands play, or there is no cable from output to input"
        )
    if out is not None:
        try:
            out.write_text(calibration.profile(out.stem, like).to_toml(), encoding="utf-8")
        except OSError as error:
            raise CannotWrite(f"cannot write {out}: {error.strerror}") from error
    return str(calibration)


def _taken(inbox: SimpleQueue[tuple[float, bytes]]) -> Arrivals:
    arrivals: Arrivals = []
    with contextlib.suppress(Empty):
        while True:
            arrivals.append(inbox.get_nowait())
    return arrivals
