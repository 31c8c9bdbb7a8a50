"""`python -m tests.fuzz [PARSER...] --runs 100000`: whatever is read from a file or comes from another program, with
bytes that nobody meant (Linux).

Atheris (libFuzzer) changes good files again and again, keeps what reaches new code, and goes on from there. Each input
must be taken, or refused with one of our own errors: any other exception, more than 2 s or more than 500 MB ends the
run with a status other than 0, and the input is left in the current folder. Without PARSER all take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["perfrnn_live", "pythonosc", "tomllib"]):
    from perfrnn_live.errors import PerfRNNError
    from tests.fuzz.parsers import PARSERS

_TIMEOUT_S, _MOST_MB = 2, 500
_BATCH = 10_000  # inputs to a process, for Atheris itself keeps something of each


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
    asked = [f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={name.replace(' ', '-')}-", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *asked, *limits, str(corpus)], take)
    atheris.Fuzz()


def main() -> None:
    argument_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    argument_parser.add_argument("parsers", nargs="*", metavar="PARSER", help="; ".join(PARSERS))
    argument_parser.add_argument("--runs", type=int, default=100_000, help="of each parser")
    argument_parser.add_argument("--seed", type=int, default=1)
    argument_parser.add_argument("--in", dest="folder", type=Path, help="one parser and one batch, in this process")
    options = argument_parser.parse_args()
    if options.folder is not None:
        fuzz(options.parsers[0], options.runs, options.seed, options.folder)
    for name in options.parsers or PARSERS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            for done in range(0, options.runs, _BATCH):
                batch = [name, "--runs", str(min(_BATCH, options.runs - done)), "--seed", str(options.seed + done)]
                command = [sys.executable, "-m", "tests.fuzz", *batch, "--in", scratch]
                ended = subprocess.run(command, capture_output=True, text=True, check=False)
                if ended.returncode != 0:
                    sys.exit(f"{name}: {ended.stderr}")
            kept = len(list((Path(scratch) / "corpus").iterdir()))
        took_s = time.monotonic() - began
        print(f"{name}: {options.runs} inputs in {took_s:.0f} s, {kept} kept for new code", flush=True)


if __name__ == "__main__":
    main()
