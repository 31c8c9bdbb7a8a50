"""Where the knobs stand and where the other player's hands are → how events are chosen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perfrnn_live.engines.handles import NOTHING, Handles, Place
from perfrnn_live.live.controls import Settings
from perfrnn_live.music.scales import HELD, pitch_class_histogram, pitch_class_weights
from perfrnn_live.sampling.controls import Controls

_AS_MANY_AS_IT_LIKES = 32  # keys, at the knob's end
_MANY = 5  # strikes make a phrase that has a manner
_FOLLOW_S = 12.0  # the other player's notes of so long make the scale that is followed


class Steering:
    """`base` is what the instrument brings, its range and what its piano needs; the performer's settings come on top.
    `manner` is how dense, loud and high the other player's last phrase was: asked for where the knobs leave that free.
    `held` are the keys that the other player holds. `place` is where in the model's latent space the manner lies that
    is kept to, as far as the settings say."""

    def __init__(self, base: Controls, place: Place | None = None) -> None:
        self._base = base
        self.place = place
        self.manner = NOTHING
        self.held: frozenset[int] = frozenset()
        self._struck: deque[tuple[float, int]] = deque(maxlen=256)  # by the other player: when and which

    def struck(self, time_s: float, pitch: int) -> None:
        """The other player struck a key."""
        self._struck.append((time_s, pitch))

    def controls(self, settings: Settings, now_s: float) -> Controls:
        """How events are chosen from now on."""
        played = [0.0] * 12
        for pitch in self._held(settings.split) if settings.scale == HELD else self._lately(now_s):
            played[pitch % 12] += 1
        lowest, highest = self._range(settings)
        polyphony = self._base.polyphony
        if settings.polyphony != _AS_MANY_AS_IT_LIKES:
            polyphony = min(polyphony, settings.polyphony)
        return replace(
            self._base,
            temperature=settings.temperature,
            top_p=settings.top_p,
            recall=settings.recall,
            handles=Handles(
                self.manner.density if settings.density is None else settings.density,
                self.manner.loudness if settings.loudness is None else settings.loudness,
                self.manner.register if settings.register is None else settings.register,
                pitch_class_histogram(settings.scale, played),
                settings.composers,
                settings.sounding,
                self.place if settings.likeness else None,
                settings.likeness,
            ),
            polyphony=polyphony,
            pitch_classes=pitch_class_weights(settings.scale, played),
            lowest=lowest,
            highest=highest,
        )

    def _range(self, settings: Settings) -> tuple[int, int]:
        """Until the other player has played, the machine has the lower side of a split; where that has no keys, it has
        all."""
        ends = sorted((settings.lowest, settings.highest))
        lowest, highest = (min(max(end, self._base.lowest), self._base.highest) for end in ends)
        split = settings.split
        if split is None:
            return lowest, highest
        side = (lowest, min(split - 1, highest)) if self._plays_above(split) else (max(split, lowest), highest)
        return side if side[0] <= side[1] else (lowest, highest)

    def _plays_above(self, split: int) -> bool:
        return not self._struck or self._struck[-1][1] >= split

    def _lately(self, now_s: float) -> list[int]:
        return [pitch for at_s, pitch in self._struck if at_s > now_s - _FOLLOW_S]

    def _held(self, split: int | None) -> list[int]:
        """On the other player's side, that is."""
        return [pitch for pitch in self.held if split is None or (pitch >= split) == self._plays_above(split)]


def manner_of(strikes: Sequence[tuple[float, int, int]]) -> Handles:
    """How dense, loud and high a phrase was, given the seconds, pitches and velocities of its strikes; of a few notes
    nothing is said."""
    if len(strikes) < _MANY:
        return NOTHING
    times_s, pitches, velocities = np.array(strikes).T
    length_s = float(times_s[-1] - times_s[0])
    density = (len(strikes) - 1) / length_s if length_s > 0 else None
    return Handles(density, float(velocities.mean()), float(pitches.mean()))
