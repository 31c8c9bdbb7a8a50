"""The smallest engine: what followed each event in the .mid files of a folder. `python examples/markov.py FOLDER`"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import perfrnn_live as pl
from perfrnn_live import PERFORMANCE_8MS as EVENTS


class Markov(pl.StepEngine[int]):  # its state is the last event
    vocabulary, fingerprint = EVENTS, ""

    def __init__(self, folder: Path) -> None:
        counts = np.full((EVENTS.size + 2, EVENTS.size), 0.01, np.float32)  # two symbols come before any event
        for tokens in (pl.encode(pl.read_notes(file), EVENTS) for file in folder.glob("*.mid")):
            np.add.at(counts, ([EVENTS.start, *tokens[:-1]], tokens), 1)
        self.logits, self.fingerprint = np.log(counts), pl.fingerprint(counts.tobytes())

    def start(self, streams: int) -> list[int]:
        return [EVENTS.start] * streams

    def step(self, tokens: Any, states: Any, keyboards: Any) -> tuple[pl.Logits, list[int]]:
        return self.logits[list(tokens)], list(tokens)

    def arrays(self, state: int) -> pl.Arrays:
        return {"last": np.array(state)}

    def state_of(self, arrays: pl.Arrays) -> int:
        return int(arrays["last"])


if __name__ == "__main__":
    pl.ENGINES["markov"] = Markov
    pl.write_card(Path(sys.argv[1]), {"engine": "markov", "vocabulary": EVENTS.name, "network": {}})
    pl.play(pl.PlayOptions(Path(sys.argv[1])))
