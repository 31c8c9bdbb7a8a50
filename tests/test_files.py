"""No file is written over, and what cannot be written to is found at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfrnn_live.errors import CannotWrite
from perfrnn_live.files import check_writable, unused


def test_a_free_name_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "take.mid", tmp_path / "nowhere" / "take.mid", tmp_path, Path()):
        assert unused(path) == path
    assert capsys.readouterr() == ("", "")


def test_a_file_makes_way_for_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take, *more = (tmp_path / name for name in ("take.mid", "take-2.mid", "take-3.mid", "take-4.mid"))
    for path in more:
        take.touch()
        assert unused(take) == path
        assert capsys.readouterr() == ("", f"{take} is kept as it is; the new file is {path}\n")
        path.touch()
    assert unused(tmp_path / "take-2.mid") == tmp_path / "take-2-2.mid"
    (tmp_path / "op. 25").touch()
    assert unused(tmp_path / "op. 25") == tmp_path / "op-2. 25"


def test_nor_does_a_link_to_nowhere_or_a_name_just_given(tmp_path: Path) -> None:
    link, one, two = tmp_path / "link.mid", tmp_path / "one.mid", tmp_path / "one-2.mid"
    link.symlink_to(tmp_path / "nowhere")
    assert unused(link) == tmp_path / "link-2.mid"
    assert unused(one, besides=[None, one]) == two
    assert unused(one, besides=[one, two]) == tmp_path / "one-3.mid"


def test_a_device_may_be_written_to() -> None:
    assert unused(Path("/dev/null")) == Path("/dev/null")


def test_checking_leaves_things_as_they_are(tmp_path: Path) -> None:
    kept, new = tmp_path / "kept.mid", tmp_path / "new.mid"
    kept.write_bytes(b"precious")
    check_writable(kept)
    check_writable(new)
    assert kept.read_bytes() == b"precious"
    assert not new.exists()
    with pytest.raises(CannotWrite, match="nowhere"):
        check_writable(tmp_path / "nowhere" / "x.mid")
    with pytest.raises(CannotWrite):
        check_writable(tmp_path)
