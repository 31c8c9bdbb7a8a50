"""Music into a file, faster than time. `python examples/generate.py OUT.mid`"""

import sys
from pathlib import Path

import numpy as np

from perfrnn_live import Controls, Handles, begin, decode, find_model, generate, write_notes


def main(out: Path, model: str = "maestro", seconds: float = 20.0) -> None:
    continuation, start = begin(find_model(model))  # how events follow one another, and where a piece begins
    controls = Controls(top_p=0.9, handles=Handles(density=8.0))  # eight notes a second
    (tokens,) = generate(continuation, start, seconds, controls, np.random.default_rng(1))
    notes = decode(tokens, continuation.vocabulary)
    write_notes(out, notes)
    print(f"{out}: {len(notes)} notes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
