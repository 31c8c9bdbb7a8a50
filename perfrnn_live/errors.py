"""Everything that can go wrong in a way a player can mend.

    PerfRNNError
    ├── NotMidi              a file that cannot be read as MIDI
    ├── CorpusEmpty          a data folder without a single usable recording
    ├── ModelNotFound        no model of that name, no folder of that path
    ├── CheckpointMismatch   weights, card and vocabulary that do not belong together
    ├── BadValue             a number out of its range
    ├── CannotWrite          a file that cannot be written where it was asked for
    ├── MissingPackage       an optional part of the installation is not there
    ├── MidiUnavailable      the machine has no MIDI system that works
    ├── NoSound              no audio device that works
    ├── PortNotFound         no port of that name (the message shows those that exist)
    └── PlayerLost           the player process died or stopped answering

Each carries one sentence that says what is wrong and, where there is one, the way out. The command line prints it
and exits with a non-zero status; nobody sees a traceback for a mistyped name.
"""


class PerfRNNError(Exception):
    """Base of all errors that are shown to the player as one sentence."""


class NotMidi(PerfRNNError):
    """The file is missing, empty, torn, too large or no MIDI file."""


class CorpusEmpty(PerfRNNError):
    """No recording in the folder could be used."""


class ModelNotFound(PerfRNNError):
    """No such model."""


class CheckpointMismatch(PerfRNNError):
    """Weights, card and vocabulary do not belong together."""


class BadValue(PerfRNNError):
    """A value is out of its range."""


class CannotWrite(PerfRNNError):
    """The file cannot be written."""


class MissingPackage(PerfRNNError):
    """An optional package is not installed."""


class MidiUnavailable(PerfRNNError):
    """No MIDI system on this machine works."""


class NoSound(PerfRNNError):
    """Nothing on this machine sounds, or not what was asked for."""


class PortNotFound(PerfRNNError):
    """No MIDI port of that name."""


class PlayerLost(PerfRNNError):
    """The player process died or stopped answering."""
