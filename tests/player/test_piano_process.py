"""The piano's process by itself, on devices that do what real ones do at the worst moment."""

from __future__ import annotations

import subprocess
import sys

_ON_A_DEVICE_THAT_DOES_NOT_CLOSE = """
import sys, time
from perfrnn_live.player import piano_process

class Stuck:
    system, rate = "stuck", 48_000
    def __init__(self, asked): pass
    def start(self, fill): pass
    def close(self): time.sleep(60)

piano_process.Device = Stuck
sys.argv[1:] = ["any"]
piano_process.main()
"""


def test_it_ends_though_its_device_does_not_close() -> None:
    """Who would have killed it may have been killed before."""
    command = [sys.executable, "-c", _ON_A_DEVICE_THAT_DOES_NOT_CLOSE]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "sounds stuck, 48000 Hz\n")
