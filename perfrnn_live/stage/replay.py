"""Replay: a kept session once more, by the facts alone; the same events must be chosen and the same orders given.

Everything that a session was told is kept, in order, and everything random in it comes from one seed. So the machine,
begun alike and told the same, does the same. What may differ is the model's own arithmetic: ONNX Runtime chooses its
int8 kernels by the processor, so a replay is exact on machines of one kind and need not be on others.
"""

from __future__ import annotations

import io
import tempfile
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.handles import Place
from perfrnn_live.errors import BadValue
from perfrnn_live.library.packed import Fact
from perfrnn_live.library.store import Entry, Library
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.happenings import Happening, Time
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.machine import Machine
from perfrnn_live.live.orders import Decision, Told, Took
from perfrnn_live.live.pads import Pads, open_pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.player.messages import Schedule, Sent
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.stage import places

_KINDS = get_args(Happening)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay went: so many events were planned; `difference`, in words, if there was one."""

    events: int
    difference: str | None


def replay(machine: Machine, facts: Iterable[Fact], began_s: float) -> Replayed:
    """Tell a machine that begins alike what was kept of a session that began at `began_s`."""
    planned: dict[int, tuple[float, bytes]] = {}
    decided: deque[Decision] = deque()
    for fact in facts:
        if isinstance(fact, Told | Took):
            now = decided.popleft() if decided else None
            if now != fact:
                return Replayed(machine.improviser.events, f"it decided {fact}, and now {now}")
            continue
        if isinstance(fact, Sent) and fact.number is not None:
            due_s, message = planned.pop(fact.number, (0.0, b""))
            if (due_s, message) != (fact.due_s, fact.message):
                then, now_ = (f"{what.hex()} at {at_s - began_s:.3f} s" for at_s, what in _both(fact, due_s, message))
                return Replayed(machine.improviser.events, f"it played {then}, and now {now_}")
        if isinstance(fact, _KINDS):
            if decided:
                return Replayed(machine.improviser.events, f"it decided nothing, and now {decided[0]}")
            for order in machine.react(fact):
                if isinstance(order, Schedule):
                    planned |= {each.number: (each.due_s, each.message) for each in order.messages}
                elif isinstance(order, Told | Took):
                    decided.append(order)
    return Replayed(machine.improviser.events, None)


def machine_of(library: Library, entry: Entry, model: Path) -> Machine:
    """A machine that begins as the session of `entry` did, with its model; one that went on from another session begins
    there. Raises BadValue if it cannot: another model, or an entry that does not say how it began; and what `begin`
    raises."""
    about: dict[str, Any] = entry.about
    try:
        earlier = {name: about[name] for name in ("lowest", "highest", "split") if name in about}  # no knobs once
        settings = Settings(**{**earlier, **about["settings"], "mode": Mode(about["settings"]["mode"])})
        allowed = Controls(polyphony=int(about["polyphony"]), min_note_s=float(about["min_note_s"]))
        continuation, start = _begin(library, entry, model)
        if about["fingerprint"] != continuation.engine.fingerprint:
            raise BadValue(f"session {entry.id} was played by another {about['model']} than this one")
        if about["continues"] is not None:
            before, at_s = about["continues"]
            start = resumed(library, int(before), float(at_s), model).moment
        rng, beams, began_s = np.random.default_rng(int(about["seed"])), int(about["beams"]), entry.began_s
        improviser = Improviser(continuation, start, allowed, rng, float(about["lead_s"]), beams)
        pads = _pads(library, entry, continuation.engine, model)
        place = about.get("place")  # earlier sessions have none
        steering = Steering(allowed, None if place is None else tuple(map(float, place)))
        return Machine(improviser, settings, steering, pads, began_s, about["quantise"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadValue(f"session {entry.id} does not say how it began: {error}") from error


def _begin(library: Library, entry: Entry, model: Path) -> tuple[Continuation, Moment]:
    """As `begin` does, from the priming file that there was."""
    primed, middle = entry.about["prime"], bool(entry.about["middle"])
    data = library.file(entry, "prime")
    if data is None:
        return begin(model, None if primed is None else Path(primed), middle)
    with tempfile.TemporaryDirectory() as scratch:
        prime = Path(scratch) / "prime.mid"
        prime.write_bytes(data)
        return begin(model, prime, middle)


def _pads(library: Library, entry: Entry, engine: StepEngine[Any], model: Path) -> Pads:
    """The pads as they were then; those of today for a session of before pads were kept."""
    if "files" not in entry.about:
        return open_pads(engine, model, places.pads(model), None, lambda sentence: None)
    pads = Pads(engine, model.name, places.pads(model))
    if (data := library.file(entry, "pads")) is not None:
        pads.fill(io.BytesIO(data), f"session {entry.id}")
    return pads


def check_resumable(path: Path | None, session: int, engine: StepEngine[Any]) -> None:
    """Raises BadValue unless a library has that session, and it was played with this engine."""
    if path is None or not path.exists():
        raise BadValue("no session is kept here to go on from")
    with Library(path) as library:
        about = library.entry(session).about
    if about.get("fingerprint") != engine.fingerprint:
        raise BadValue(f"session {session} was played by another model: perfrnn-live sessions continue {session}")


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a kept session stood `at_s` from its beginning: the music, with every key let go, the knobs,
    and the place in the latent space that they refer to."""

    moment: Moment
    settings: Settings
    place: Place | None
    at_s: float


def resumed(library: Library, session: int, at_s: float | None, model: Path) -> Resumed:
    """Where a session stood at a moment, or at its end: what the model remembered then, found by telling a machine all
    that happened until then. Raises as `machine_of` does."""
    entry = library.entry(session)
    machine, began_s = machine_of(library, entry, model), entry.began_s
    at_s = entry.seconds if at_s is None else at_s
    for fact in library.facts(session):
        if isinstance(fact, Time) and fact.now_s - began_s > at_s:
            break
        if isinstance(fact, _KINDS):
            machine.react(fact)
    improviser = machine.improviser
    moment = improviser.memory.at_rest(improviser.heard)
    return Resumed(moment, machine.settings, machine.place, min(at_s, entry.seconds))


def _both(fact: Sent, due_s: float, message: bytes) -> tuple[tuple[float, bytes], tuple[float, bytes]]:
    return (fact.due_s, fact.message), (due_s, message)
