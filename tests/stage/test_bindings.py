"""What does what: the defaults, and the file of what was learned."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS
from perfrnn_live.music.midi import control_of
from perfrnn_live.stage.bindings import DEFAULTS, Bindings, may_bind

CONTROLS = [f"CC {number}" for number in range(128)] + [f"note {number}" for number in range(128)]
NAMES = [*KNOBS, *ACTIONS]
lessons = st.lists(
    st.tuples(st.sampled_from(CONTROLS), st.sampled_from(NAMES)).filter(lambda lesson: may_bind(*lesson)), max_size=30
)


def named(bindings: Bindings) -> dict[str, str]:
    return {control: name for control in CONTROLS if (name := bindings.name_for(control)) is not None}


@pytest.mark.parametrize(
    ("message", "control"),
    [
        ("b04a40", "CC 74"),
        ("bf4a40", "CC 74"),
        ("902401", "note 36"),
        ("99247f", "note 36"),
        ("902400", "note 36"),
        ("802440", "note 36"),
        ("a02440", None),
        ("e00040", None),
        ("c024", None),
        ("f8", None),
        ("", None),
        ("f07e7f0901f7", None),
        ("b04a80", None),
        ("b0ff00", None),
    ],
)
def test_controllers_and_keys_of_any_channel_are_controls(message: str, control: str | None) -> None:
    assert control_of(bytes.fromhex(message)) == control


def test_defaults_do_not_meet_and_leave_pedals_and_orders_alone(tmp_path: Path) -> None:
    assert len(set(DEFAULTS.values())) == len(DEFAULTS)
    assert not set(DEFAULTS.values()) & {"CC 64", "CC 66", "CC 67", *(f"CC {number}" for number in range(120, 128))}
    assert all(may_bind(control, name) for name, control in DEFAULTS.items())
    assert named(Bindings(tmp_path / "none.toml")) == {control: name for name, control in DEFAULTS.items()}
    assert DEFAULTS["temperature"] == "CC 1"
    knobs = ("top_p", "density", "loudness", "register", "polyphony", "scale", "answer_length", "morph", "mode")
    for controller, name in enumerate((*knobs, "composer", "towards", "blend"), 20):
        assert DEFAULTS[name] == f"CC {controller}"
    assert DEFAULTS["recall_1"] == "CC 110"
    assert DEFAULTS["recall_8"] == "CC 117"


@pytest.mark.parametrize(
    ("control", "name", "may"),
    [
        ("CC 74", "density", True),
        ("CC 74", "blend", True),
        ("CC 74", "freeze", True),
        ("note 36", "store_8", True),
        ("note 36", "density", False),  # a key has no position
        ("note 36", "composer", False),
        ("CC 64", "again", False),
        ("CC 67", "again", True),
        ("CC 123", "again", False),
        ("CC 74", "quit", False),
        ("CC 74", "volume", False),
    ],
)
def test_what_may_be_bound(control: str, name: str, may: bool) -> None:
    assert may_bind(control, name) is may


def test_what_is_learned_takes_the_place_of_both_defaults(tmp_path: Path) -> None:
    bindings = Bindings(tmp_path / "learned.toml")
    bindings.learn(DEFAULTS["density"], "temperature")
    assert bindings.name_for("CC 21") == "temperature"
    assert bindings.name_for("CC 1") is None
    assert "density" not in named(bindings).values()
    bindings.learn("CC 74", "temperature")  # and gives it back
    assert bindings.name_for("CC 21") == "density"


@given(lessons)
def test_all_that_is_learned_is_kept_one_to_one(
    tmp_path_factory: pytest.TempPathFactory, taught: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("config") / "not" / "there" / "learned.toml"
    bindings = Bindings(path)
    for control, name in taught:
        bindings.learn(control, name)
        assert bindings.name_for(control) == name
        assert len(set(named(bindings).values())) == len(named(bindings))
    assert bindings.wait() is None
    assert named(Bindings(path)) == named(bindings)
    assert [file.name for file in path.parent.glob("*")] == (["learned.toml"] if taught else [])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("temperature = ", "not TOML"),
        ("\ud800", "not TOML"),
        ('volume = "CC 7"', "no 'volume'"),
        ('quit = "CC 7"', "no 'quit'"),
        ("temperature = 7", "temperature cannot be on 7"),
        ("temperature = ['CC 7']", "temperature cannot be on"),
        ('temperature = "CC 64"', "temperature cannot be on 'CC 64'"),
        ('temperature = "note 7"', "temperature cannot be on 'note 7'"),
        ('freeze = "note 128"', "freeze cannot be on 'note 128'"),
        ('freeze = "cc 7"', "freeze cannot be on 'cc 7'"),
        ('freeze = "CC 7"\nagain = "CC 7"', "cannot do two things"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "learned.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(BadValue, match=wrong) as refused:
        Bindings(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="cannot be read") as refused:
        Bindings(tmp_path)
    assert str(tmp_path) in str(refused.value)


def test_what_cannot_be_written_is_learned_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "config" / "learned.toml"
    bindings = Bindings(path)
    (tmp_path / "config").touch()  # a file where the folder should be
    bindings.learn("CC 74", "density")
    forgotten = bindings.wait()
    assert forgotten is not None and forgotten.startswith(f"what was learned is forgotten: cannot write {path}: ")
    assert bindings.name_for("CC 74") == "density"


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learned.toml"
    bindings = Bindings(path)
    bindings.learn("CC 74", "density")
    assert bindings.wait() is None
    before = path.read_bytes()

    def fill_up(file: Path, text: str, encoding: str) -> None:
        file.write_bytes(text.encode(encoding)[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_up)
    bindings.learn("CC 75", "density")
    assert "No space left" in (bindings.wait() or "")
    assert path.read_bytes() == before
    monkeypatch.undo()
    bindings.learn("CC 76", "density")
    assert bindings.wait() is None  # all is kept now
    assert Bindings(path).name_for("CC 76") == "density"


def test_a_disk_that_stands_still_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learned.toml"
    bindings = Bindings(path)
    goes_on = threading.Event()
    write = Path.write_text

    def stand_still(file: Path, text: str, encoding: str) -> int:
        goes_on.wait()
        return write(file, text, encoding)

    monkeypatch.setattr(Path, "write_text", stand_still)
    monkeypatch.setattr("perfrnn_live.stage.bindings._PATIENCE_S", 0.01)
    for control in ("CC 74", "CC 75", "CC 76"):
        bindings.learn(control, "density")
        assert bindings.name_for(control) == "density"
    assert bindings.wait() == f"what was learned is forgotten: {path} could not be written in time"
    goes_on.set()
    monkeypatch.setattr("perfrnn_live.stage.bindings._PATIENCE_S", 5.0)
    assert bindings.wait() is None
    assert Bindings(path).name_for("CC 76") == "density"
