"""Measuring a loop: delays that are known are found, what does not come back is counted, no key stays down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import CannotWrite, PerfRNNError
from perfrnn_live.music.midi import note_off, note_on, releases, strikes
from perfrnn_live.player import calibration
from perfrnn_live.player.calibration import VELOCITIES, Arrivals, Calibration, Returns, calibrate, measure
from perfrnn_live.player.clock import Clock, FakeClock
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.player.profiles import DAW, DISKLAVIER, load_profile


@dataclass
class Loop:
    """What is sent comes back after `delay_s` of its velocity, if that is not None."""

    clock: Clock
    delay_s: Callable[[int], float | None]
    keys: set[int] = field(default_factory=set)
    on_its_way: Arrivals = field(default_factory=list)

    def send(self, message: bytes, due_s: float | None = None) -> None:
        self.keys ^= {message[1]}
        delay_s = self.delay_s(message[2]) if strikes(message) else 0.06
        if delay_s is not None:
            self.on_its_way.append((self.clock.now() + delay_s, message))

    def take(self) -> Arrivals:
        arrived = [arrival for arrival in self.on_its_way if arrival[0] <= self.clock.now()]
        self.on_its_way = [arrival for arrival in self.on_its_way if arrival[0] > self.clock.now()]
        return arrived


def disklavier(velocity: int) -> float:
    return DISKLAVIER.output_delay_s(note_on(60, velocity)) + DISKLAVIER.input_delay_s


def measured(delay_s: Callable[[int], float | None]) -> Calibration:
    clock = FakeClock()
    loop = Loop(clock, delay_s)
    return Calibration("to", "fro", measure(loop.send, loop.take, clock))


def test_a_piano_that_echoes_is_measured_as_it_is() -> None:
    profile = measured(disklavier).profile("mine", DISKLAVIER)
    assert profile == replace(DISKLAVIER, name="mine", strike_delays_s=(*DISKLAVIER.strike_delays_s, (120, 0.0)))


@given(st.lists(st.floats(0, 1), min_size=len(VELOCITIES), max_size=len(VELOCITIES)))
def test_any_loop_is_found_again_and_its_profile_needs_as_long(delays_s: list[float]) -> None:
    of_velocity = dict(zip(VELOCITIES, delays_s, strict=True))
    result = measured(of_velocity.__getitem__)
    profile = result.profile("any", DAW)
    for each in result.returns:
        assert each.delays_s == pytest.approx([of_velocity[each.velocity]] * 5) and not each.missing
        there_and_back_s = profile.output_delay_s(note_on(60, each.velocity)) + profile.input_delay_s
        assert there_and_back_s == pytest.approx(of_velocity[each.velocity], abs=0.0016)


def test_strikes_are_spread_over_keys_and_each_key_is_released() -> None:
    clock = FakeClock()
    port = MemoryPort(clock)
    measure(port.send, list, clock, velocities=(30, 90), rounds=3)
    assert len(port.sent) == 12
    assert [message[2] for _, message in port.sent if strikes(message)] == [30, 90] * 3
    assert len({message[1] for _, message in port.sent}) == 5
    for (struck_s, strike), (released_s, release) in zip(port.sent[::2], port.sent[1::2], strict=True):
        assert strikes(strike) and releases(release) and strike[1] == release[1] and released_s > struck_s


@pytest.mark.parametrize(
    ("speak", "missing", "softest"), [(2, [3, 3, 0], 30), (3, [2, 2, 0], 10), (0, [5, 5, 0], 30), (5, [0, 0, 0], 10)]
)
def test_soft_strikes_that_seldom_speak_are_not_used(speak: int, missing: list[int], softest: int) -> None:
    tries = {velocity: iter(range(5)) for velocity in VELOCITIES}

    def sometimes(velocity: int) -> float | None:
        return None if velocity < 30 and next(tries[velocity]) >= speak else disklavier(velocity)

    result = measured(sometimes)
    assert [each.missing for each in result.returns] == missing + [0] * 8
    profile = result.profile("mine", DISKLAVIER)
    assert profile.softest_velocity == softest
    assert result.profile("mine", replace(DISKLAVIER, softest_velocity=40)).softest_velocity == 40
    delays = DISKLAVIER.strike_delays_s if speak else DISKLAVIER.strike_delays_s[2:]
    assert profile.strike_delays_s == (*delays, (120, 0.0))


def test_a_loop_that_strays_widens_the_echos_window() -> None:
    times = iter(range(1000))
    result = measured(lambda velocity: 0.3 + 0.05 * (next(times) // len(VELOCITIES)))
    assert result.profile("mine", DISKLAVIER).echo_tolerance_s == 0.2
    assert "200.0 ms    0 of 5" in str(result)


def test_what_is_no_answer_is_not_taken_for_one() -> None:
    clock = FakeClock()
    loop = Loop(clock, lambda velocity: 0.1)

    def also_others() -> Arrivals:
        now_s = clock.now()
        return [(now_s - 1.15, note_on(61, 60)), (now_s - 9.0, note_on(60, 60)), (now_s, b"\xf8"), *loop.take()]

    for each in measure(loop.send, also_others, clock, velocities=(64,)):
        assert each.delays_s == pytest.approx([0.1] * 5)
    twice = measure(loop.send, lambda: loop.take() * 2, clock, velocities=(64,))
    assert [len(each.delays_s) for each in twice] == [5] and not twice[0].missing
    late = Loop(clock, lambda velocity: 1.1)
    assert measure(late.send, late.take, clock, (64,), rounds=2) == (Returns(64, (), 2),)


class Interrupted(FakeClock):
    def wait_until(self, moment_s: float) -> None:
        raise KeyboardInterrupt


def test_no_key_stays_down_when_it_is_interrupted() -> None:
    clock = Interrupted()
    loop = Loop(clock, disklavier)
    with pytest.raises(KeyboardInterrupt):
        measure(loop.send, loop.take, clock)
    assert not loop.keys and [message for _, message in loop.on_its_way][1:] == [note_off(48)]


def test_the_table() -> None:
    returns = (Returns(20, (), 3), Returns(60, (0.2, 0.16, 0.161), 0), Returns(100, (0.1, 0.1), 1))
    assert str(Calibration("piano out", "piano in", returns)).splitlines() == [
        "from piano out to piano in",
        "velocity    median    spread   missing",
        "      20         -         -    3 of 3",
        "      60  161.0 ms   40.0 ms    0 of 3",
        "     100  100.0 ms    0.0 ms    1 of 3",
    ]


@dataclass
class Wire:
    """Ports of a fake system, one wired to the other unless `cut`, on a clock that jumps."""

    cut: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    closed: list[str] = field(default_factory=list)
    received: Callable[[float, bytes], None] = print

    def open_output(self, name: str) -> MemoryPort:
        return WiredPort(self, f"{name} 1")

    def open_input(self, name: str, clock: Clock, received: Callable[[float, bytes], None]) -> MemoryPort:
        self.received = received
        return WiredPort(self, f"{name} 2")


class WiredPort(MemoryPort):
    def __init__(self, wire: Wire, name: str) -> None:
        super().__init__(wire.clock, name)
        self._wire = wire

    def send(self, message: bytes, due_s: float | None = None) -> None:
        if not self._wire.cut:
            self._wire.received(self._wire.clock.now() + 0.004, message)

    def close(self) -> None:
        self._wire.closed.append(self.name)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    for name in ("open_output", "open_input"):
        monkeypatch.setattr(calibration, name, getattr(wire, name))
    monkeypatch.setattr(calibration, "SystemClock", lambda: wire.clock)
    return wire


def test_the_command_writes_a_profile_that_play_can_load(wire: Wire, tmp_path: Path) -> None:
    path = tmp_path / "cable.toml"
    assert "from out 1 to in 2" in calibrate("out", "in", path, DAW)
    delays = tuple((velocity, 0.0) for velocity in VELOCITIES)
    assert load_profile(str(path)) == replace(
        DAW,
        name="cable",
        input_delay_s=0.002,
        base_delay_s=0.002,
        strike_delays_s=delays,
        softest_velocity=10,
        echo=True,
    )
    assert wire.closed == ["in 2", "out 1"]


def test_when_nothing_comes_back_it_says_so_and_writes_nothing(wire: Wire, tmp_path: Path) -> None:
    wire.cut = True
    with pytest.raises(PerfRNNError, match="nothing that 'out 1' was sent came back on 'in 2'"):
        calibrate("out", "in", tmp_path / "cable.toml")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_said_before_anything_sounds(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(CannotWrite):
        calibrate("out", "in", tmp_path / "nowhere" / "cable.toml")
    assert not wire.closed
