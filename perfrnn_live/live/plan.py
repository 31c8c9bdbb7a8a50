"""Planned events, each with where the music stands after it: what the player has of them, and what has sounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace

from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.music.performance import bin_to_velocity, velocity_to_bin
from perfrnn_live.music.vocabulary import Event, EventKind, Vocabulary
from perfrnn_live.player.messages import Timed
from perfrnn_live.sampling.continuation import Moment


@dataclass(frozen=True, slots=True)
class Settled:
    """The music gets to `step`, and there `message` sounds, if any; what has a `number` is with the player already."""

    step: int
    message: bytes = b""
    number: int | None = None

    def next_token(self, moment: Moment, held: frozenset[int], vocabulary: Vocabulary) -> int | None:
        """The next event on the way there from `moment`; None if it is done, or, the other player having `held`, cannot
        be any more."""
        keyboard, offsets = moment.keyboard, vocabulary.offsets
        if self.step > keyboard.step:
            return offsets[EventKind.TIME_SHIFT] + min(self.step - keyboard.step, vocabulary.max_shift)
        if not self.message:
            return None
        pitch = self.message[1]
        if not strikes(self.message):
            own = keyboard.sounding[pitch] and pitch not in held
            return offsets[EventKind.NOTE_OFF] + pitch if own else None
        if keyboard.sounding[pitch]:  # because of the other player; what the player has can no longer be helped
            return None if self.number is None else offsets[EventKind.NOTE_OFF] + pitch
        velocity_bin = velocity_to_bin(self.message[2])
        if velocity_bin != keyboard.velocity_bin:
            return offsets[EventKind.VELOCITY] + velocity_bin
        return offsets[EventKind.NOTE_ON] + pitch


def message_of(event: Event, moment: Moment) -> bytes:
    """What sounds when `event` follows `moment`; empty for one that sounds nothing itself."""
    if event.kind is EventKind.NOTE_ON:
        return note_on(event.value, bin_to_velocity(moment.keyboard.velocity_bin))
    return note_off(event.value) if event.kind is EventKind.NOTE_OFF else b""


class Score:
    """What is settled, in the order of steps."""

    def __init__(self) -> None:
        self._events: list[Settled] = []

    def __bool__(self) -> bool:
        return bool(self._events)

    def __iter__(self) -> Iterator[Settled]:
        return iter(self._events)

    @property
    def first(self) -> Settled | None:
        """What comes next; None if nothing is settled."""
        return self._events[0] if self._events else None

    @property
    def last_step(self) -> int:
        """Where it ends; there must be something."""
        return self._events[-1].step

    @property
    def is_with_player(self) -> bool:
        """True if there is something, and the player has it all."""
        return bool(self._events) and all(each.number is not None for each in self._events)

    def add(self, events: Iterable[Settled]) -> None:
        """Settle these too; within a step they come before what was settled there."""
        self._events = sorted((*events, *self._events), key=lambda each: each.step)

    def done(self) -> None:
        """Take out what came first."""
        del self._events[0]

    def move(self, steps: int) -> None:
        """Move everything later by so many steps."""
        self._events = [replace(each, step=each.step + steps) for each in self._events]

    def keep(self, numbers: Set[int], new: bool) -> None:
        """Keep what the player has under these numbers, and what is `new` to it if so told."""
        self._events = [each for each in self._events if (new if each.number is None else each.number in numbers)]


@dataclass(frozen=True, slots=True)
class Passage:
    """Music of `steps`, each message at its step within; it leaves no key down."""

    steps: int
    messages: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """An event of the plan, and where the music stands after it. What sounds has a `message` and a `number`."""

    after: Moment
    message: bytes = b""
    number: int | None = None


class Plan:
    """From the last event heard to the lookahead. A message keeps its number for as long as the player has it."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._events: deque[Planned] = deque()
        self._dues_s: dict[int, float] = {}  # when what the player has is to sound
        self._sent: set[int] = set()
        self._numbers = 0

    def __bool__(self) -> bool:
        return bool(self._events)

    @property
    def sounds(self) -> bool:
        """True while something of it is still to sound; time and velocities that nothing follows are no sound."""
        return any(each.number is not None for each in self._events)

    @property
    def head(self) -> Moment:
        """Where the music stands at the plan's end; there must be one."""
        return self._events[-1].after

    def append(self, after: Moment, message: bytes = b"", number: int | None = None) -> Planned:
        """Add an event at the end. A message without a `number` is new, and gets the next number."""
        if message and number is None:
            number = self._numbers
            self._numbers += 1
        planned = Planned(after, message, number)
        self._events.append(planned)
        return planned

    def is_new(self, planned: Planned) -> bool:
        """True for a message that has not been handed over."""
        return planned.number is not None and planned.number not in self._dues_s

    def hand_over(self, events: Iterable[tuple[float, Planned]]) -> tuple[Timed, ...]:
        """What the player is to get of these, each with the moment at which it is to sound."""
        messages = tuple(
            Timed(due_s, number, each.message, self._quoted(each))
            for due_s, each in events
            if (number := each.number) is not None
        )
        self._dues_s.update((timed.number, timed.due_s) for timed in messages)
        return messages

    def _quoted(self, planned: Planned) -> tuple[float, int] | None:
        """How many seconds before, and at which pitch, what it strikes was struck that it quotes."""
        quote, strikes_after = planned.after.quote, planned.after.keyboard.strikes
        if quote is None or not strikes(planned.message):
            return None
        place = len(strikes_after.pitch) - 1 - quote.back
        if place < 0 or strikes_after.pitch[place] + quote.moved != planned.message[1]:
            return None
        steps = int(strikes_after.step[-1] - strikes_after.step[place])
        return steps * self._step_s, int(strikes_after.pitch[place])

    def sent(self, number: int) -> None:
        """The player has sent it: it sounds when it is due, a slow piano's having left earlier."""
        if number in self._dues_s:
            self._sent.add(number)

    def awaited_s(self) -> float | None:
        """When the first message that has not been sent is due; None if there is none."""
        return next((due_s for number, due_s in self._dues_s.items() if number not in self._sent), None)

    def sounded(self, now_s: float) -> list[Moment]:
        """Takes out what has sounded by `now_s` and all before it; the moments after each event, in order."""
        moments = []
        while (place := next((n for n, each in enumerate(self._events) if each.number is not None), None)) is not None:
            number = self._events[place].number
            if number not in self._sent or self._dues_s[number] > now_s:
                break
            moments += [self._events.popleft().after for _ in range(place + 1)]
            self._sent.discard(number)
            del self._dues_s[number]
        return moments

    def ends(self) -> dict[int, int]:
        """The step at which each pitch is to be released."""
        releases = (each for each in self._events if each.message and not strikes(each.message))
        return {each.message[1]: each.after.keyboard.step for each in releases}

    @property
    def with_player(self) -> Set[int]:
        """The numbers of what the player has and has not sounded."""
        return self._dues_s.keys()

    @property
    def sent_ahead(self) -> Set[int]:
        """The numbers of what has been sent and has not sounded."""
        return self._sent

    def clear(self, stays: Set[int]) -> list[Settled]:
        """Forget all; what has a number in `stays` is returned, for it will sound all the same."""
        settled = [Settled(e.after.keyboard.step, e.message, e.number) for e in self._events if e.number in stays]
        self._dues_s = {number: due_s for number, due_s in self._dues_s.items() if number in stays}
        self._sent &= self._dues_s.keys()
        self._events.clear()
        return settled
