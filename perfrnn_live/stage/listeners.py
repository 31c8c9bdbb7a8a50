"""Those who are told what happens while it plays: they keep it, or show it, and none of them may hold it up.

What writes or draws does so on a thread of its own: `Kept` and `Shown` are such threads. What they are given they take
at once; a disk or a terminal that stands still is left behind.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.happenings import Happening
from perfrnn_live.live.orders import Decision
from perfrnn_live.player.messages import PortBack, PortLost, Said
from perfrnn_live.stage.status import Status

Fact = Happening | Decision
_PATIENCE_S = 2.0  # what is not written by then, after the end, is given up


class Listener(Protocol):
    """Somebody who is told every fact, in order."""

    def hear(self, fact: Fact) -> None:
        """This happened, or was decided."""
        ...

    def flush(self, now_s: float) -> None:
        """It is `now_s`: what was heard is to be kept now. Called more than twice a second."""
        ...

    def close(self) -> None:
        """Nothing more will happen; keep what was heard."""
        ...


class Face(Protocol):
    """Something that shows how the session stands."""

    def show(self, status: Status) -> None:
        """Show it; called five times a second."""
        ...

    def close(self) -> None:
        """Nothing more is to be shown."""
        ...


class Kept:
    """A `Listener` that has another one listen on a thread of its own, and be told half a second's facts at a time.

    That one may raise CannotWrite: then it is told no more, `complain` is called with a sentence (from its thread), and
    `complaint` is that sentence. `what` it keeps is a word or two for it: "the recording".
    """

    def __init__(self, listener: Listener, what: str, complain: Callable[[str], None]) -> None:
        self._listener, self._what, self._complain = listener, what, complain
        self.complaint: str | None = None
        self._heard: list[Fact] = []
        self._handed: SimpleQueue[tuple[float | None, list[Fact]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def hear(self, fact: Fact) -> None:
        if self.complaint is None:
            self._heard.append(fact)

    def flush(self, now_s: float) -> None:
        self._hand(now_s)

    def close(self) -> None:
        """Returns at once; `wait` for what is still to be written."""
        self._hand(None)

    def wait(self) -> str | None:
        """After `close`: wait until all is written, but for 2 s at most. A sentence if something is missing."""
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            return f"{self._what} is not whole: its last part could not be written in time"
        return self.complaint

    def _hand(self, now_s: float | None) -> None:
        self._handed.put((now_s, self._heard))
        self._heard = []

    def _listen(self) -> None:
        try:
            while True:
                now_s, facts = self._handed.get()
                for fact in facts:
                    self._listener.hear(fact)
                if now_s is None:
                    self._listener.close()
                    return
                self._listener.flush(now_s)
        except CannotWrite as error:
            self.complaint = f"{self._what} ends here: {error}"
            with contextlib.suppress(CannotWrite):
                self._listener.close()
            self._complain(self.complaint)


class Aloud:
    """A `Listener` that gives every sentence to `write`, where no screen shows it."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.said: set[str] = set()

    def hear(self, fact: Fact) -> None:
        if isinstance(fact, Said | PortLost | PortBack):
            self.said.add(fact.sentence)
            with contextlib.suppress(OSError):  # a terminal that is gone
                self._write(fact.sentence)

    def flush(self, now_s: float) -> None:
        pass

    def close(self) -> None:
        pass


class Shown:
    """A `Face` that has another one show things on a thread of its own: always the newest, however slow it is. The
    other one is made by `face` on that thread; if it raises OSError (a terminal that is gone), nothing more is shown.
    """

    def __init__(self, face: Callable[[], Face]) -> None:
        self._face = face
        self._newest: Status | None = None
        self._news = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def show(self, status: Status) -> None:
        self._newest = status
        self._news.set()

    def close(self) -> None:
        """Returns when the other one is closed, or after 2 s."""
        self._closed = True
        self._news.set()
        self._thread.join(_PATIENCE_S)

    def _show(self) -> None:
        with contextlib.suppress(OSError), contextlib.closing(self._face()) as face:
            while not self._closed:
                self._news.wait()
                self._news.clear()
                status, self._newest = self._newest, None
                if status is not None:
                    face.show(status)
