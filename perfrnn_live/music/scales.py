"""The 24 keys: their pitch classes, and how often music in a key strikes each."""

from __future__ import annotations

from collections.abc import Sequence

from perfrnn_live.errors import BadValue

ANY, FOLLOW, HELD = "any", "follow", "held"  # left to the model; as the other player played lately, or holds now
_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_STEPS = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
# The pitch classes, C = 0, of the 24 keys. Minor is harmonic: natural minor is its relative major by another name.
SCALES = {
    f"{root} {name}": frozenset((tonic + step) % 12 for step in steps)
    for name, steps in _STEPS.items()
    for tonic, root in enumerate(_ROOTS)
}
_PROFILES = {  # how often the steps of a key are struck, from the tonic upwards
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
CHOICES = (ANY, FOLLOW, HELD, *SCALES)
_OUTSIDE = 0.02  # a note in a hundred or so still leaves the scale, as passing notes do
_BETWEEN = 0.2  # melodies pass between the notes of a chord


def pitch_class_weights(scale: str, played: Sequence[float]) -> tuple[float, ...]:
    """How welcome a strike of C, C♯ … B is: 12 weights in (0, 1], the greatest 1.

    `played`: 12 counts of at least 0, how often each was struck lately; or of how many of its keys are held. To
    "follow" is their histogram with one strike of each added, so that a single note does not bind. Raises BadValue for
    an unknown scale and ValueError for counts that are none.
    """
    _check(scale)
    if len(played) != 12 or min(played) < 0:
        raise ValueError(f"12 counts of at least 0 are wanted, not {played}")
    if scale == ANY or (scale == HELD and not any(played)):
        return (1.0,) * 12
    if scale == FOLLOW:
        return tuple((count + 1) / (max(played) + 1) for count in played)
    if scale == HELD:
        return tuple(1.0 if count else _BETWEEN for count in played)
    return tuple(1.0 if pitch_class in SCALES[scale] else _OUTSIDE for pitch_class in range(12))


def pitch_class_histogram(scale: str, played: Sequence[float]) -> tuple[float, ...] | None:
    """How often C, C♯ … B are to be struck: 12 weights, or None where that is left to the model.

    A key's is that of much music in it (Albrecht & Shanahan 2013); to "follow" is what was struck lately, and "held"
    what is held: `played`. Raises BadValue for an unknown scale.
    """
    _check(scale)
    if scale in (FOLLOW, HELD):
        return tuple(played) if any(played) else None
    if scale == ANY:
        return None
    root, _, name = scale.partition(" ")
    tonic = _ROOTS.index(root)
    return tuple(_PROFILES[name][(pitch_class - tonic) % 12] for pitch_class in range(12))


def _check(scale: str) -> None:
    if scale not in CHOICES:
        raise BadValue(f"scale must be one of {', '.join(CHOICES)}, not {scale}")
