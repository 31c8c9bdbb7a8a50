"""Ctrl-C, SIGTERM and a closed terminal, while something goes on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C, SIGTERM or a closed terminal came meanwhile."""
    ended = threading.Event()
    with calling_on_signals(ended.set):
        yield ended.is_set


@contextlib.contextmanager
def calling_on_signals(end: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal `end` it as `q` does. Outside the main thread, signals are left to the
    program around it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: end()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
