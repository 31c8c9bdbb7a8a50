"""What `play` is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from perfrnn_live.live.beats import Quantise
from perfrnn_live.live.controls import Settings
from perfrnn_live.player.profiles import DAW, Profile


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """What `play` is asked for.

    `output` None is a virtual port with the built-in piano beside it; or the piano alone where the machine has no MIDI
    system, or neither without audio, and then a recording is kept in any case. "piano" is the piano alone. It sounds
    through `audio` ("any", a system or a device), or not at all if that is None; a `soundfont` takes its place.
    `inputs` None follows the output: virtual with a virtual one, none otherwise; "computer" is the keyboard that is
    typed on, and what is played there sounds. It begins where `prime` ends, or else as a piece begins, or as
    in the `middle` of one; or it goes on from a session in the `library`, from so many seconds after its beginning or
    from its end, with the knobs as they stood there. Its manner is that of the file `like`, as far as the knob
    likeness says. While a sequencer's clock comes in, answers begin on the next beat
    or bar, as `quantise` says; with `link` the clock is Ableton Link's. OSC is listened for at `osc` and sent to
    `osc_to`, each a host and a port. Where knobs stand is sent to the output `controller`. With `transport` Start is
    sent before the first note, and Stop at the end. A `page` for tablets is served at a host and a port (0: the usual
    one), beside the `screen` or instead.
    """

    model: Path
    output: str | None = None
    audio: str | None = "any"
    soundfont: Path | None = None
    inputs: tuple[str, ...] | None = None
    thru: bool = False
    profile: Profile = DAW
    prime: Path | None = None
    continues: tuple[int, float | None] | None = None
    middle: bool = False
    like: Path | None = None
    settings: Settings = field(default_factory=Settings)
    beams: int = 1
    quantise: Quantise = "beat"
    seed: int | None = None
    seconds: float | None = None
    record: Path | None = None
    pads: Path | None = None
    library: Path | None = None
    log: Path | None = None
    osc: tuple[str, int] | None = None
    osc_to: tuple[str, int] | None = None
    controller: str | None = None
    transport: bool = False
    link: bool = False
    page: tuple[str, int] | None = None
    screen: bool = True
    quiet: bool = False
