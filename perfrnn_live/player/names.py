"""Which MIDI port a name means, and how a port that went is called when it is back."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

# What systems and programs add to a name to tell two of it apart, and change when it comes and goes: ALSA's client and
# port, a client's number or a process's in brackets, JACK's count of clients of one name, Windows's of devices.
_NUMBERING = re.compile(r" \d+:\d+$| ?\[\d+\]| ?\(\d+\)|-\d\d(?=:|$)|^\d+- ")
_WINDOWS_PLACE = re.compile(r" \d+$")  # in the list of all devices: it is another one when any of them comes or goes


def matching(name: str, candidates: Sequence[str]) -> list[str]:
    """The candidates that `name` means: the one that is exactly it, else all that contain it, in any case.

    An accent is the same whether it was typed as part of its letter or after it.
    """
    exact = [candidate for candidate in candidates if _composed(candidate) == _composed(name)]
    return exact[:1] or [each for each in dict.fromkeys(candidates) if name and _plain(name) in _plain(each)]


def returned(listed: str, name: str, candidates: Sequence[str]) -> list[str]:
    """The candidates that may be the port that was listed as `listed` and had been asked for as `name`.

    Their names are the same, or the same apart from their numbering, or contain `name`; the likeliest comes first.
    """

    def likeness(candidate: str) -> tuple[bool, bool, float]:
        alike = SequenceMatcher(None, _composed(candidate), _composed(listed)).ratio()
        return candidate == listed, unnumbered(candidate) == unnumbered(listed), alike

    fit = set(matching(name, candidates))
    back = [each for each in dict.fromkeys(candidates) if each in fit or unnumbered(each) == unnumbered(listed)]
    return sorted(back, key=likeness, reverse=True)


def unnumbered(name: str) -> str:
    """A port's name without what numbers it."""
    composed = _composed(name)
    return _NUMBERING.sub("", _WINDOWS_PLACE.sub("", composed) if sys.platform == "win32" else composed)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _plain(name: str) -> str:
    return _composed(_composed(name).casefold())
