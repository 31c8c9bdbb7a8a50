"""The real command on real ports: what it sends is heard, written down and recorded by programs nobody here wrote.

Moments are taken from the monitor's sample frames; a controller sent by another program marks those of the tests.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import numpy.typing as npt
import pytest

from perfrnn_live.live.controls import KNOBS, Settings
from perfrnn_live.player.messages import PortBack, PortLost
from tests import jack_lab
from tests.engines import untrained
from tests.jack_lab import Monitor, gesture

pytestmark = pytest.mark.midi

Gesture = tuple[str, int, int]

_ROOT = Path(__file__).resolve().parents[2]
_OUTPUT, _INPUT = "perfrnn-live:perfrnn-live", "perfrnn-live-in:perfrnn-live"
_MARK = bytes((0xB0, 119, 1))  # a controller that nothing here uses
_PEDAL_UP = ("control", 64, 0)
_END_S = 20.0  # for a session to end by itself; a driver that hangs takes part of it


@pytest.fixture
def lab() -> Iterator[subprocess.Popen[Any]]:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with jack_lab.server() as server:
        yield server


@pytest.fixture
def ear(lab: object, tmp_path: Path) -> Iterator[Monitor]:
    with jack_lab.monitor(tmp_path / "dump.txt") as monitor:
        yield monitor


@contextlib.contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program with these words, at the head of a process group of its own."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextlib.contextmanager
def playing(*options: str) -> Iterator[subprocess.Popen[str]]:
    """`perfrnn-live play --quiet`."""
    with started("-m", "perfrnn_live", "play", "--quiet", *options) as process:
        yield process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for it: status, standard output, standard error."""
    out, err = process.communicate(timeout=_END_S)
    return process.returncode, out, err


def child_of(process: subprocess.Popen[Any]) -> int:
    """The number of the process it started: a session's player, or the program under the lab's `timeout`."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    jack_lab.wait_for(lambda: children.read_text().split(), "a child process")
    return int(children.read_text().split()[0])


def runs(process: int) -> bool:
    """Whether it is there and has not ended, though its parent, or who stands in for it, may not have looked yet."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def connect_before_the_first_note(session: subprocess.Popen[str], *ears: str) -> None:
    """Connect the virtual output. The session stands still meanwhile: its player opens the port on its own."""
    child_of(session)
    session.send_signal(signal.SIGSTOP)
    jack_lab.wait_for_port(_OUTPUT)
    for ear in ears:
        jack_lab.connect(_OUTPUT, ear)
    session.send_signal(signal.SIGCONT)


def recorded_at(path: Path) -> list[tuple[float, Gesture]]:
    """What a .mid file holds, as another library reads it, with the seconds from the beginning."""
    now_s, told = 0.0, []
    for message in mido.MidiFile(path):
        now_s += message.time
        if not message.is_meta and (one := gesture(bytes(message.bytes()))) is not None:
            told.append((now_s, one))
    return told


def recorded(path: Path) -> list[Gesture]:
    return [told for _, told in recorded_at(path)]


def strikes(told: Sequence[Gesture]) -> list[Gesture]:
    return [one for one in told if one[0] == "on"]


def sounding(told: Sequence[Gesture]) -> set[int]:
    """The keys still down after all that."""
    down: set[int] = set()
    for word, pitch, _ in told:
        if word == "on":
            down.add(pitch)
        elif word == "off":
            down.discard(pitch)
    return down


def frames_s(ear: Monitor) -> list[float]:
    """When the monitor heard each of its `gestures`."""
    return [one.frame / jack_lab.SAMPLE_RATE for one in ear.heard() if gesture(one.message) is not None]


def wait_for_music(ear: Monitor, notes: int = 10) -> None:
    """Until so many notes have been struck and one of them sounds."""
    told: list[Gesture] = []

    def enough() -> bool:
        told[:] = ear.gestures()
        return len(strikes(told)) >= notes and bool(sounding(told))

    jack_lab.wait_for(enough, "music", limit_s=30)


def wait_for_silence(ear: Monitor) -> None:
    jack_lab.wait_for(lambda: not sounding(ear.gestures()) and ear.gestures()[-1] == _PEDAL_UP, "silence", _END_S)


def agreeing(one: Sequence[Gesture], other: Sequence[Gesture]) -> int:
    """How many gestures they begin with in common."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def loudness(path: Path, window_s: float = 0.01) -> npt.NDArray[np.float64]:
    """Root mean squares of a 16-bit WAV, window by window; 1 is full scale."""
    with wave.open(str(path)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.float64) / 2**15
        length = round(sound.getframerate() * window_s) * sound.getnchannels()
    windows = samples[: len(samples) // length * length].reshape(-1, length)
    root: npt.NDArray[np.float64] = np.sqrt((windows**2).mean(axis=1))
    return root


def onsets(level: npt.NDArray[np.float64]) -> int:
    """How often the sound swells by a half within 40 ms."""
    swells = (level[4:] > 1.5 * level[:-4]) & (level[4:] > 0.002)
    return int((swells[1:] & ~swells[:-1]).sum())


def test_what_is_played_is_what_is_heard_recorded_and_sounded(ear: Monitor, tmp_path: Path) -> None:
    record, sound = tmp_path / "played.mid", tmp_path / "sound.wav"
    with (
        jack_lab.synthesiser() as piano,
        jack_lab.recording(sound, 21),
        playing("--seconds", "15", "--seed", "1", "--record", str(record)) as session,
    ):
        connect_before_the_first_note(session, ear.port, piano)
        status, out, err = ended(session)
        wait_for_silence(ear)
    assert (status, err) == (0, "")
    heard = ear.gestures()
    assert recorded(record) == heard  # every note, release and pedal, in order
    assert len(strikes(heard)) == json.loads(out)["notes"] > 10
    assert not sounding(heard) and heard[-1] == _PEDAL_UP
    level = loudness(sound)
    assert level.max() > 0.01
    struck_s = np.array(frames_s(ear))[[word == "on" for word, _, _ in heard]]
    chords = 1 + int((np.diff(struck_s) > 0.04).sum())
    print(f"{chords} chords, {onsets(level)} onsets, loudest {level.max():.4f}, at the end {level[-50:].max():.6f}")
    assert chords / 4 <= onsets(level) <= len(struck_s)
    assert level[-50:].max() < 0.02 * level.max()


def test_when_the_session_is_killed_its_notes_end_at_once(ear: Monitor, tmp_path: Path) -> None:
    record = tmp_path / "played.mid"
    with jack_lab.sender() as hand, playing("--output", ear.port, "--record", str(record)) as session:
        jack_lab.connect(hand.port, ear.port)
        player = child_of(session)
        wait_for_music(ear)
        hand.send(_MARK)
        session.kill()
        killed_s = time.monotonic()
        # Frames stand still when JACK does, the wall clock does not: and the player ends when all is released.
        jack_lab.wait_for(lambda: not runs(player), "the player's end", limit_s=2)
        print(f"player gone {time.monotonic() - killed_s:.3f} s after the kill")
        wait_for_silence(ear)
    told, at_s = ear.gestures(), frames_s(ear)
    mark = told.index(("control", 119, 1))
    print(f"{len(sounding(told[:mark]))} keys were down, silent {(at_s[-1] - at_s[mark]) * 1000:.1f} ms after the kill")
    assert at_s[-1] - at_s[mark] < 0.1
    killed_at_s = at_s[mark]
    del told[mark], at_s[mark]
    kept = recorded(record)
    same = agreeing(kept, told)
    assert {word for word, _, _ in kept[same:]} <= {"off"}  # what sounded when the file was last written
    assert not sounding(kept)
    print(f"{killed_at_s - at_s[same]:.3f} s of the recording lost")
    assert killed_at_s - at_s[same] < 0.8  # it is brought up to date every half second


@pytest.mark.parametrize("ending", ["Ctrl-C", "SIGTERM", "SIGTERM to both processes", "--seconds"])
def test_every_ending_leaves_silence(ear: Monitor, tmp_path: Path, ending: str) -> None:
    record = tmp_path / "played.mid"
    limit = ("--seconds", "3") if ending == "--seconds" else ()
    with playing("--output", ear.port, "--record", str(record), *limit) as session:
        if not limit:
            wait_for_music(ear, notes=3)
        if ending == "Ctrl-C":
            os.killpg(session.pid, signal.SIGINT)
        elif ending == "SIGTERM":
            session.terminate()
        elif ending == "SIGTERM to both processes":
            os.killpg(session.pid, signal.SIGTERM)
        status, out, err = ended(session)
        wait_for_silence(ear)
    assert (status, err) == (0, "")
    assert json.loads(out)["notes"] == len(strikes(ear.gestures()))
    assert recorded(record) == ear.gestures()


@pytest.mark.parametrize("engine", ["maestro-nano", "markov", *untrained.KINDS])
def test_every_engine_leaves_no_key_down(ear: Monitor, tmp_path: Path, engine: str) -> None:
    model = str(untrained.write_untrained(engine, tmp_path)) if engine in untrained.KINDS else engine
    with playing("--output", ear.port, "--model", model, "--seconds", "3", "--seed", "1") as session:
        status, out, _ = ended(session)
        wait_for_silence(ear)
    assert status == 0 and json.loads(out)["notes"] == len(strikes(ear.gestures())) > 0


@contextlib.contextmanager
def flood() -> Iterator[str]:
    """Something that sends a message in each of JACK's periods, 375 a second; gives its port."""
    import jack

    client = jack.Client("flood", no_start_server=True)
    port, turns = client.midi_outports.register("out"), itertools.count()

    def send(frames: int) -> None:
        port.clear_buffer()
        port.write_midi_event(0, (0xB0, 1, next(turns) % 128))

    client.set_process_callback(send)
    with client:
        yield port.name


def test_it_ends_at_once_while_messages_flood_in(ear: Monitor) -> None:
    with flood() as source, playing("--output", ear.port, "--input", source, "--thru") as session:
        wait_for_music(ear, notes=3)
        began_s = time.monotonic()
        session.terminate()
        status, out, err = ended(session)
        assert time.monotonic() - began_s < 5.0  # it took ten seconds, and its keys sounded on
        wait_for_silence(ear)
    assert (status, err) == (0, "")
    assert json.loads(out)["dropped"] == 0


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_player_that_dies_or_hangs_has_a_successor(ear: Monitor, tmp_path: Path, blow: signal.Signals) -> None:
    record = tmp_path / "played.mid"
    with playing("--output", ear.port, "--record", str(record)) as session:
        wait_for_music(ear)
        os.kill(child_of(session), blow)
        began_s = time.monotonic()
        before = ear.gestures()
        jack_lab.wait_for(lambda: len(strikes(ear.gestures())) > len(strikes(before)) + 5, "music again", limit_s=30)
        print(f"{blow.name}: music again after {time.monotonic() - began_s:.1f} s")
        session.terminate()
        status, out, err = ended(session)
        wait_for_silence(ear)
    assert status == 0 and err.endswith("; another one takes over\n") and err.count("\n") == 1
    kept, told = recorded(record), ear.gestures()
    last = len(before) - 1 - next(n for n, one in enumerate(reversed(before)) if one[0] == "on")
    assert agreeing(kept, told) >= last  # the very last message may not have been reported
    again = next(n for n, one in enumerate(told) if n >= len(before) + 3 and one[0] == "on")  # 3 were on their way
    assert not sounding(told[:again]), "all was released before it played on"
    assert not sounding(kept) and not sounding(told)
    assert json.loads(out)["notes"] >= len(strikes(told)) - 3


def test_a_turned_knob_changes_what_comes_next(ear: Monitor, tmp_path: Path) -> None:
    # Several seeds side by side without the knob: it is turned where most notes follow that were planned already.
    files = {seed: tmp_path / f"{seed}.mid" for seed in range(4)}
    with contextlib.ExitStack() as stack:
        plays = [("--output", "none", "--seconds", "5", "--seed", f"{n}", "--record", str(files[n])) for n in files]
        for session in [stack.enter_context(playing(*options)) for options in plays]:
            assert ended(session)[0] == 0
    best = 0
    for n, file in files.items():
        struck = [(at_s, told) for at_s, told in recorded_at(file) if told[0] == "on"]
        for turn, (at_s, _) in enumerate(struck):
            follow = sum(at_s + 0.1 < other_s < at_s + 0.4 for other_s, _ in struck)
            if 1 < at_s < 4.2 and follow > best:
                best, seed, turned, plain = follow, n, turn, struck
    with (
        jack_lab.sender() as hand,
        playing("--output", ear.port, "--input", "virtual", "--seconds", "5", "--seed", str(seed)) as session,
    ):
        jack_lab.connect(hand.port, ear.port)
        jack_lab.wait_for_port(_INPUT)
        jack_lab.connect(hand.port, _INPUT)
        jack_lab.wait_for(lambda: len(strikes(ear.gestures())) > turned, "the moment to turn")
        hand.send(bytes((0xB0, 1, 64)))  # where the temperature stands: the knob is picked up
        hand.send(bytes((0xB0, 1, 127)))
        assert ended(session)[0] == 0
        wait_for_silence(ear)
    told, heard_s = ear.gestures(), frames_s(ear)
    knob = told.index(("control", 1, 127))
    before = len(strikes(told[:knob]))
    knob_s = plain[0][0] + heard_s[knob] - heard_s[told.index(plain[0][1])]
    planned = sum(knob_s < other_s < knob_s + 0.4 for other_s, _ in plain)
    same = agreeing([one for _, one in plain], strikes(told))
    print(f"{before} notes before the knob, {same} the same, {planned} were planned when it turned")
    assert before <= same < before + planned
    assert len(strikes(told)) > same


def test_what_another_program_plays_is_heard_and_its_keys_are_left_alone(ear: Monitor, tmp_path: Path) -> None:
    file, chord = tmp_path / "both.mid", (60, 64, 67)
    velocity = 101  # no velocity that a bin is played with: these notes are the other program's
    options = ("--mode", "duet", "--output", ear.port, "--input", "virtual", "--thru", "--seed", "1")
    with jack_lab.sender() as hand, playing(*options, "--record", str(file)) as session:
        jack_lab.wait_for_port(_INPUT)
        jack_lab.connect(hand.port, _INPUT)
        wait_for_music(ear, notes=2)
        for pitch in chord:
            hand.send(bytes((0x90, pitch, velocity)))
        jack_lab.wait_for(lambda: ("on", chord[-1], velocity) in ear.gestures(), "the chord")
        time.sleep(2)
        for pitch in chord:
            hand.send(bytes((0x80, pitch, 0)))
        jack_lab.wait_for(lambda: ("off", chord[-1], 0) in ear.gestures(), "its release")
        time.sleep(1)
        session.send_signal(signal.SIGTERM)
        assert ended(session)[0] == 0
        wait_for_silence(ear)
    told = ear.gestures()
    for pitch in chord:
        began = told.index(("on", pitch, velocity))
        held = [one for one in told[began + 1 :] if one[0] != "control" and one[1] == pitch]
        assert held[0] == ("off", pitch, 0), "the machine touched a key that was held"  # its own releases have 64
    last = told.index(("on", chord[-1], velocity))
    assert strikes(told[last + 1 :]), "the machine plays on"
    theirs = [message.note for message in mido.MidiFile(file) if message.type == "note_on" and message.channel == 1]
    assert sorted(theirs) == sorted(chord)
    assert not sounding(told)


def test_a_phrase_of_another_program_is_answered_and_its_next_note_stops_the_answer(
    ear: Monitor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = ("--mode", "trade", "--output", ear.port, "--input", "virtual", "--seed", "1", "--log", str(log))
    with jack_lab.sender() as hand, playing(*options) as session:
        jack_lab.wait_for_port(_INPUT)
        jack_lab.connect(hand.port, _INPUT)
        for pitch in (60, 62, 64, 65, 67, 69, 71, 72) * 3:
            assert not strikes(ear.gestures()), "it broke into the phrase"
            hand.send(bytes((0x90, pitch, 70)))
            time.sleep(0.15)
            hand.send(bytes((0x80, pitch, 0)))
            time.sleep(0.05)
        jack_lab.wait_for(lambda: '"phrase"' in log.read_text(), "the end of the phrase")
        wait_for_music(ear, notes=1)
        hand.send(bytes((0x90, 60, 70)))
        jack_lab.wait_for(lambda: not sounding(ear.gestures()), "its keys to be given up")
        stopped = len(strikes(ear.gestures()))
        time.sleep(0.4)  # the key is held: the phrase goes on
        assert len(strikes(ear.gestures())) == stopped
        hand.send(bytes((0x80, 60, 0)))
        jack_lab.wait_for(lambda: len(strikes(ear.gestures())) > stopped, "the next answer")
        session.send_signal(signal.SIGTERM)
        assert ended(session)[0] == 0
        wait_for_silence(ear)
    assert not sounding(ear.gestures())


def test_a_sequencer_of_others_stops_and_starts_it_and_gives_the_beat(ear: Monitor, tmp_path: Path) -> None:
    """Start, Stop and clock of JACK's transport, sent by `jack_midi_clock`."""
    options = ("--output", ear.port, "--input", "virtual", "--density", "12", "--seed", "1")
    with playing(*options) as session:
        jack_lab.wait_for_port(_INPUT)
        with jack_lab.sequencer(_INPUT) as roll:
            wait_for_music(ear)
            roll(True)
            time.sleep(2)
            roll(False)
            jack_lab.wait_for(lambda: not sounding(ear.gestures()), "its keys to be released", limit_s=5)
            time.sleep(0.5)
            stopped = len(strikes(ear.gestures()))
            time.sleep(2)
            assert len(strikes(ear.gestures())) == stopped
            roll(True)
            jack_lab.wait_for(lambda: len(strikes(ear.gestures())) > stopped + 5, "music again")
        session.terminate()
        assert ended(session)[0] == 0
    assert not sounding(ear.gestures())


def test_a_dead_midi_server_ends_nothing_for_ever(lab: subprocess.Popen[Any], ear: Monitor, tmp_path: Path) -> None:
    record = tmp_path / "played.mid"
    with playing("--output", ear.port, "--seconds", "6", "--seed", "1", "--record", str(record)) as session:
        wait_for_music(ear, notes=1)
        os.kill(child_of(lab), signal.SIGKILL)
        told = ear.gestures()
        status, out, err = ended(session)
    print(status, out, err)
    kept = recorded(record)
    assert kept[: len(told)] == told and not sounding(kept)
    assert status == 0 if out else err.startswith("perfrnn-live: ") and err.count("\n") == 1


def test_a_midi_server_that_dies_and_returns_is_played_onto_again(tmp_path: Path) -> None:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with contextlib.ExitStack() as afterwards, contextlib.ExitStack() as before:
        server = before.enter_context(jack_lab.server())
        ear = before.enter_context(jack_lab.monitor(tmp_path / "before.txt"))
        session = afterwards.enter_context(playing("--output", ear.port, "--density", "12"))
        wait_for_music(ear, notes=3)
        os.kill(child_of(server), signal.SIGKILL)
        before.close()
        afterwards.enter_context(jack_lab.server())
        ear = afterwards.enter_context(jack_lab.monitor(tmp_path / "after.txt"))
        wait_for_music(ear)
        session.terminate()
        status, _, err = ended(session)
        wait_for_silence(ear)
    assert status == 0
    assert err.splitlines() == [PortLost(ear.port, "output").sentence, PortBack(ear.port, "output").sentence]
    assert not sounding(ear.gestures())


def test_a_port_that_is_not_there_is_a_sentence_with_those_that_are(lab: object) -> None:
    with jack_lab.synthesiser() as piano:
        with playing("--output", "no such piano") as session:
            status, out, err = ended(session)
        assert (status, out) == (1, "") and err.count("\n") == 1
        assert "'no such piano'" in err and repr(piano) in err
        command = [sys.executable, "-m", "perfrnn_live", "ports"]
        listed = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_END_S, check=True)
    assert f"output  jack  {piano}\n" in listed.stdout


def test_two_outputs_of_one_name_are_told_apart_or_asked_about(lab: object, tmp_path: Path) -> None:
    with jack_lab.monitor(tmp_path / "one.txt", "grand") as one, jack_lab.monitor(tmp_path / "two.txt", "grand") as two:
        jack_lab.wait_for_port("grand-01:input")  # JACK's name for the second
        with playing("--output", "grand", "--seconds", "1", "--no-library") as session:
            status, out, err = ended(session)
        assert (status, out) == (1, "") and "grand:input" in err and "grand-01:input" in err and err.count("\n") == 1
        with playing("--output", "grand-01", "--seconds", "3", "--seed", "1", "--no-library") as session:
            assert ended(session)[0] == 0
            jack_lab.wait_for(lambda: two.gestures(), "music")
            wait_for_silence(two)
        assert not one.heard()


def test_an_output_that_comes_back_under_another_number_is_played_onto_again(lab: object, tmp_path: Path) -> None:
    with contextlib.ExitStack() as first:
        first.enter_context(jack_lab.monitor(tmp_path / "one.txt", "grand"))
        second = first.enter_context(contextlib.ExitStack())
        heard = second.enter_context(jack_lab.monitor(tmp_path / "two.txt", "grand"))
        jack_lab.wait_for_port("grand-01:input")
        with playing("--output", "grand-01", "--density", "10", "--no-library") as session:
            jack_lab.wait_for(lambda: strikes(heard.gestures()), "music")
            first.close()  # both are unplugged, and one comes back, as the first that it is now
            with jack_lab.monitor(tmp_path / "three.txt", "grand") as again:
                wait_for_music(again, notes=5)
                session.terminate()
                status, out, err = ended(session)
                wait_for_silence(again)
    told = err.splitlines()
    assert status == 0 and json.loads(out)["notes"] > 5
    assert told[0].startswith("the output 'grand-01") and told[-1].endswith("is back")


def test_motor_faders_are_told_where_the_knobs_stand_and_again_when_they_are_back(lab: object, tmp_path: Path) -> None:
    settings = Settings(temperature=1.5, density=6.0, top_p=0.9, recall=0.5)
    positions = {knob.cc: knob.position_of(getattr(settings, knob.name)) for knob in KNOBS.values()}
    knobs = ("--temperature", "1.5", "--density", "6", "--top-p", "0.9", "--recall", "0.5")

    def stand(faders: Monitor) -> dict[int, int]:
        return {number: value for word, number, value in faders.gestures() if word == "control"}

    with contextlib.ExitStack() as stack:
        with jack_lab.monitor(tmp_path / "first.txt", "faders") as faders:
            session = stack.enter_context(
                playing("--output", "none", "--controller", faders.port, "--seconds", "15", *knobs)
            )
            jack_lab.wait_for(lambda: stand(faders) == positions, "where the knobs stand")
        with jack_lab.monitor(tmp_path / "again.txt", "faders") as faders:
            jack_lab.wait_for(lambda: stand(faders) == positions, "where they stand, again")
            session.send_signal(signal.SIGINT)
            assert ended(session)[0] == 0
