"""`python -m tests.bench.together`: ten minutes of playing with it over real MIDI, and what came of it (Linux, JACK).

A scripted performer plays phrases of MAESTRO's validation recordings into the virtual input in all three modes, waits
for answers, breaks into some of them, turns knobs, freezes, asks for another answer and panics. jack_midi_dump writes
down both as JACK delivers them (the performer is on channel 5), fluidsynth sounds the machine, jack_rec keeps it.
The machine's own figures come from its log, everything else from the dump. Give `--minutes` for another length. With
`--faults` processes are killed and stopped meanwhile, and the keyboard sends what it should not (`faults.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np

from perfrnn_live.music.midi import SUSTAIN
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.training.corpus import find_recordings
from tests import jack_lab
from tests.bench.faults import LOST, Faults

Phrase = list[tuple[float, bytes]]

_OUTPUT, _INPUT = "perfrnn-live:perfrnn-live", "perfrnn-live-in:perfrnn-live"
_CHANNEL = 4  # the performer's
_SILENCE_S = 1.0  # between two phrases nothing sounds for so long
_NOTES = range(4, 80)
_LENGTH_S = (1.5, 15.0)
_RACE_S = 0.006  # two JACK periods: what is on its way when a key goes down
_PATIENCE_S = 4.0
_LONGEST_ANSWER_S = 30.0
MODES = {"solo": 0, "trade": 64, "duet": 127}  # positions of controller 28
_PANIC, _FREEZE, _AGAIN, _MODE = 105, 104, 103, 28
_TURNS = {  # of a controller, up and down again: the temperature from 1 and back, the density from free and back
    1: (64, 66, 70, 75, 80, 75, 70, 66, 64),
    21: (0, 50, 70, 90, 100, 90, 70, 50, 0),
}


def phrases_of(path: Path) -> list[Phrase]:
    """A recording's phrases as raw messages, keys and sustain pedal, from their first note; the pedal is up at the end.

    A phrase ends where nothing sounds for a second, the pedal's extension included.
    """
    notes = read_notes(path)
    bounds, began_s, ends_s = [], notes[0].onset_s, notes[0].offset_s
    for note in notes[1:]:
        if note.onset_s - ends_s >= _SILENCE_S:
            bounds.append((began_s, ends_s))
            began_s = note.onset_s
        ends_s = max(ends_s, note.offset_s)
    messages, now_s = [], 0.0
    for message in mido.MidiFile(path):
        now_s += message.time
        if message.type in ("note_on", "note_off") or message.is_cc(SUSTAIN):
            messages.append((now_s, bytes(message.copy(channel=_CHANNEL).bytes())))
    found = []
    for began_s, ended_s in bounds:
        phrase = [(at_s - began_s, each) for at_s, each in messages if began_s - 0.001 <= at_s <= ended_s + 0.001]
        struck = sum(message[0] & 0xF0 == 0x90 and message[2] > 0 for _, message in phrase)
        if struck in _NOTES and _LENGTH_S[0] <= ended_s - began_s <= _LENGTH_S[1]:
            found.append([*phrase, (ended_s - began_s + 0.002, bytes((0xB0 | _CHANNEL, 64, 0)))])
    return found


@dataclass
class Ear:
    """Follows the dump as it grows: all messages of both players, with their frames."""

    dump: Path
    heard: list[jack_lab.Heard] = field(default_factory=list)
    _read: int = 0

    def listen(self) -> None:
        with self.dump.open(encoding="ascii", errors="replace") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        self.heard += jack_lab.parse_dump(whole)

    def struck(self, since: int = 0) -> int:
        """How many notes the machine struck from the message with that number on."""
        self.listen()
        return sum(_strikes(each.message) and each.message[0] & 15 == 0 for each in self.heard[since:])

    def sounding(self) -> set[int]:
        """The machine's keys that are down."""
        self.listen()
        down: set[int] = set()
        for each in self.heard:
            if each.message[0] & 15 == 0:
                _follow(down, each.message)
        return down


def _strikes(message: bytes) -> bool:
    return len(message) == 3 and message[0] & 0xF0 == 0x90 and message[2] > 0


def _follow(down: set[int], message: bytes) -> None:
    if _strikes(message):
        down.add(message[1])
    elif len(message) == 3 and message[0] & 0xF0 in (0x80, 0x90):
        down.discard(message[1])


class Performer:
    """Plays phrases, and does the other things that a performer does."""

    def __init__(self, hand: jack_lab.Sender, ear: Ear, phrases: list[Phrase], rng: random.Random) -> None:
        self.hand, self.ear, self.phrases, self.rng = hand, ear, phrases, rng
        self.calls = self.answered = self.false_ends = self.missed = self.interrupted = 0

    def control(self, controller: int, value: int) -> None:
        self.hand.send(bytes((0xB0 | _CHANNEL, controller, value)))

    def press(self, controller: int) -> None:
        self.control(controller, 127)
        self.control(controller, 0)

    def play(self, phrase: Phrase) -> None:
        began = time.perf_counter()
        for at_s, message in phrase:
            time.sleep(max(began + at_s - time.perf_counter(), 0))
            self.hand.send(message)

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        until = time.perf_counter() + seconds
        while not condition():
            if time.perf_counter() > until:
                return False
            time.sleep(0.02)
        return True

    def trade(self, until: float) -> None:
        while time.perf_counter() < until:
            phrase = self.rng.choice(self.phrases)
            self.ear.listen()
            start = len(self.ear.heard)
            self.play(phrase)
            self.calls += 1
            early = self.ear.struck(start)
            self.false_ends += early > 0
            if not self.wait(lambda start=start: self.ear.struck(start), _PATIENCE_S):  # type: ignore[misc]
                self.missed += 1
                continue
            self.answered += 1
            chance = self.rng.random()
            if chance < 0.3:
                time.sleep(self.rng.uniform(0.5, 2.0))
                self.interrupted += 1
                continue
            self.wait_for_silence()
            if chance > 0.85:
                self.press(_AGAIN)
                time.sleep(0.5)
                self.wait_for_silence()
            elif chance > 0.75:
                self.press(_FREEZE)
                time.sleep(5)
                self.press(_FREEZE)
                time.sleep(0.5)

    def wait_for_silence(self) -> None:
        began, quiet_since, count = time.perf_counter(), time.perf_counter(), -1
        while time.perf_counter() - quiet_since < 1.5 and time.perf_counter() - began < _LONGEST_ANSWER_S:
            now = self.ear.struck()
            if now != count or self.ear.sounding():
                quiet_since, count = time.perf_counter(), now
            time.sleep(0.1)

    def together(self, until: float) -> None:
        while time.perf_counter() < until:
            self.play(self.rng.choice(self.phrases))
            time.sleep(self.rng.uniform(0.2, 2.0))
            chance = self.rng.random()
            if chance < 0.5:
                controller = self.rng.choice(list(_TURNS))
                for value in _TURNS[controller]:
                    self.control(controller, value)
                    time.sleep(0.1)
            elif chance < 0.8:
                self.press(_PANIC)
                time.sleep(1)
                self.press(_PANIC)


@contextlib.contextmanager
def playing(folder: Path, output: str, keyboard: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The instrument, with a screen it cannot see: what it costs is in the figures."""
    command = [sys.executable, "-m", "perfrnn_live", "play", "--output", output, "--input", keyboard, "--quiet"]
    command += ["--seed", "1", "--log", str(folder / "log"), "--record", str(folder / "both.mid"), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def check(heard: list[jack_lab.Heard]) -> None:
    """The machine's notes against the performer's, as JACK delivered them."""
    rate = jack_lab.SAMPLE_RATE
    held: dict[int, int] = {}  # the performer's keys, since which frame
    down: dict[int, int] = {}
    taken = races = twice = 0
    panic_ms, pending = list[float](), None
    longest_s = 0.0
    for each in heard:
        message, is_machine = each.message, each.message[0] & 15 == 0
        if len(message) != 3:
            continue
        pitch = message[1]
        if is_machine and _strikes(message):
            if pitch in held:
                race = each.frame - held[pitch] <= _RACE_S * rate
                races, taken = races + race, taken + (not race)
            twice += pitch in down
            down[pitch] = each.frame
            pending = None
        elif is_machine and message[0] & 0xF0 == 0x80:
            longest_s = max(longest_s, (each.frame - down.pop(pitch, each.frame)) / rate)
            if pending is not None:
                panic_ms[-1] = (each.frame - pending) / rate * 1000
        elif not is_machine and _strikes(message) and pitch != LOST:
            held[pitch] = each.frame
        elif not is_machine and message[0] & 0xF0 in (0x80, 0x90):
            held.pop(pitch, None)
        elif not is_machine and message[0] & 0xF0 == 0xB0 and message[1] in (120, 123):
            held.clear()
        elif not is_machine and message[1] == _PANIC and message[2] == 127 and down:
            pending = each.frame
            panic_ms.append(0.0)
    machine = sum(_strikes(each.message) and each.message[0] & 15 == 0 for each in heard)
    human = sum(_strikes(each.message) and each.message[0] & 15 == _CHANNEL for each in heard)
    print(f"notes: {machine} of the machine's, {human} of the performer's; the machine's longest {longest_s:.1f} s")
    print(f"stuck at the end: {len(down)}; struck twice: {twice}")
    print(f"struck while the key was held: {taken}, and {races} on their way when it went down")
    if panic_ms:
        p50, p99 = np.percentile(panic_ms, [50, 99])
        print(f"panic to the last release, through JACK: p50 {p50:.1f}, p99 {p99:.1f} ms ({len(panic_ms)})")


def transport_ms(ear_port: str, dump: Path) -> list[float]:
    """The baseline: a program that sends every note straight back, two JACK clients away."""
    echo = (
        "import jack, sys\n"
        "client = jack.Client('echo'); waiting = []\n"
        "into, out = client.midi_inports.register('in'), client.midi_outports.register('out')\n"
        "def carry(frames):\n"
        "    out.clear_buffer()\n"
        "    while waiting: out.write_midi_event(0, waiting.pop(0))\n"
        "    waiting.extend(bytes(message) for _, message in into.incoming_midi_events())\n"
        "client.set_process_callback(carry)\n"
        "client.activate()\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", echo], stdin=subprocess.PIPE)
    try:
        with jack_lab.sender("prober") as hand:
            jack_lab.wait_for_port("echo:out")
            jack_lab.connect("echo:out", ear_port)
            jack_lab.connect(hand.port, "echo:in")
            jack_lab.connect(hand.port, ear_port)
            for n in range(100):
                hand.send(bytes((0x9F, n, 1)))
                time.sleep(0.03)
            time.sleep(0.5)
    finally:
        process.kill()
        process.communicate()
    frames: dict[int, list[int]] = {}
    for each in jack_lab.parse_dump(dump.read_text(encoding="ascii", errors="replace")):
        if each.message[0] == 0x9F:
            frames.setdefault(each.message[1], []).append(each.frame)
    return [(two[1] - two[0]) / jack_lab.SAMPLE_RATE * 1000 for two in frames.values() if len(two) == 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--maestro", type=Path, default=Path(os.environ.get("PERFRNN_MAESTRO", "")))
    options = parser.parse_args()
    corpus = options.maestro
    if not (corpus / "maestro-v3.0.0.csv").exists():
        corpus = Path(__file__).resolve().parents[3] / "shared" / "maestro-v3.0.0"
    rng = random.Random(4)
    phrases: list[Phrase] = []
    for path in find_recordings(corpus, "validation")[::2]:
        phrases += phrases_of(path)
        if len(phrases) >= 60:
            break
    seconds = options.minutes * 60
    jack_lab.LIFE_S = round(seconds) + 300
    print(f"{len(phrases)} phrases of real recordings; load before: {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as scratch, jack_lab.server(), contextlib.ExitStack() as lab:
        folder = Path(scratch)
        baseline = lab.enter_context(jack_lab.monitor(folder / "baseline.txt", "baseline"))
        p50, p99 = np.percentile(transport_ms(baseline.port, baseline.dump), [50, 99])
        print(f"baseline, a note sent straight back through JACK: p50 {p50:.1f}, p99 {p99:.1f} ms")
        synth = lab.enter_context(jack_lab.synthesiser())
        monitor = lab.enter_context(jack_lab.monitor(folder / "dump.txt"))
        hand = lab.enter_context(jack_lab.sender())
        # ports of others are found again by a player that takes over; cables to its own would have to be laid anew
        ports = (monitor.port, hand.port) if options.faults else ("virtual", "virtual")
        session = lab.enter_context(playing(folder, *ports))
        jack_lab.wait_for_port(_OUTPUT)
        jack_lab.wait_for_port(_INPUT)
        jack_lab.connect(hand.port, monitor.port)
        jack_lab.connect(_OUTPUT, synth)
        if not options.faults:
            jack_lab.connect(_OUTPUT, monitor.port)
            jack_lab.connect(hand.port, _INPUT)
        performer = Performer(hand, Ear(monitor.dump), phrases, rng)
        shares = {"solo": 0.25, "trade": 0.5, "duet": 0.25}
        faults = Faults(session, hand, random.Random(5))
        thrown_in = faults.thrown_in() if options.faults else contextlib.nullcontext()
        with thrown_in, jack_lab.recording(folder / "sound.wav", min(30.0, seconds / 5)):
            for position in (0, 127, 0):  # pick the mode knob up
                performer.control(_MODE, position)
            for mode, share in shares.items():
                performer.control(_MODE, MODES[mode])
                until = time.perf_counter() + share * seconds
                (performer.trade if mode == "trade" else performer.together)(until)
        session.send_signal(signal.SIGTERM)
        out, err = session.communicate(timeout=20)
        time.sleep(0.5)
        performer.ear.listen()
        report(performer, json.loads(out.strip().splitlines()[-1]), folder)
        check(performer.ear.heard)
        for what, times in faults.thrown.items():
            print(f"thrown in: {what}, {times} times")
        if err:
            print(f"it complained: {err}")


def report(performer: Performer, summary: dict[str, object], folder: Path) -> None:
    """What the machine measured, and how the turns went."""
    delays = summary.pop("delays")
    print(json.dumps(summary))
    assert isinstance(delays, dict)
    for what, figures in delays.items():
        rest = ", ".join(f"{name} {value:.1f}" for name, value in figures.items() if name != "count")
        print(f"{what}: {rest} ms ({figures['count']:.0f})")
    p = performer
    ends = f"false ends {p.false_ends}, missed {p.missed}"
    print(f"calls {p.calls}, answered {p.answered}, broken into {p.interrupted}, {ends}")
    steered = [line for line in (folder / "log").read_text().splitlines() if '"steered"' in line]
    print(f"steered back {len(steered)} times")
    with wave.open(str(folder / "sound.wav")) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(np.float64)
    print(f"sound: {len(samples) / 2 / sound.getframerate():.0f} s, RMS {np.sqrt(np.mean(samples**2)):.0f} of 32768")


if __name__ == "__main__":
    main()
