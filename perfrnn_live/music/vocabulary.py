"""The event vocabulary of Performance RNN: one table from which size, encoding and decoding follow.

Oore et al. 2018, "This Time with Feeling: Learning Expressive Musical Performance", section 3.2: NOTE_ON and NOTE_OFF
for 128 pitches, TIME_SHIFT by 1 to 125 steps of 8 ms, VELOCITY in 32 bins; 413 events, in that order. The 2017 blog
version has 100 shifts of 10 ms: 388 events.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

PITCHES = 128
VELOCITY_BINS = 32
VELOCITY_AT_FIRST = VELOCITY_BINS // 2  # of a note without a velocity before it


class EventKind(Enum):
    """What an event does."""

    NOTE_ON = "note-on"
    NOTE_OFF = "note-off"
    TIME_SHIFT = "time-shift"
    VELOCITY = "velocity"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: a pitch (NOTE_ON, NOTE_OFF), a number of steps (TIME_SHIFT) or a velocity bin (VELOCITY)."""

    kind: EventKind
    value: int


@dataclass(frozen=True, slots=True)
class EventRange:
    """The values of one kind, `first` to `last` inclusive, as contiguous tokens."""

    kind: EventKind
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Vocabulary:
    """Events ↔ tokens on a grid of `steps_per_second`.

    A token is an integer in [0, size). `start` and `middle` are two more *input* symbols, never an output: `start`
    stands before the first event of a performance, `middle` before music that is already under way.
    """

    name: str
    steps_per_second: int
    ranges: tuple[EventRange, ...]

    @property
    def step_s(self) -> float:
        """Seconds in a step."""
        return 1 / self.steps_per_second

    @cached_property
    def size(self) -> int:
        """Number of tokens."""
        return sum(each.size for each in self.ranges)

    @property
    def start(self) -> int:
        """The input symbol that stands before a performance."""
        return self.size

    @property
    def middle(self) -> int:
        """The input symbol that stands before music that has begun already."""
        return self.size + 1

    @property
    def inputs(self) -> int:
        """Number of input symbols."""
        return self.size + 2

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The event of every token; `events[token]` decodes."""
        return tuple(Event(each.kind, value) for each in self.ranges for value in range(each.first, each.last + 1))

    @cached_property
    def offsets(self) -> dict[EventKind, int]:
        """What to add to a value of each kind to get its token."""
        offsets, token = {}, 0
        for each in self.ranges:
            offsets[each.kind] = token - each.first
            token += each.size
        return offsets

    @cached_property
    def max_shift(self) -> int:
        """Steps in the longest TIME_SHIFT."""
        return self.range_of(EventKind.TIME_SHIFT).last

    def range_of(self, kind: EventKind) -> EventRange:
        """The values that `kind` may have."""
        return next(each for each in self.ranges if each.kind is kind)

    def tokens_of(self, kind: EventKind) -> slice:
        """The tokens of one kind."""
        each = self.range_of(kind)
        return slice(self.offsets[kind] + each.first, self.offsets[kind] + each.last + 1)

    def encode(self, event: Event) -> int:
        """The token of `event`. Raises ValueError for a value outside its range."""
        each = self.range_of(event.kind)
        if not each.first <= event.value <= each.last:
            raise ValueError(f"{event.kind.value} goes from {each.first} to {each.last}, not {event.value}")
        return self.offsets[event.kind] + event.value

    def decode(self, token: int) -> Event:
        """The event of `token`. Raises ValueError for a token outside [0, size)."""
        if not 0 <= token < self.size:
            raise ValueError(f"a token of {self.name} is in [0, {self.size}), not {token}")
        return self.events[token]


def _performance_vocabulary(name: str, steps_per_second: int) -> Vocabulary:
    return Vocabulary(
        name,
        steps_per_second,
        (
            EventRange(EventKind.NOTE_ON, 0, PITCHES - 1),
            EventRange(EventKind.NOTE_OFF, 0, PITCHES - 1),
            EventRange(EventKind.TIME_SHIFT, 1, steps_per_second),
            EventRange(EventKind.VELOCITY, 0, VELOCITY_BINS - 1),
        ),
    )


PERFORMANCE_8MS = _performance_vocabulary("performance-8ms", 125)
PERFORMANCE_10MS = _performance_vocabulary("performance-10ms", 100)
VOCABULARIES = {each.name: each for each in (PERFORMANCE_8MS, PERFORMANCE_10MS)}
