"""OSC in and out: by another package's packets, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Mode, Pad, Settings
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.stage.desk import Put
from perfrnn_live.stage.osc import OscIn, OscOut, OscWish, address_of, told, wish_of
from tests.stage.test_real import ended, playing
from tests.stage.test_screen import STATUS


@pytest.mark.parametrize(
    ("address", "arguments", "wish"),
    [
        ("/perfrnn/temperature", [1.5], Put("temperature", 1.5)),
        ("/perfrnn/density", [8], Put("density", 8.0)),
        ("/perfrnn/density", ["free"], Put("density", None)),
        ("/perfrnn/density", [None], Put("density", None)),
        ("/perfrnn/polyphony", [4.0], Put("polyphony", 4)),
        ("/perfrnn/mode", ["Trade"], Put("mode", Mode.TRADE)),
        ("/perfrnn/scale", ["f# minor"], Put("scale", "F# minor")),
        ("/perfrnn/composer", ["bach"], Put("composer", "bach")),
        ("/perfrnn/panic", [], Action.PANIC),
        ("/perfrnn/panic", [1], Action.PANIC),
        ("/perfrnn/panic", [True], Action.PANIC),
        ("/perfrnn/panic", [0.0], None),
        ("/perfrnn/panic", [False], None),
        ("/perfrnn/recall/3", [], Pad(3, store=False)),
        ("/perfrnn/store/8", [1.0], Pad(8, store=True)),
        ("/perfrnn/phrase_over", [], Action.PHRASE_OVER),
    ],
)
def test_what_is_asked_for(address: str, arguments: list[Any], wish: OscWish | None) -> None:
    assert wish_of(address, arguments) == wish


@pytest.mark.parametrize(
    ("address", "arguments", "says"),
    [
        ("/perfrnn/temperature", ["hot"], "temperature must be from 0.5 to 2"),
        ("/perfrnn/temperature", [True], "temperature must be"),
        ("/perfrnn/temperature", [float("nan")], "temperature must be"),
        ("/perfrnn/temperature", [7.0], "temperature must be from 0.5 to 2, not 7.0"),
        ("/perfrnn/temperature", [], "wants one value, not 0"),
        ("/perfrnn/temperature", [1.0, 2.0], "wants one value, not 2"),
        ("/perfrnn/temperature", [b"blob"], "temperature must be"),
        ("/perfrnn/temperature", ["free"], "temperature must be"),
        ("/perfrnn/mode", ["jazz"], "mode must be one of solo, trade, duet"),
        ("/perfrnn/mode", [[1]], "mode must be"),
        ("/perfrnn/polyphony", [True], "polyphony must be"),
        ("/perfrnn/colour", [1.0], "there is nothing called '/perfrnn/colour'"),
        ("/temperature", [1.0], "there is nothing called '/temperature'"),
        ("", [], "there is nothing called ''"),
    ],
)
def test_what_cannot_be_understood_is_a_sentence(address: str, arguments: list[Any], says: str) -> None:
    with pytest.raises(BadValue, match=says):
        wish_of(address, arguments)


def test_every_knob_and_action_has_an_address_and_what_is_told_can_be_asked_for() -> None:
    for name, knob in KNOBS.items():
        for position in (0, 1, 64, 127):
            status = replace(STATUS, settings=Settings().turned(name, knob.value_at(position)))
            wish = wish_of(f"/perfrnn/{name}", [told(knob, status)])
            assert isinstance(wish, Put) and wish.value == getattr(status.settings, name)
    for name, action in ACTIONS.items():
        assert wish_of(f"/perfrnn/{name}", []) == action


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9000", ("127.0.0.1", 9000)),
        ("10.0.0.5:8000", ("10.0.0.5", 8000)),
        ("studio.local:1", ("studio.local", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "0", "65536", "port", ":9000", "host:", "host:x", "٣"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadValue, match="an OSC address is"):
        address_of(text)


class Heard:
    """Where wishes and sentences arrive."""

    def __init__(self) -> None:
        self.wishes: list[tuple[float, OscWish]] = []
        self.said: list[str] = []
        self.osc = OscIn(("127.0.0.1", 0), self._wish, self.said.append)
        self.client = SimpleUDPClient(*self.osc.address[:2])

    def close(self) -> None:
        self.osc.close()
        self.client._sock.close()

    def _wish(self, wish: OscWish) -> None:
        self.wishes.append((time.time(), wish))


@pytest.fixture
def heard() -> Iterator[Heard]:
    there = Heard()
    yield there
    there.close()


def until(condition: Callable[[], object], limit_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_messages_arrive_and_what_is_wrong_is_said_once(heard: Heard) -> None:
    for _ in range(3):
        heard.client.send_message("/perfrnn/temperature", "hot")
        heard.client.send_message("/perfrnn/nothing", 1)
    heard.client.send_message("/perfrnn/temperature", 1.2)
    heard.client.send_message("/perfrnn/panic", [])
    until(lambda: len(heard.wishes) == 2)
    (_, turn), (_, action) = heard.wishes
    assert isinstance(turn, Put) and turn.value == pytest.approx(1.2) and action is Action.PANIC
    assert len(heard.said) == 2 and all(sentence.startswith("OSC: ") for sentence in heard.said)


def bundle(at_s: float, *messages: tuple[str, float]) -> bytes:
    builder = OscBundleBuilder(at_s)  # type: ignore[arg-type]
    for address, value in messages:
        message = OscMessageBuilder(address)
        message.add_arg(value)
        builder.add_content(message.build())
    return builder.build().dgram


def test_a_bundles_time_tag_is_honoured(heard: Heard) -> None:
    begun_s = time.time()
    later = bundle(begun_s + 0.5, ("/perfrnn/recall", 0.9))
    heard.osc.hear(later)
    heard.osc.hear(bundle(IMMEDIATELY, ("/perfrnn/recall", 0.1), ("/perfrnn/blend", 0.2)))
    until(lambda: len(heard.wishes) == 3)
    (at_once_s, first), (_, second), (later_s, third) = heard.wishes
    values = [wish.value for wish in (first, second, third) if isinstance(wish, Put)]
    assert values == pytest.approx([0.1, 0.2, 0.9])
    assert at_once_s - begun_s < 0.4 and 0.45 < later_s - begun_s < 1.5


def test_a_time_tag_of_next_year_is_left_out(heard: Heard) -> None:
    heard.osc.hear(bundle(time.time() + 3e7, ("/perfrnn/recall", 0.9)))
    assert heard.said == ["OSC: a bundle is for later than in a minute, or too many wait: left out"]


def test_a_flood_for_later_does_not_pile_up(heard: Heard) -> None:
    packet = bundle(time.time() + 30, *[("/perfrnn/recall", 0.5)] * 50)
    for _ in range(100):
        heard.osc.hear(packet)
    assert len(heard.osc._waiting) <= 1000 and len(heard.said) == 1


@given(st.binary(max_size=200) | st.builds(lambda rest: b"/perfrnn/recall\0" + rest, st.binary(max_size=40)))
def test_any_bytes_at_all_are_survived(packet: bytes) -> None:
    wishes: list[OscWish] = []
    osc = OscIn.__new__(OscIn)
    osc._wish, osc._told, osc._waiting = wishes.append, set(), []
    osc._count, osc._tell = iter(range(10**9)), lambda sentence: None  # type: ignore[assignment]
    osc.hear(packet)
    osc.hear(b"#bundle\0" + packet)


def test_deeply_nested_bundles_are_no_way_to_end_it(heard: Heard) -> None:
    packet = b"#bundle\0" + bytes(8)
    for _ in range(2000):
        packet = b"#bundle\0" + bytes(8) + len(packet).to_bytes(4) + packet
        if len(packet) > 60_000:
            break
    heard.osc.hear(packet)
    heard.client.send_message("/perfrnn/panic", [])
    until(lambda: heard.wishes)


@pytest.mark.parametrize("size", [-1, -20, 0, 21, 1 << 30])
def test_a_bundle_with_sizes_that_do_not_fit_is_no_way_to_hold_it_up(heard: Heard, size: int) -> None:
    message = OscMessageBuilder("/perfrnn/panic").build().dgram
    broken = b"#bundle\0" + bytes(7) + b"\1" + size.to_bytes(4, signed=True) + message
    heard.client._sock.sendto(broken, heard.osc.address)
    until(lambda: heard.said == ["OSC: a packet came in that is no OSC"])
    heard.client.send_message("/perfrnn/panic", [])
    until(lambda: heard.wishes)


def test_nothing_is_written_over_the_screen(heard: Heard, capfd: pytest.CaptureFixture[str]) -> None:
    nothing_known = b"#bundle\0" + bytes(7) + b"\1" + (4).to_bytes(4) + b"what"
    unknown_type = b"/perfrnn/temperature\0\0\0\0,z\0\0"
    for packet in (nothing_known, unknown_type):
        heard.client._sock.sendto(packet, heard.osc.address)
    heard.client.send_message("/perfrnn/panic", [])
    until(lambda: heard.wishes)
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_a_sentence(heard: Heard) -> None:
    with pytest.raises(BadValue, match="cannot listen for OSC on 127"):
        OscIn(heard.osc.address[:2], heard.wishes.append, heard.said.append)  # type: ignore[arg-type]


def test_it_listens_on_this_machine_alone_unless_told_otherwise(heard: Heard) -> None:
    assert heard.osc.address[0] == address_of("9000")[0] == "127.0.0.1"


def test_other_programs_are_told_what_has_changed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(2)
        out = OscOut(ear.getsockname())

        def received(count: int) -> dict[str, Any]:
            messages = [OscMessage(ear.recv(4096)) for _ in range(count)]
            return {message.address: message.params[0] for message in messages}

        out.show(STATUS)
        first = received(len(KNOBS) + 3)
        assert first["/perfrnn/state"] == "playing" and first["/perfrnn/mode"] == "duet"
        assert first["/perfrnn/density"] == "free" and first["/perfrnn/polyphony"] == 32.0
        out.show(STATUS)
        out.show(replace(STATUS, settings=STATUS.settings.turned("recall", 0.5)))
        assert received(1) == {"/perfrnn/recall": 0.5}
        out.close()


def test_nobody_need_listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        address = ear.getsockname()
    out = OscOut(address)
    for number in range(20):
        out.show(replace(STATUS, said=str(number)))
    out.close()


def test_threads_end() -> None:
    before = threading.active_count()
    Heard().close()
    assert threading.active_count() == before


def test_a_real_session_is_steered_and_tells(tmp_path: Path) -> None:
    """The real command: a density asked for by OSC is heard in what it plays, and `quit` ends it."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
    ):
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(20)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        options = ("--osc", str(port), "--osc-to", str(ear.getsockname()[1]), "--record", str(tmp_path / "take.mid"))
        with playing("--output", "none", "--seed", "1", "--density", "2", *options) as session:

            def wait_for(address: str, value: object) -> None:
                message = OscMessage(ear.recv(4096))
                while (message.address, message.params[0]) != (address, value):
                    message = OscMessage(ear.recv(4096))

            wait_for("/perfrnn/density", 2.0)
            client = SimpleUDPClient("127.0.0.1", port)
            time.sleep(3)
            client.send_message("/perfrnn/density", 20.0)
            wait_for("/perfrnn/density", 20.0)
            turned_s = time.monotonic()
            time.sleep(4)
            client.send_message("/perfrnn/quit", [])
            client._sock.close()
            status, _, err = ended(session)
            assert (status, err) == (0, "")
    notes = read_notes(tmp_path / "take.mid")
    assert time.monotonic() - turned_s < 15
    from_end_s = [note.onset_s - notes[-1].onset_s for note in notes]
    before = sum(-7 <= at_s < -4 for at_s in from_end_s)
    assert sum(at_s >= -3 for at_s in from_end_s) > 2 * before
