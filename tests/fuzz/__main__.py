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
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["perfrnn_live", "pythonosc", "tomllib"]):
    from perfrnn_live.errors import PerfRNNError
    from tests.fuzz.parsers import PARSERS

_TIMEOUT_S, _MOST_MB = 2, 500


def fuzz(name: str, runs: int, seed: int) -> None:
    """Never returns: ends the process."""
    parser = PARSERS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        folder, corpus = Path(scratch), Path(scratch) / "corpus"
        corpus.mkdir()
        for number, content in enumerate(parser.seeds(folder)):
            (corpus / f"{number}").write_bytes(content)

        def take(data: bytes) -> None:
            with contextlib.suppress(PerfRNNError):
                parser.take(data, folder)

        limits = [f"-timeout={_TIMEOUT_S}", f"-rss_limit_mb={_MOST_MB}", f"-max_len={parser.longest}"]
        asked = [
            f"-runs={runs}",
            f"-seed={seed}",
            f"-artifact_prefix={name.replace(' ', '-')}-",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *asked, *limits, str(corpus)], take)
        atheris.Fuzz()


def main() -> None:
    argument_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    argument_parser.add_argument("parsers", nargs="*", metavar="PARSER", help="; ".join(PARSERS))
    argument_parser.add_argument("--runs", type=int, default=100_000)
    argument_parser.add_argument("--seed", type=int, default=1)
    options = argument_parser.parse_args()
    if len(options.parsers) == 1:
        fuzz(options.parsers[0], options.runs, options.seed)
    for name in options.parsers or PARSERS:
        words = [name, "--runs", str(options.runs), "--seed", str(options.seed)]
        subprocess.run([sys.executable, "-m", "tests.fuzz", *words], check=True)


if __name__ == "__main__":
    main()
