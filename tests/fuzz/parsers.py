"""What takes bytes that come from a file or another program, and good ones to begin with, by a name each."""

from __future__ import annotations

import copy
import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.arrays import WEIGHTS
from perfrnn_live.engines.card import find_model, write_card
from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.engines.latent import LATENT, Latent
from perfrnn_live.engines.lstm.sizes import read_sizes
from perfrnn_live.engines.markov import COUNTS
from perfrnn_live.engines.registry import load
from perfrnn_live.library.export import midi_file, picture
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.packed import Fact, pack, unpack
from perfrnn_live.library.sessions import take_of
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import Action, Mode
from perfrnn_live.live.happenings import PlayerBack, PlayerGone, Time
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.record import read, written
from perfrnn_live.live.wishes import Do, Turn
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.music.midifile import read_beginning, read_ending, read_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.player.messages import PortBack, PortLost, Pulse, Received, Said, Sent, TakenBack, Transport
from perfrnn_live.player.profiles import DISKLAVIER, load_profile
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.stage.bindings import Bindings
from perfrnn_live.stage.osc import LOOPBACK, OscIn
from tests.engines.untrained import latent_arrays
from tests.midi_files import chunk, midi, track

_FRAMES = {"layers": 1, "cells": 1}
MODELS = "maestro", "maestro-nano"
_VALUES: tuple[Any, ...] = (None, True, 0, -1, 1 << 70, 1e308, math.nan, "", "\ud800", [], {}, [[1, 2], [3]], {"a": 1})

FACTS: tuple[Fact, ...] = (
    Time(1.25),
    Sent(3, 1.5, 1.500012, note_on(60, 64), 1.52),
    Sent(None, 2.0, 2.0, note_off(60), 2.1),
    Received(1.75, control_change(64, 127), "keys", False),
    Received(1.8, note_on(40, 9), "keys", False),
    TakenBack(4, 1.9, True),
    PortLost("piano", "output"),
    PortBack("piano", "output"),
    PlayerGone(2.5),
    PlayerBack(2.75),
    Transport(3.0, True),
    Pulse(3.1, 0.5, 7),
    Said("a sentence"),
    Turn(3.2, "density", None),
    Turn(3.2, "mode", Mode.TRADE),
    Turn(3.3, "temperature", 1.25),
    Do(3.4, Action.MOMENT),
    Told(3.5, "phrase", (("seconds", 1.5), ("notes", 12))),
    Took("answer", 3.5, 3.51),
)


@dataclass(frozen=True, slots=True)
class Parser:
    """What takes bytes, through a file in a scratch folder where it wants one; files to begin with; and how many bytes
    an input may have."""

    take: Callable[[bytes, Path], object]
    seeds: Callable[[Path], Iterable[bytes]]
    longest: int = 4096


def _in_file(name: str, take: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def write_and_take(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return take(path)

    return write_and_take


def _midi(path: Path) -> None:
    for notes in (read_notes(path), read_ending(path, 30.0, 1000), read_beginning(path, 30.0, 1000)):
        encode(notes, PERFORMANCE_8MS)


def _midi_seeds(folder: Path) -> Iterable[bytes]:
    two = track((0, note_on(60, 64)), (3, control_change(64, 100)), (500, note_off(60)), (700, control_change(64, 0)))
    tempo = b"\x00\xff\x51\x03\x07\xa1\x20" + b"\x10\xf0\x03\x7e\x01\xf7" + b"\x83\x00\xff\x01\x02hi"
    yield midi(two)
    yield midi(tempo, two, track((0, bytes((0x93, 70, 1))), (99, bytes((0x93, 70, 0))), (99, bytes((0xB3, 123, 0)))))
    yield b"RIFF\x20\x00\x00\x00RMIDdata" + midi(two, kind=0, ticks=0xE728) + chunk(b"Oddy", b"nothing")


def _part(data: bytes, folder: Path) -> None:
    """What is in a part, for nobody guesses what zlib makes of it; or that too, where it begins as a part does."""
    packed = data if data[:1] == pack(())[:1] else pack(())[:1] + zlib.compress(data, 0)
    take = take_of(unpack(packed), 1.0)
    midi_file(take)
    picture(take)


def _library(path: Path) -> None:
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    with Library(path) as library:
        for entry in library.entries():
            midi_file(take_of(library.facts(entry.id), entry.began_s))


def _library_seeds(folder: Path) -> Iterable[bytes]:
    path = folder / "made.db"
    keeper = Keeper(path, {"began_s": 1.0}, 1.0, lambda: 1e9, print)
    for fact in FACTS:
        keeper.hear(fact)
    keeper.close()
    yield path.read_bytes()


def _edited(value: Any, chance: Any) -> Any:
    """What JSON has, with something in it another or missing: bytes at random are seldom JSON at all. `chance` is
    Atheris's FuzzedDataProvider."""
    if not isinstance(value, dict | list) or not value or not chance.ConsumeIntInRange(0, 6):
        return chance.PickValueInList([*_VALUES, chance.ConsumeFloat()])
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, edited = chance.PickValueInList(keys), copy.copy(value)
    if chance.ConsumeIntInRange(0, 9):
        edited[key] = _edited(value[key], chance)
    else:
        del edited[key]
    return edited


def _in_json(name: str, documents: Callable[[], Sequence[Any]], take: Callable[[Path], object]) -> Parser:
    """A parser of JSON files, with edited documents."""
    known: list[Any] = []

    def edit_and_take(data: bytes, folder: Path) -> object:
        import atheris

        known.extend(() if known else documents())
        chance = atheris.FuzzedDataProvider(data)
        document = chance.PickValueInList(known)
        for _ in range(chance.ConsumeIntInRange(1, 3)):
            document = _edited(document, chance)
        return _in_file(name, take)(json.dumps(document).encode(), folder)

    return Parser(edit_and_take, lambda folder: [bytes(range(64)), bytes(64)])


def _readable_zips() -> None:
    """The checksum of bytes at random is never right, and no other bytes would be read."""
    setattr(zipfile.ZipExtFile, "_update_crc", lambda *_: None)  # noqa: B010


def _pads_of(path: Path) -> Pads:
    return Pads(FakeEngine(), "fake", path)


def _pads(path: Path) -> None:
    """Read, and played on from."""
    _readable_zips()
    pads = _pads_of(path)
    pads.load(path)
    continuation = Continuation(FakeEngine())
    for number in pads.filled:
        moment = pads.recall(number)
        assert moment is not None
        continuation.feed([moment, moment], [60, PERFORMANCE_8MS.size - 1])


def _pads_seeds(folder: Path) -> Iterable[bytes]:
    pads = _pads_of(folder / "made.npz")
    (moment,) = Continuation(FakeEngine()).beginning()
    pads.store(1, moment)
    with np.load(pads.save()) as saved, io.BytesIO() as file:
        np.savez(file, **saved)  # not compressed: what is changed is then what is read
        yield file.getvalue()


def _cards() -> list[Any]:
    return [json.loads((find_model(name) / "card.json").read_text(encoding="utf-8")) for name in MODELS]


def _lines() -> list[Any]:
    return [json.loads(written(fact)) for fact in FACTS if not isinstance(fact, Told | Took)]


def _card(path: Path) -> None:
    read_sizes(path.parent)


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def _markov(path: Path) -> None:
    write_card(path.parent, {"engine": "markov", "vocabulary": PERFORMANCE_8MS.name, "network": {"order": 1}})
    _readable_zips()
    engine = load(path.parent)
    engine.step([60, PERFORMANCE_8MS.start], engine.start(2), [Keyboard.silent()] * 2)


def _markov_seeds(folder: Path) -> Iterable[bytes]:
    contexts = np.array([60, 188, 300, PERFORMANCE_8MS.start])
    columns = {"contexts": contexts, "starts": np.arange(5), "events": contexts % 413, "counts": np.arange(4) + 1}
    arrays: dict[str, Any] = {f"1.{name}": column for name, column in columns.items()}
    with io.BytesIO() as file:
        np.savez(file, **arrays)
        yield file.getvalue()


def _frames(path: Path) -> None:
    write_card(path.parent, {"engine": "roll-lstm", "vocabulary": PERFORMANCE_8MS.name, "network": _FRAMES})
    _readable_zips()
    engine = load(path.parent)
    engine.step([60, 300], engine.start(2), [Keyboard.silent()] * 2)


def _frames_seeds(folder: Path) -> Iterable[bytes]:
    shapes = {"0.told": (128, 4), "0.kept": (1, 4), "0.always": (4,), "expects": (1, 128), "always": (128,)}
    arrays: dict[str, Any] = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    with io.BytesIO() as file:
        np.savez_compressed(file, **arrays)
        yield file.getvalue()


def _latent(path: Path) -> None:
    _readable_zips()
    latent = Latent.beside(path.parent, 4, 8)
    assert latent is not None
    keyboard = Keyboard.silent()
    for token in encode([Note(n / 8, n / 8 + 0.1, 60 + n, 80) for n in range(40)], PERFORMANCE_8MS):
        keyboard = keyboard.after(PERFORMANCE_8MS.events[token])
    place = latent.place_of(keyboard)
    assert place is None or all(map(math.isfinite, place))


def _latent_seeds(folder: Path) -> Iterable[bytes]:
    with io.BytesIO() as file:
        np.savez_compressed(file, **latent_arrays(4, 8, 2))
        yield file.getvalue()


_OSC: list[OscIn] = []


def _osc(data: bytes, folder: Path) -> None:
    if not _OSC:
        _OSC.append(OscIn((LOOPBACK, 0), lambda wish: None, lambda sentence: None))
    _OSC[0].hear(data)


def _osc_seeds(folder: Path) -> Iterable[bytes]:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    bundle = OscBundleBuilder(IMMEDIATELY)
    for address, *values in (("/perfrnn/temperature", 1.2), ("/perfrnn/mode", "trade"), ("/perfrnn/panic",)):
        message = OscMessageBuilder(address)
        for value in values:
            message.add_arg(value)
        yield message.build().dgram
        bundle.add_content(message.build())
    yield bundle.build().dgram


def _profile_seeds(folder: Path) -> Iterable[bytes]:
    yield b'like = "disklavier"\npolyphony = 16\nnote_on_delay_s = [[1, 0.2], [127, 0.03]]\n'
    yield "\n".join(f"{name} = 1.0" for name in DISKLAVIER.__dataclass_fields__).encode()


PARSERS = {
    "midi": Parser(_in_file("in.mid", _midi), _midi_seeds),
    "part": Parser(_part, lambda folder: [pack(FACTS), pack(FACTS[:4])]),
    "line": Parser(lambda data, folder: read(data.decode("utf-8", "replace")), lambda folder: map(_encoded, _lines())),
    "line of JSON": _in_json("line", _lines, lambda path: read(path.read_text(encoding="utf-8"))),
    "library": Parser(_in_file("in.db", _library), _library_seeds, longest=65_536),
    "pads": Parser(_in_file("in.npz", _pads), _pads_seeds, longest=16_384),
    "card": Parser(_in_file("card.json", _card), lambda folder: map(_encoded, _cards()), longest=16_384),
    "card of JSON": _in_json("card.json", _cards, _card),
    "markov": Parser(_in_file(COUNTS, _markov), _markov_seeds, longest=16_384),
    "latent": Parser(_in_file(LATENT, _latent), _latent_seeds, longest=16_384),
    "frames": Parser(_in_file(WEIGHTS, _frames), _frames_seeds, longest=16_384),
    "profile": Parser(_in_file("in.toml", lambda path: load_profile(str(path))), _profile_seeds),
    "controls": Parser(
        _in_file("in.toml", Bindings), lambda folder: [b'density = "CC 74"\npanic = "CC 66 reversed"\nagain = "note 3"']
    ),
    "osc": Parser(_osc, _osc_seeds),
}
