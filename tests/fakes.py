"""Stand-ins that are quick and exact: a continuation that can be asked for its history, and a player in this process to
whom things happen at set times."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.errors import PlayerLost
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.vocabulary import EventKind, Vocabulary
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.link import LocalLink
from perfrnn_live.player.messages import Command, Report
from perfrnn_live.player.ports import MemoryPort, MidiOut
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.continuation import Choice, Continuation, Moment


class TracedContinuation(Continuation):
    """Knows of every moment the tokens that were fed to get there; `latest` is the last moment that was fed."""

    latest: Moment

    def __init__(self, engine: StepEngine[Any]) -> None:
        super().__init__(engine)
        self._origins: dict[int, tuple[Moment, int, Moment]] = {}

    def follow(self, moments: list[Moment], choices: list[Choice]) -> list[Moment]:
        after = super().follow(moments, choices)
        return [self._traced(*each) for each in zip(moments, choices, after, strict=True)]

    def foreseen(self, moment: Moment, choice: Choice) -> Moment:
        return self._traced(moment, choice, super().foreseen(moment, choice))

    def _traced(self, before: Moment, choice: Choice, after: Moment) -> Moment:
        self._origins[id(after)] = (before, choice.token, after)  # holding the moment keeps its id its own
        self.latest = after
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
        np.array_equal(one.state, other.state)  # of a `FakeEngine`
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

    def send(self, message: bytes, due_s: float | None = None) -> None:
        if self.there:
            super().send(message)

    def look(self) -> bool:
        return self.there

    def reopen(self, taken: Collection[str]) -> str | None:
        return self.name if self.there else None


class ScriptedLink(LocalLink):
    """A player in this process, with things that happen at set moments of the fake clock."""

    def __init__(
        self,
        output: MidiOut,
        clock: FakeClock,
        profile: Profile = DAW,
        thru: bool = False,
        left: frozenset[int] | None = None,
    ) -> None:
        super().__init__(output, clock, thru, profile, left)
        self.output, self.clock, self.profile, self.thru = output, clock, profile, thru
        self.dead = False
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
        if self.dead:
            raise PlayerLost("the player process ended unexpectedly")
        self.commands.append((self.clock.now(), command))
        super().send(command)

    def die(self) -> None:
        """End without a word, as a process that is killed: what sounds sounds on."""
        self.dead = True

    def successor(self, left: frozenset[int]) -> ScriptedLink:
        """Another player on the same output, which releases everything first; what was to happen happens to it."""
        link = type(self)(self.output, self.clock, self.profile, self.thru, left)
        link._script, link.commands = self._script, self.commands
        return link

    def receive(self, timeout_s: float) -> Report | None:
        if self.dead and not self._reports:  # as from a pipe, what it said before is read first
            raise PlayerLost("the player process ended unexpectedly")
        until_s = self.clock.now() + max(timeout_s, 0)
        while self._script and self._script[0][0] <= until_s:
            report = super().receive(self._script[0][0] - self.clock.now())
            if report is not None:
                return report
            self._script.pop(0)[1]()
        return super().receive(until_s - self.clock.now())
