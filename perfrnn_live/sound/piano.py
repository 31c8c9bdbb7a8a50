"""A sampled piano: strikes, releases and the pedal in, frames out. All voices are computed at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music import midi
from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.music.pedal import PEDAL_DOWN
from perfrnn_live.sound.limiter import Limiter
from perfrnn_live.sound.samples import RATE, Samples

VOICES = 64
_FADING = 32  # places besides, for voices that were taken from their notes and are on their way to silence
_LEVEL = 1.2 / 32768
_LOUDNESS = 1.6  # how the amplitude grows with the velocity: as its power
_PLAIN_AT = 100  # the velocity that the recordings were struck with, about: harder ones are brighter than they are
_SILENT = 2e-5
_TAKEN_S, _STRUCK_AGAIN_S = 0.004, 0.04  # time constants of fading: a voice without a note, a string struck anew
_DAMPED_S, _DAMPED_AT, _HALVES_IN = 0.13, 60, 30.0  # of the damper on middle C; bass strings take longer
_UNDAMPED = 90  # from F♯6 up, strings have no dampers


class Piano:
    """Plays `samples` at `rate` frames a second. What happens between two blocks happens at a frame of the next one."""

    def __init__(self, samples: Samples, rate: int = RATE) -> None:
        self._samples, self._rate = samples, rate
        size = VOICES + _FADING
        self._pitch = np.full(size, -1)  # -1 where nothing sounds
        self._held = np.zeros(size, bool)  # by its key
        self._ringing = np.zeros(size, bool)  # by the pedal
        self._place = np.zeros(size)  # in the table
        self._last = np.zeros(size)
        self._first = np.zeros(size)
        self._speed = np.zeros(size)
        self._gains = np.zeros((size, 4), np.float32)  # of a frame's four numbers
        self._level = np.zeros(size)
        self._fade = np.zeros(size)  # what is lost of the level at every frame, as an exponent
        self._fade_from = np.zeros(size, np.int64)  # the frame of this block at which that begins
        self._pedal = False
        self._limiter = Limiter(rate)

    @property
    def sounding(self) -> int:
        """Number of voices that sound."""
        return int((self._pitch >= 0).sum())

    def play(self, message: bytes, frame: int = 0) -> None:
        """Do what a MIDI message says, on whatever channel, at a frame of the next block."""
        if strikes(message):
            self._strike(message[1], message[2], frame)
        elif releases(message):
            self._release(self._held & (self._pitch == message[1]), frame)
        elif len(message) == 3 and message[0] & 0xF0 == midi.CONTROL_CHANGE:
            match message[1]:
                case midi.SUSTAIN:
                    self._move_pedal(message[2] >= PEDAL_DOWN, frame)
                case midi.RESET_CONTROLLERS:
                    self._move_pedal(False, frame)
                case midi.ALL_NOTES_OFF:
                    self._move_pedal(False, frame)
                    self._release(self._held, frame)
                case midi.ALL_SOUND_OFF:
                    self._pedal = False
                    self._fade_out(self._pitch >= 0, _TAKEN_S, frame)

    def render(self, frames: int) -> NDArray[np.float32]:
        """The next block, (frames, 2), never beyond -1 … 1."""
        active = np.flatnonzero(self._pitch >= 0)
        mixed = np.zeros((frames, 2), np.float32)
        if len(active):
            number = np.arange(frames)
            place = self._place[active, None] + self._speed[active, None] * number
            np.clip(place, self._first[active, None] - 1, self._last[active, None], out=place)
            row = place.astype(np.int64)
            between = (place - row).astype(np.float32)[..., None]
            shape = (len(active), frames, 4)
            sound = self._samples.table[row].view(np.int16).reshape(shape).astype(np.float32)
            row += row < self._last[active, None]
            following = self._samples.table[row].view(np.int16).reshape(shape).astype(np.float32)
            following -= sound
            following *= between
            sound += following
            fading = np.maximum(number - self._fade_from[active, None], 0) * self._fade[active, None]
            sound *= (self._level[active, None] * np.exp(-fading)).astype(np.float32)[..., None]
            both = np.einsum("vfc,vc->fc", sound, self._gains[active])
            mixed = both[:, :2] + both[:, 2:]
            self._go_on(active, frames)
        return self._limiter.limit(mixed)

    def _go_on(self, active: NDArray[np.int64], frames: int) -> None:
        faded = np.maximum(frames - self._fade_from[active], 0) * self._fade[active]
        self._level[active] *= np.exp(-faded)
        self._fade_from[active] = np.maximum(self._fade_from[active] - frames, 0)
        self._place[active] += self._speed[active] * frames
        over = (self._place >= self._last) | (self._level < _SILENT)
        self._pitch[over] = -1
        self._held[over] = self._ringing[over] = False

    def _strike(self, pitch: int, velocity: int, frame: int) -> None:
        self._fade_out(self._pitch == pitch, _STRUCK_AGAIN_S, frame)
        voice = self._free_voice(frame)
        samples, speed = self._samples, self._samples.speed[pitch] * RATE / self._rate
        first = samples.begin[pitch]
        self._pitch[voice], self._held[voice], self._ringing[voice] = pitch, True, False
        self._first[voice], self._last[voice], self._speed[voice] = first, samples.end[pitch], speed
        self._place[voice] = first - frame * speed
        plain = min((velocity / _PLAIN_AT) ** 1.5, 1.3)
        dark_and_plain = np.repeat([1 - plain, plain], 2) * _LEVEL
        self._gains[voice] = dark_and_plain * (velocity / 127) ** _LOUDNESS
        self._level[voice], self._fade[voice], self._fade_from[voice] = 1.0, 0.0, 0

    def _free_voice(self, frame: int) -> int:
        """A place without a note. If too many sound, the softest of them is let go of."""
        lasting = (self._pitch >= 0) & (self._fade * self._rate < 0.9 / _TAKEN_S)
        loudness = self._level * self._gains.max(axis=1)
        if lasting.sum() >= VOICES:
            softest = np.zeros(len(lasting), bool)
            softest[np.argmin(np.where(lasting, loudness, np.inf))] = True
            self._fade_out(softest, _TAKEN_S, frame)
        free = np.flatnonzero(self._pitch < 0)
        return int(free[0] if len(free) else np.argmin(np.where(lasting, np.inf, loudness)))

    def _release(self, voices: NDArray[np.bool_], frame: int) -> None:
        voices = voices.copy()  # it may be one of the two that change here
        self._held[voices] = False
        self._ringing[voices] = self._pedal
        if not self._pedal:
            damped_s = _DAMPED_S * 2 ** ((_DAMPED_AT - self._pitch) / _HALVES_IN)
            self._fade_out(voices & (self._pitch < _UNDAMPED), damped_s, frame)

    def _move_pedal(self, down: bool, frame: int) -> None:
        if self._pedal and not down:
            self._pedal = False
            self._release(self._ringing, frame)
        self._pedal = down

    def _fade_out(self, voices: NDArray[np.bool_], time_constant_s: float | NDArray[np.float64], frame: int) -> None:
        """From `frame` on, unless they fade more quickly already."""
        fade = np.broadcast_to(1 / (time_constant_s * self._rate), voices.shape)
        slower = voices & (self._fade < fade)
        began = slower & (self._fade > 0)
        # what a slower fade takes before this one begins
        self._level[began] *= np.exp(-np.maximum(frame - self._fade_from[began], 0) * self._fade[began])
        self._fade[slower], self._fade_from[slower] = fade[slower], frame
        self._held[voices] = self._ringing[voices] = False
