"""What the machine wants: commands to the player, what was decided, and what is to follow an answer of the player's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perfrnn_live.live.pads import Pads
from perfrnn_live.player.messages import Command, Panic, Release, TakeBack


@dataclass(frozen=True, slots=True)
class Told:
    """It was decided at `at_s`: `what`, with details by name."""

    at_s: float
    what: str
    details: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Took:
    """`what` was asked for at `since_s` and was there at `until_s`."""

    what: str
    since_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class KeepPads:
    """These pads are to be written into their file; what came of it is to be told with a `Said`."""

    pads: Pads


Decision = Told | Took
Order = Command | Decision | KeepPads


class Orders:
    """Collects orders. At most one answer of the player is awaited at a time: that a plan was taken back."""

    def __init__(self) -> None:
        self.said = ""  # the latest that the machine has to say, for faces to show
        self._given: list[Order] = []
        self._then: Callable[[float], None] | None = None

    @property
    def waits(self) -> bool:
        """True while an answer is awaited: until then nothing is planned and nothing else is asked of the player."""
        return self._then is not None

    def give(self, order: Order) -> None:
        """One order more."""
        self._given.append(order)

    def tell(self, at_s: float, what: str, **details: object) -> None:
        """Something was decided."""
        self.give(Told(at_s, what, tuple(details.items())))

    def took(self, what: str, since_s: float, until_s: float) -> None:
        """Something that was asked for is there."""
        self.give(Took(what, since_s, until_s))

    def ask(self, command: TakeBack | Release | Panic, then: Callable[[float], None]) -> None:
        """Have the plan taken back; `then` is called with the moment at which the player did so."""
        assert self._then is None, "an answer is waited for already"
        self.give(command)
        self._then = then

    def answered(self, at_s: float) -> None:
        """The player has answered; nothing happens if it was not asked."""
        then, self._then = self._then, None
        if then is not None:
            then(at_s)

    def taken(self) -> list[Order]:
        """All orders since the last call, in order."""
        given, self._given = self._given, []
        return given
