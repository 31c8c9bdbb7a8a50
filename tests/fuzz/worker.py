"""`python -m tests.fuzz.worker PARSER RUNS SEED FOLDER`: one batch of inputs, in a process that ends with it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["perfrnn_live", "pythonosc", "tomllib"]):
    from perfrnn_live.errors import PerfRNNError
    from tests.fuzz.parsers import PARSERS

_TIMEOUT_S, _MOST_MB = 2, 500


def fuzz(name: str, runs: int, seed: int, folder: Path) -> None:
    """Try so many inputs, with those in the folder's `corpus` to begin with. Never returns: ends the process."""
    parser, corpus = PARSERS[name], folder / "corpus"
    if not corpus.exists():
        corpus.mkdir()
        for number, content in enumerate(parser.seeds(folder)):
            (corpus / f"{number}").write_bytes(content)

    def take(data: bytes) -> None:
        with contextlib.suppress(PerfRNNError):
            parser.take(data, folder)

    limits = [f"-timeout={_TIMEOUT_S}", f"-rss_limit_mb={_MOST_MB}", f"-max_len={parser.longest}"]
    asked = [f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={name.replace(' ', '-')}-"]
    atheris.Setup([sys.argv[0], *asked, *limits, str(corpus)], take)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
