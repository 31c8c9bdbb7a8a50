"""The keeper: a listener that puts a session into the library while it is played, and loses nothing it can help."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from perfrnn_live.errors import BadValue, CannotWrite, PerfRNNError
from perfrnn_live.library.packed import MOST, Fact
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import Action
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import strikes
from perfrnn_live.player.messages import Received, Sent

_MOST_WAITING = 500_000  # facts, about an hour's, that are kept in memory while the disk refuses
_LONG = 400  # facts in a part, some seconds'
_MOMENT_S = 30.0  # a marked moment, where there was no phrase


def beside(library: Path) -> Path:
    """Where sessions are kept while a library cannot be used."""
    return library.with_name(f"{library.stem}-2{library.suffix}")


class Keeper:
    """A `Listener`. `about` is what the session was begun with, `began_s` when; `wall` tells the seconds since 1970.
    `files` are as in `Library.begin`.

    While the disk refuses, what happens waits in memory, and `say` is told once; when it takes things again, all that
    waited is kept, and `say` is told. Beside a library that cannot be used, which is left alone, another one is begun.
    """

    def __init__(
        self,
        path: Path,
        about: dict[str, Any],
        began_s: float,
        wall: Callable[[], float],
        say: Callable[[str], None],
        files: Collection[bytes] = (),
    ) -> None:
        self._path, self._about, self._began_s, self._wall, self._say = path, about, began_s, wall, say
        self._files = files
        self._beside = beside(path)
        self._library: Library | None = None
        self._file: tuple[int, int] | None = None  # device and inode
        self._session: int | None = None
        self._part = 0
        self._begun: list[Fact] = []  # what is in that part already
        self._waiting: list[Fact] = []
        self._moments: list[tuple[float, float]] = []
        self._now_s = began_s
        self._phrase: tuple[float, float] | None = None
        self._complained = False

    def hear(self, fact: Fact) -> None:
        """Keep it with the next flush."""
        self._waiting.append(fact)
        match fact:
            case Told(at_s, "phrase", details):
                length_s = dict(details).get("seconds", 0.0)
                self._phrase = (at_s - float(length_s) if isinstance(length_s, float) else at_s, at_s)
            case Time(now_s):
                self._now_s = now_s
            case Do(at_s, Action.MOMENT):
                recent = self._phrase is not None and at_s - self._phrase[1] < _MOMENT_S
                from_s = self._phrase[0] if recent and self._phrase is not None else at_s - _MOMENT_S
                self._moments.append((max(from_s - self._began_s, 0.0), at_s - self._began_s))

    def flush(self, now_s: float) -> None:
        """Put into the library what was heard. Never raises."""
        self._keep(ended=False)

    def close(self) -> None:
        """The session is over. Raises CannotWrite if its last facts cannot be kept."""
        self._keep(ended=True)
        if self._library is not None:
            self._library.close()
        if self._waiting:
            raise CannotWrite(f"{self._path} could not be written")

    def _keep(self, ended: bool) -> None:
        try:
            try:
                self._put(ended)
            except BadValue as error:
                if self._path == self._beside:
                    raise
                self._drop()
                self._path, self._session = self._beside, None
                self._say(f"{error}; the session is kept in {self._path}")
                self._put(ended)
        except PerfRNNError as error:
            self._drop()
            if not self._complained:
                self._complained = True
                self._say(f"the session is not kept for the time being: {error}")
            del self._waiting[:-_MOST_WAITING]
            return
        if self._complained:
            self._complained = False
            self._say("the session is kept again")

    def _put(self, ended: bool) -> None:
        library = self._opened()
        if self._session is None:
            self._session, self._part = library.begin(self._about, self._wall(), self._files), 0
            self._begun = []
        self._add(library, self._session, ended)

    def _add(self, library: Library, session: int, ended: bool) -> None:
        """What waits, a part at a time. A part grows with each flush until it is long enough, for long ones take less
        room."""
        while True:
            room = MOST - len(self._begun)
            facts, rest = self._waiting[:room], self._waiting[room:]
            notes = sum(isinstance(fact, Sent | Received) and strikes(fact.message) for fact in facts)
            lasted_s, is_last = self._now_s - self._began_s, not rest
            moments, part = self._moments if is_last else [], self._begun + facts
            library.add(session, self._part, part, lasted_s, self._wall(), notes, moments, ended and is_last)
            is_long = len(part) >= _LONG
            self._part, self._begun = (self._part + 1, []) if is_long else (self._part, part)
            self._waiting = rest
            if is_last:
                self._moments = []
                return

    def _opened(self) -> Library:
        """The library, opened anew if its file was taken away: what is written into that is nowhere."""
        if self._library is not None and self._identity() != self._file:
            self._drop()
        if self._library is None:
            self._library = Library(self._path)
            self._file = self._identity()
            if self._session is not None and not self._library.has(self._session, self._about):
                self._session = None  # another library, which knows nothing of it
        return self._library

    def _identity(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            status = self._path.stat()
            return status.st_dev, status.st_ino
        return None

    def _drop(self) -> None:
        if self._library is not None:
            self._library.close()
        self._library = None
