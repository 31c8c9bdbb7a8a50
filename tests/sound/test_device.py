from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.errors import MissingPackage, NoSound
from perfrnn_live.sound.device import Device


def test_a_device_asks_for_frames_until_it_is_closed() -> None:
    asked: list[int] = []

    def fill(frames: int) -> NDArray[np.float32]:
        asked.append(frames)
        return np.zeros((frames, 2), np.float32)

    device = Device("null")
    device.start(fill)
    time.sleep(0.5)
    device.close()
    there = len(asked)
    time.sleep(0.1)
    assert len(asked) == there
    assert device.system == "Null" and 0.2 < sum(asked) / device.rate < 1.5


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(NoSound, match="'no such thing'"):
        Device("no such thing")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    with pytest.raises(MissingPackage, match="pip install miniaudio"):
        Device()
