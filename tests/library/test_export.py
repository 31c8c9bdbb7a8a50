"""What is exported is what was played: by two readers, and by eye."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import mido
import pytest

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.library.export import export
from perfrnn_live.library.packed import Fact
from perfrnn_live.library.sessions import Take, take_of
from perfrnn_live.live.controls import Action, Mode, Settings
from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.player.messages import Received, Sent
from perfrnn_live.stage.desk import Put
from tests.sittings import BEGAN_S, Sitting


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), seed=2)
    for number in range(3):
        sitting.phrase_at(BEGAN_S + 1 + 8 * number, range(60, 67), gap_s=0.21)
    sitting.link.at(BEGAN_S + 12, lambda: sitting.session.wish(Put("temperature", 1.3)))
    sitting.link.at(BEGAN_S + 14, lambda: sitting.session.wish(Action.MOMENT))
    sitting.session.run(26)
    return sitting.facts


@pytest.fixture(scope="module")
def take(facts: list[Fact]) -> Take:
    return take_of(facts, BEGAN_S)


def strikes_of(track: mido.MidiTrack, channel: int) -> list[tuple[int, int, int]]:
    """Milliseconds, pitch and velocity of each strike on a channel."""
    now, found = 0, []
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            assert message.channel == channel
            found.append((now, message.note, message.velocity))
    return found


def test_it_and_you_are_on_tracks_of_your_own_note_for_note(take: Take, facts: list[Fact], tmp_path: Path) -> None:
    export(take, tmp_path / "take.mid")
    file = mido.MidiFile(tmp_path / "take.mid")
    assert file.type == 1 and file.ticks_per_beat == 500
    marks, machine, you, knobs = file.tracks
    assert [track.name for track in file.tracks] == ["perfrnn-live", "machine", "you", "knobs"]
    sent = [each for each in facts if isinstance(each, Sent) and strikes(each.message)]
    played = [each for each in facts if isinstance(each, Received) and strikes(each.message)]
    assert sorted(strikes_of(machine, 0)) == sorted(
        (round((each.sounds_s - BEGAN_S) * 1000), each.message[1], each.message[2]) for each in sent
    )
    assert strikes_of(you, 1) == [
        (round((each.arrival_s - BEGAN_S) * 1000), each.message[1], each.message[2]) for each in played
    ]
    texts = [message.text for message in marks if message.type == "marker"]
    assert texts.count("phrase") == 3 and "moment" in texts
    ((knob,),) = ([each for each in knobs if each.type == "control_change"],)
    assert (knob.channel, knob.control) == (15, 1)
    assert read_notes(tmp_path / "take.mid")  # and by our own reader
    ours = sorted((round(each.onset_s * 1000), each.pitch, each.velocity) for each in read_notes(tmp_path / "take.mid"))
    assert ours == sorted(strikes_of(machine, 0) + strikes_of(you, 1))


def test_no_key_is_left_down_in_a_take_that_broke_off(take: Take, tmp_path: Path) -> None:
    last = next(number for number, (_, message) in enumerate(take.machine) if number > 20 and strikes(message))
    torn = Take(machine=take.machine[: last + 1], player=take.player[:1])
    export(torn, tmp_path / "torn.mid")
    down: set[tuple[int, int]] = set()
    for track in mido.MidiFile(tmp_path / "torn.mid").tracks:
        for message in track:
            raw = bytes(message.bytes()) if not message.is_meta else b""
            if strikes(raw) or releases(raw):
                key = raw[0] & 0xF, raw[1]
                down = down | {key} if strikes(raw) else down - {key}
    assert not down


def test_the_picture_has_every_note_of_both_and_what_was_turned(take: Take, tmp_path: Path) -> None:
    export(take, tmp_path / "take.svg")
    root = ET.parse(tmp_path / "take.svg").getroot()
    boxes = [each.get("fill") for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("height") == "3.5"]
    assert boxes.count("#c8401a") == sum(strikes(message) for _, message in take.machine)
    assert boxes.count("#2060c0") == sum(strikes(message) for _, message in take.player)
    words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "temperature" in words and "moment" in words


def test_a_sound_and_the_file_that_it_is_made_of(take: Take, tmp_path: Path) -> None:
    export(Take(machine=take.machine[:8]), tmp_path / "take.wav")
    assert (tmp_path / "take.wav").stat().st_size > 100_000
    assert (tmp_path / "take.mid").exists()
    with pytest.raises(CannotWrite, match="there already"):
        export(take, tmp_path / "take.wav")


def test_an_empty_take_is_exported_too(tmp_path: Path) -> None:
    for name in ("empty.mid", "empty.svg"):
        export(Take(), tmp_path / name)
        assert (tmp_path / name).stat().st_size > 50


def test_other_kinds_of_files_are_refused_and_none_is_written_over(take: Take, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match=r"\.mid, \.wav or \.svg"):
        export(take, tmp_path / "take.mp3")
    (tmp_path / "there.mid").write_bytes(b"mine")
    with pytest.raises(CannotWrite):
        export(take, tmp_path / "there.mid")
    assert (tmp_path / "there.mid").read_bytes() == b"mine"
