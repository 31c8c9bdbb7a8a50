"""Eight places in the music to go back to: snapshots of what the model remembers, ways between two, a file of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from perfrnn_live.engines.base import StepEngine, arrays_in
from perfrnn_live.engines.handles import Place
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import REMEMBERED, Strikes
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS
from perfrnn_live.sampling.continuation import Known, Moment

PADS = 8
_SHOWN = 48  # strikes
_LOUD, _HIGH = (13.0, 19.0), (57.0, 68.0)  # velocity bins and pitches: thirds of people's playing, about
_MOST_BYTES = 50_000_000  # in a file of pads; eight moments have one
_LATEST_STEP = 1 << 30  # after three months


@dataclass(frozen=True, slots=True)
class Sight:
    """What can be seen of a moment: in `words` how the last strikes were, and of each of them how many seconds before
    the last it was, its pitch and its velocity bin."""

    words: str
    struck: tuple[tuple[float, int, int], ...]

    @classmethod
    def of(cls, strikes: Strikes, steps_per_second: int) -> Sight:
        """How these look."""
        step, pitch, velocity = (each[-_SHOWN:] for each in (strikes.step, strikes.pitch, strikes.velocity_bin))
        ago_s = np.round((step[-1:] - step) / steps_per_second, 2)
        struck = tuple(zip(ago_s.tolist(), pitch.tolist(), velocity.tolist(), strict=True))
        if len(struck) < 2:
            return cls("silence", struck)
        loud = ("soft", "middling", "loud")[int(np.searchsorted(_LOUD, velocity.mean()))]
        high = ("low", "central", "high")[int(np.searchsorted(_HIGH, pitch.mean()))]
        return cls(f"{loud}, {high}, {(len(struck) - 1) / max(struck[0][0], 0.1):.0f}/s", struck)


class Pads:
    """Moments by number, 1 to 8, with every key released in them. They belong to one model: that of `engine`, called
    `model`. They are saved to `path`."""

    def __init__(self, engine: StepEngine[Any], model: str, path: Path) -> None:
        self._engine = engine
        self.model = model
        self.path = path
        self._moments: dict[int, Moment] = {}
        self._sights: dict[int, Sight] = {}
        self._places: dict[int, Place | None] = {}
        self._used: list[int] = []  # each once, the latest last

    @property
    def sights(self) -> dict[int, Sight]:
        """How what each filled pad holds looks, by number, the one used last at the end."""
        return {number: self._sights[number] for number in self._used}

    @property
    def filled(self) -> frozenset[int]:
        """The pads that hold something."""
        return frozenset(self._moments)

    def store(self, number: int, moment: Moment) -> None:
        """Keep a silent moment, in place of what the pad held."""
        self._moments[number] = moment
        self._sights[number] = Sight.of(moment.keyboard.strikes, self._engine.vocabulary.steps_per_second)
        self._places[number] = self._engine.place_of(moment.keyboard)  # now: a morph has no time for it
        self._use(number)

    def recall(self, number: int) -> Moment | None:
        """The moment on a pad; None if it is empty."""
        if number in self._moments:
            self._use(number)
        return self._moments.get(number)

    def place(self, number: int) -> Place | None:
        """Where in the model's latent space the music lies that led to a pad's moment; None if it is empty, or the
        model has no such space."""
        return self._places.get(number)

    def morph(self, share: float, across: float = 0.0) -> tuple[Moment, Place | None] | None:
        """A moment between the two pads used last, at `share` 0 the earlier one's, and `across` towards the two used
        before them; and the place of its manner. None with fewer than two; with three or fewer, `across` does nothing.

        What the model remembers and expects is mixed in proportion, like the places; the keyboard is the nearest one's.
        """
        if len(self._used) < 2:
            return None
        moments = [self._moments[number] for number in self._used]
        places = [self._places[number] for number in self._used[-4:]]
        moment, place = self._between(moments[-2], moments[-1], share), _mixed(places[-2], places[-1], share)
        if len(moments) < 4 or not across:
            return moment, place
        there = self._between(moments[-4], moments[-3], share)
        return self._between(moment, there, across), _mixed(place, _mixed(places[0], places[1], share), across)

    def _between(self, one: Moment, other: Moment, share: float) -> Moment:
        nearer = one if share < 0.5 else other
        state = self._engine.mixed(one.state, other.state, share)
        logits = ((1 - share) * one.logits + share * other.logits).astype(np.float32)
        return Moment(Known(state, logits), nearer.keyboard, nearer.velocity_set)

    def copy(self) -> Pads:
        """These pads as they are now."""
        pads = Pads(self._engine, self.model, self.path)
        pads._moments, pads._sights, pads._used = dict(self._moments), dict(self._sights), list(self._used)
        pads._places = dict(self._places)
        return pads

    def written(self) -> bytes:
        """What a file of all pads has in it, those that were used last at its end."""
        arrays: dict[str, Any] = {"model": np.array(self.model), "fingerprint": np.array(self._engine.fingerprint)}
        for number in self._used:
            arrays |= {f"{number}.{name}": array for name, array in self._arrays(self._moments[number]).items()}
        with io.BytesIO() as file:
            np.savez_compressed(file, **arrays)
            return file.getvalue()

    def save(self) -> Path:
        """Write all pads into the file; what was there stays whole until then. Raises CannotWrite."""
        path = self.path
        unfinished = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(self.written())
            unfinished.replace(path)
        except OSError as error:
            raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
        return path

    def load(self, path: Path) -> None:
        """Fill the pads from a file. Raises BadValue if it cannot be read, or is of another model or of this one before
        it was trained anew; the pads are then as they were."""
        try:
            with path.open("rb") as file:
                self.fill(file, str(path))
        except OSError as error:
            raise BadValue(f"{path} is not a file of pads") from error

    def fill(self, file: BinaryIO, name: str) -> None:
        """The same from a file that is open, and is called `name` in sentences."""
        try:
            arrays = arrays_in(file, _MOST_BYTES)
            model, kept = str(arrays.pop("model")), str(arrays.pop("fingerprint", ""))
            numbers = dict.fromkeys(int(part.partition(".")[0]) for part in arrays)
            of_this_model = kept == self._engine.fingerprint
            moments = {n: self._moment(arrays, n) for n in numbers if 1 <= n <= PADS} if of_this_model else {}
        except Exception as error:  # numpy and zipfile raise whatever a broken file makes them trip over
            raise BadValue(f"{name} is not a file of pads") from error
        if not of_this_model:
            whose = "another version of it" if model == self.model else f"the model {model!r}"
            raise BadValue(f"the pads in {name} are no use to {self.model!r}: they were made with {whose}")
        for number, moment in moments.items():
            self.store(number, moment)

    def _use(self, number: int) -> None:
        self._used = [each for each in self._used if each != number] + [number]

    def _arrays(self, moment: Moment) -> dict[str, Any]:
        """A moment by the names of its parts."""
        keyboard, strikes = moment.keyboard, moment.keyboard.strikes
        return {
            **{f"state.{name}": array for name, array in self._engine.arrays(moment.state).items()},
            "logits": moment.logits,
            "strikes": np.stack([strikes.pitch, strikes.step, strikes.velocity_bin]),
            "struck_step": keyboard.struck_step,
            "released_step": keyboard.released_step,
            "numbers": np.array([keyboard.step, keyboard.velocity_bin, moment.velocity_set]),
        }

    def _moment(self, arrays: Mapping[str, Any], number: int) -> Moment:
        """The moment on a pad of a file. Raises whatever what is missing or of another shape makes it trip over."""
        names = ("logits", "strikes", "struck_step", "released_step", "numbers")
        logits, strikes, struck_step, released_step, numbers = (arrays[f"{number}.{name}"] for name in names)
        if logits.shape != (self._engine.vocabulary.size,) or {struck_step.shape, released_step.shape} != {(PITCHES,)}:
            raise ValueError(f"what pad {number} holds is of another shape")
        _check_numbers(strikes, struck_step, released_step, numbers)
        if not all(np.isfinite(each).all() for each in arrays.values() if each.dtype.kind == "f"):
            raise ValueError(f"what pad {number} holds is no number")
        prefix = f"{number}.state."
        state = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        step, velocity_bin, velocity_set = map(int, numbers)
        silent = np.zeros(PITCHES, np.bool_)
        keyboard = Keyboard(step, velocity_bin, silent, struck_step, released_step, Strikes.of(*strikes))
        return Moment(Known(self._engine.state_of(state), logits), keyboard, bool(velocity_set))


def _mixed(one: Place | None, other: Place | None, share: float) -> Place | None:
    """The place between two; where there is only one, that."""
    if one is None or other is None:
        return one or other
    return tuple((1 - share) * a + share * b for a, b in zip(one, other, strict=True))


def _check_numbers(strikes: Any, struck_step: Any, released_step: Any, numbers: Any) -> None:
    """Raises ValueError unless these are whole numbers that music has."""
    if strikes.shape != (3, min(strikes.shape[-1], REMEMBERED)) or numbers.shape != (3,):
        raise ValueError("strikes or numbers of another shape")
    if any(each.dtype.kind != "i" for each in (strikes, struck_step, released_step, numbers)):
        raise ValueError("numbers of another kind")
    steps = np.concatenate([strikes[1], struck_step, released_step, numbers[:1]])
    velocity_bins = np.concatenate([strikes[2], numbers[1:2]])
    for what, most in ((steps + _LATEST_STEP, 2 * _LATEST_STEP), (strikes[0], PITCHES), (velocity_bins, VELOCITY_BINS)):
        if ((what < 0) | (what >= most)).any():
            raise ValueError("a step, key or velocity that there is not")


def open_pads(engine: StepEngine[Any], model: Path, own: Path, asked: Path | None, tell: Callable[[str], None]) -> Pads:
    """The pads that came with the model in the folder `model`, and over them those of the file `asked`, or else those
    that the player keeps in `own`.

    What was asked for must be right: raises BadValue. The rest is done without, and one sentence is told, where it is
    of another model or no file of pads; the player's own are then left alone, and what is kept from now on goes into a
    file beside them.
    """
    pads = Pads(engine, model.name, asked or own)
    for path in (model / "pads.npz", pads.path):
        if not path.exists():
            continue
        try:
            pads.load(path)
        except BadValue as error:
            if path == asked:
                raise
            tell(f"{error}; playing without them")
            if path == own:
                pads.path = own.with_stem(f"{own.stem}-{engine.fingerprint[:8]}")
                if pads.path.exists():
                    pads.load(pads.path)
    return pads
