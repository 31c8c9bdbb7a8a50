"""The way to a player: on the ports that were asked for, or on what there is instead."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perfrnn_live.errors import BadValue, MidiUnavailable, NoSound, PerfRNNError
from perfrnn_live.player.drivers import PORT_NAME, VIRTUAL
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import COMPUTER, Ready, Setup
from perfrnn_live.player.piano import PIANO
from perfrnn_live.player.profiles import DAW, Profile

NOWHERE = "none"


class Connection:
    """A player process, started when this is made: its ports open while the model is loaded."""

    def __init__(
        self,
        output: str | None,
        inputs: tuple[str, ...] | None,
        audio: str | None,
        thru: bool,
        profile: Profile,
        soundfont: Path | None = None,
        controller: str | None = None,
        transport: bool = False,
    ) -> None:
        """As in `PlayOptions`. Raises BadValue if the computer's keyboard is to be played and there is none, or a sound
        font is none; NoSound if there is nothing to sound it."""
        if soundfont is not None:
            from perfrnn_live.sound.soundfont import check  # not at the top: it would only make other starts longer

            check(soundfont)
        inputs = _inputs_beside(output) if inputs is None else inputs
        self.typed = COMPUTER in inputs
        if self.typed and not sys.stdin.isatty():
            raise BadValue("the computer's keyboard can be played in a terminal, and this is none")
        ports = tuple(name for name in inputs if name != COMPUTER)
        asked = Setup(
            output or VIRTUAL,
            ports,
            thru,
            profile,
            audio=audio or "any",
            soundfont=soundfont,
            controller=controller,
            transport=transport,
        )
        self._instead: list[Setup] = []
        if output is None:
            alone = replace(asked, output=PIANO, inputs=())
            virtual_ports = sys.platform != "win32"  # there a virtual output is a synthesiser that sounds itself
            beside = replace(asked, beside=audio is not None and virtual_ports)
            sounding = [alone] if audio is not None else []
            nowhere = replace(asked, output=NOWHERE, inputs=())
            asked, *self._instead = [beside, *sounding, nowhere] if virtual_ports else [*sounding, beside, nowhere]
        self._setup = asked
        self.link = ProcessLink(asked)

    def ready(self, tell: Callable[[str], None]) -> Ready:
        """Wait until it can play. If nothing was asked for, the next best is tried in the end: the piano alone where
        the machine has no MIDI system, and without audio too an output to NOWHERE; what is missing is told. Raises what
        `ProcessLink.ready` raises."""
        while True:
            try:
                ready = self.link.ready()
                break
            except (MidiUnavailable, NoSound) as error:
                if not self._instead:
                    raise
                tell(str(error))
            self._setup, *self._instead = self._instead
            self.link = ProcessLink(self._setup)
        if ready.no_sound:
            tell(f"{ready.no_sound}: the piano is silent, connect another one to the port {ready.output!r}")
        return ready

    def reopen(self, left: frozenset[int]) -> ProcessLink:
        """Another player in the place of one that was lost."""
        self.link = ProcessLink(replace(self._setup, left=left))
        return self.link

    def release_keys(self, output: str) -> None:
        """A new player on the same port, only to release what one that died or hung left sounding.

        That is every key, for what it sent last it may not have reported. A virtual port is gone, and its connections
        too.
        """
        if output in (PORT_NAME, PIANO, NOWHERE):
            return
        with contextlib.suppress(PerfRNNError), contextlib.ExitStack() as stack:
            link = ProcessLink(Setup(output, (), thru=False, profile=DAW, left=frozenset()))
            stack.callback(link.close)
            link.ready()


def _inputs_beside(output: str | None) -> tuple[str, ...]:
    """Keys and knobs have a virtual port where the notes have one; Windows has none."""
    return (VIRTUAL,) if output in (None, VIRTUAL) and sys.platform != "win32" else ()
