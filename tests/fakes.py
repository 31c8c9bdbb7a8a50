"""Stand-ins that are quick and exact: a network whose state is its history, a continuation that can be asked for it,
and a player in this process to whom things happen at set times."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Context, Expectation, HiddenState, Logits
from perfrnn_live.engines.handles import DENSITIES, LOUDNESSES, PITCH_CLASSES, REGISTERS, Asked
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.keyboard import KEY_FEATURES, Keyboard
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.reminders import REMINDERS
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PITCHES, VELOCITY_BINS, EventKind, Vocabulary
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.link import LocalLink
from perfrnn_live.player.messages import Command, Report
from perfrnn_live.player.ports import MemoryPort, MidiOut
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.continuation import Continuation, Moment

_PRIME = 16_777_213  # the largest that float32 counts up to without a gap
_CELLS = 4


class FakeEngine:
    """Linear recurrences modulo a prime over all it was ever fed, `h` over tokens and keyboards, `c` over reminders:
    equal states are equal histories. It plays about 40 events a second, mostly short notes, and leans to what is asked.
    `on_step` is called at each step, and may take its time.
    """

    def __init__(self, vocabulary: Vocabulary = PERFORMANCE_8MS, on_step: Callable[[], None] = lambda: None) -> None:
        self.vocabulary = vocabulary
        self.on_step = on_step
        rng = np.random.default_rng(8)
        self._of_state = rng.integers(1, 4096, (_CELLS, _CELLS))
        self._of_token = rng.integers(1, _PRIME, (vocabulary.size + 1, _CELLS))
        self._of_keys = rng.integers(1, 1 << 30, (KEY_FEATURES, _CELLS))
        self._moods = rng.normal(0.0, 0.8, (2, 61, vocabulary.size)).astype(np.float32)
        self._moods[0, :, vocabulary.tokens_of(EventKind.NOTE_OFF)] += 3.5
        shift = vocabulary.tokens_of(EventKind.TIME_SHIFT)
        self._moods[0, :, shift] += 3.0 - 0.15 * np.arange(shift.stop - shift.start)
        self._moods[0, :, vocabulary.tokens_of(EventKind.VELOCITY)] -= 2.0
        self._of_token = np.vstack([self._of_token, rng.integers(1, _PRIME, _CELLS)])  # the symbol for the middle
        self._of_reminders = rng.integers(1, _PRIME, (REMINDERS, _CELLS))
        self._leanings = _leanings(vocabulary, rng)

    def start(self, batch: int) -> HiddenState:
        return HiddenState(*np.zeros((2, 1, batch, _CELLS), np.float32))

    def step(self, tokens: NDArray[np.int64], state: HiddenState, context: Context) -> tuple[Expectation, HiddenState]:
        self.on_step()
        h_before, c_before = (each[0].astype(np.int64) @ self._of_state for each in (state.h, state.c))
        seen = (context.keys * 4096).astype(np.int64) @ self._of_keys
        h = (h_before + self._of_token[tokens] + seen) % _PRIME
        c = (c_before + context.reminders @ self._of_reminders) % _PRIME
        logits = self._moods[0, h[:, 0] % 61] + self._moods[1, h[:, 1] % 61]
        after = HiddenState(h.astype(np.float32)[None], c.astype(np.float32)[None])
        return Expectation(logits, after.h[0]), after

    def handled(self, inner: NDArray[np.float32], asked: Asked) -> Logits:
        mood = self._moods[1, inner[:, 2].astype(np.int64) % 61] / 4
        return np.asarray(asked @ self._leanings + mood)


def _leanings(vocabulary: Vocabulary, rng: np.random.Generator) -> NDArray[np.float32]:
    """What is added for each corner of a handle, (HANDLES, size): to all strikes, to velocities and to strikes near by,
    to those of a pitch class; for a composer, to anything."""
    densities, loudnesses, registers, classes, composers = (
        np.zeros((corners, vocabulary.size), np.float32)
        for corners in (len(DENSITIES), len(LOUDNESSES), len(REGISTERS), PITCH_CLASSES, len(COMPOSERS))
    )
    strikes, velocities = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.VELOCITY)
    pitches, loud = np.arange(PITCHES), bin_to_velocity(np.arange(VELOCITY_BINS))
    densities[:, strikes] = np.log(np.array(DENSITIES) / 8)[:, None]
    loudnesses[:, velocities] = -abs(loud - np.array(LOUDNESSES)[:, None]) / 8
    registers[:, strikes] = 2 - abs(pitches - np.array(REGISTERS)[:, None]) / 6
    classes[:, strikes] = 2.0 * (pitches % 12 == np.arange(PITCH_CLASSES)[:, None])
    composers += rng.normal(0.0, 0.3, composers.shape).astype(np.float32)
    return np.concatenate([densities, loudnesses, registers, classes, composers])


class TracedContinuation(Continuation):
    """Knows of every moment the tokens that were fed to get there; `latest` is the last moment that was fed."""

    latest: Moment

    def __init__(self, engine: FakeEngine) -> None:
        super().__init__(engine)
        self._origins: dict[int, tuple[Moment, int, Moment]] = {}

    def feed(self, moments: list[Moment], tokens: list[int]) -> list[Moment]:
        after = super().feed(moments, tokens)
        for before, token, moment in zip(moments, tokens, after, strict=True):
            self._origins[id(moment)] = (before, token, moment)  # holding the moment keeps its id its own
            self.latest = moment
        return after

    def history(self, moment: Moment) -> list[int]:
        """All tokens before `moment`."""
        tokens = []
        while id(moment) in self._origins:
            moment, token, _ = self._origins[id(moment)]
            tokens.append(token)
        return tokens[::-1]

    def fed(self, tokens: list[int]) -> Moment:
        """The moment that `tokens` lead to from the very beginning."""
        (moment,) = self.beginning()
        for token in tokens:
            (moment,) = self.feed([moment], [token])
        return moment


def same_moment(one: Moment, other: Moment) -> bool:
    """True if the music stands at the same point, after the same history."""
    return (
        np.array_equal(one.state.h, other.state.h)
        and np.array_equal(one.state.c, other.state.c)
        and one.keyboard.step == other.keyboard.step
        and np.array_equal(one.keyboard.sounding, other.keyboard.sounding)
    )


def messages_of(tokens: list[int], vocabulary: Vocabulary, start: Keyboard | None = None) -> list[tuple[int, bytes]]:
    """What `tokens` sound like: the step and the MIDI message of each strike and release."""
    keyboard, messages = start or Keyboard.silent(), []
    for token in tokens:
        event = vocabulary.decode(token)
        if event.kind is EventKind.NOTE_ON:
            messages.append((keyboard.step, note_on(event.value, bin_to_velocity(keyboard.velocity_bin))))
        elif event.kind is EventKind.NOTE_OFF:
            messages.append((keyboard.step, note_off(event.value)))
        keyboard = keyboard.after(event)
    return messages


class LosablePort(MemoryPort):
    """A port that is there as long as it is said to be."""

    there = True

    def send(self, message: bytes) -> None:
        if self.there:
            super().send(message)

    def look(self) -> bool:
        return self.there

    def reopen(self) -> bool:
        return self.there


class ScriptedLink(LocalLink):
    """A player in this process, with things that happen at set moments of the fake clock."""

    def __init__(self, output: MidiOut, clock: FakeClock, profile: Profile = DAW, thru: bool = False) -> None:
        super().__init__(output, clock, thru, profile)
        self.clock = clock
        self.commands: list[tuple[float, Command]] = []
        self._script: list[tuple[float, Callable[[], None]]] = []

    def at(self, moment_s: float, happens: Callable[[], None]) -> None:
        """Let something happen at `moment_s`; what is told first for one moment happens first."""
        insort(self._script, (moment_s, happens), key=lambda each: each[0])

    def knob_at(self, moment_s: float, value: int, controller: int = 1) -> None:
        """Let a controller's position come in."""
        self.at(moment_s, lambda: self.bring(control_change(controller, value)))

    def turn_at(self, moment_s: float, value: int, controller: int = 1) -> None:
        """Let a controller come from its centre, where the value stands at first, and be turned."""
        self.knob_at(moment_s, 64, controller)
        self.knob_at(moment_s, value, controller)

    def send(self, command: Command) -> None:
        self.commands.append((self.clock.now(), command))
        super().send(command)

    def receive(self, timeout_s: float) -> Report | None:
        until_s = self.clock.now() + max(timeout_s, 0)
        while self._script and self._script[0][0] <= until_s:
            report = super().receive(self._script[0][0] - self.clock.now())
            if report is not None:
                return report
            self._script.pop(0)[1]()
        return super().receive(until_s - self.clock.now())
