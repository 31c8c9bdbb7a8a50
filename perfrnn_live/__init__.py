"""A piano partner: Performance RNN streamed in time onto a real MIDI port.

What other programs may use is imported from here: `from perfrnn_live import find_model, begin, generate`. Everything
else may change from one version to the next. Names are loaded when they are first used, so that the import is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfrnn_live.engines.base import Arrays, Logits, StepEngine, fingerprint
    from perfrnn_live.engines.card import find_model, write_card
    from perfrnn_live.engines.fake import FakeEngine
    from perfrnn_live.engines.handles import Handles
    from perfrnn_live.engines.registry import ENGINES
    from perfrnn_live.errors import PerfRNNError
    from perfrnn_live.evaluation.likelihood import Likelihood, evaluate
    from perfrnn_live.live.controls import KNOBS, Action, Mode, Pad, Settings
    from perfrnn_live.live.happenings import Time
    from perfrnn_live.live.pads import Pads
    from perfrnn_live.live.record import read as read_fact
    from perfrnn_live.live.record import written as written_fact
    from perfrnn_live.live.wishes import Do, Turn
    from perfrnn_live.music.codec import decode, encode
    from perfrnn_live.music.midifile import read_notes, write_notes
    from perfrnn_live.music.performance import Note
    from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS, Event, EventKind, Vocabulary
    from perfrnn_live.player.clock import Clock, FakeClock, SystemClock
    from perfrnn_live.player.link import Link, LocalLink, ProcessLink
    from perfrnn_live.player.messages import Received, Said, Sent, Setup
    from perfrnn_live.player.ports import MemoryPort, MidiIn, MidiOut
    from perfrnn_live.player.profiles import DAW, DISKLAVIER, Profile
    from perfrnn_live.sampling.continuation import Continuation, Moment
    from perfrnn_live.sampling.controls import Constraint, Controls
    from perfrnn_live.sampling.generation import generate
    from perfrnn_live.sampling.opening import begin, place_in
    from perfrnn_live.stage.assembly import open_session
    from perfrnn_live.stage.desk import Desk, FaceWish, Nudge, Put, Select, Switching
    from perfrnn_live.stage.listeners import Face, Kept, Listener, Shown
    from perfrnn_live.stage.options import PlayOptions
    from perfrnn_live.stage.play import play
    from perfrnn_live.stage.session import Session
    from perfrnn_live.stage.status import Status, Summary
    from perfrnn_live.training.corpus import TokenCorpus, tokenise

__version__ = "0.1.0"

_HOMES = {
    "engines.base": ("Arrays", "Logits", "StepEngine", "fingerprint"),
    "engines.card": ("find_model", "write_card"),
    "engines.fake": ("FakeEngine",),
    "engines.handles": ("Handles",),
    "engines.registry": ("ENGINES",),
    "errors": ("PerfRNNError",),
    "evaluation.likelihood": ("Likelihood", "evaluate"),
    "live.controls": ("KNOBS", "Action", "Mode", "Pad", "Settings"),
    "live.happenings": ("Time",),
    "live.pads": ("Pads",),
    "live.record": ("read_fact", "written_fact"),
    "live.wishes": ("Do", "Turn"),
    "music.codec": ("decode", "encode"),
    "music.midifile": ("read_notes", "write_notes"),
    "music.performance": ("Note",),
    "music.vocabulary": ("PERFORMANCE_8MS", "PERFORMANCE_10MS", "Event", "EventKind", "Vocabulary"),
    "player.clock": ("Clock", "FakeClock", "SystemClock"),
    "player.link": ("Link", "LocalLink", "ProcessLink"),
    "player.messages": ("Received", "Said", "Sent", "Setup"),
    "player.ports": ("MemoryPort", "MidiIn", "MidiOut"),
    "player.profiles": ("DAW", "DISKLAVIER", "Profile"),
    "sampling.continuation": ("Continuation", "Moment"),
    "sampling.controls": ("Constraint", "Controls"),
    "sampling.generation": ("generate",),
    "sampling.opening": ("begin", "place_in"),
    "stage.assembly": ("open_session",),
    "stage.desk": ("Desk", "FaceWish", "Nudge", "Put", "Select", "Switching"),
    "stage.listeners": ("Face", "Kept", "Listener", "Shown"),
    "stage.options": ("PlayOptions",),
    "stage.play": ("play",),
    "stage.session": ("Session",),
    "stage.status": ("Status", "Summary"),
    "training.corpus": ("TokenCorpus", "tokenise"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_RENAMED = {"read_fact": "read", "written_fact": "written"}

__all__ = [
    "DAW",
    "DISKLAVIER",
    "ENGINES",
    "KNOBS",
    "PERFORMANCE_8MS",
    "PERFORMANCE_10MS",
    "Action",
    "Arrays",
    "Clock",
    "Constraint",
    "Continuation",
    "Controls",
    "Desk",
    "Do",
    "Event",
    "EventKind",
    "Face",
    "FaceWish",
    "FakeClock",
    "FakeEngine",
    "Handles",
    "Kept",
    "Likelihood",
    "Link",
    "Listener",
    "LocalLink",
    "Logits",
    "MemoryPort",
    "MidiIn",
    "MidiOut",
    "Mode",
    "Moment",
    "Note",
    "Nudge",
    "Pad",
    "Pads",
    "PerfRNNError",
    "PlayOptions",
    "ProcessLink",
    "Profile",
    "Put",
    "Received",
    "Said",
    "Select",
    "Sent",
    "Session",
    "Settings",
    "Setup",
    "Shown",
    "Status",
    "StepEngine",
    "Summary",
    "Switching",
    "SystemClock",
    "Time",
    "TokenCorpus",
    "Turn",
    "Vocabulary",
    "__version__",
    "begin",
    "decode",
    "encode",
    "evaluate",
    "find_model",
    "fingerprint",
    "generate",
    "open_session",
    "place_in",
    "play",
    "read_fact",
    "read_notes",
    "tokenise",
    "write_card",
    "write_notes",
    "written_fact",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), _RENAMED.get(name, name))


def __dir__() -> list[str]:
    return sorted(__all__)
