"""`python -m tests.fuzz [PARSER...] --runs 100000`: whatever is read from a file or comes from another program, with
bytes that nobody meant (Linux).

Atheris (libFuzzer) changes good files again and again, keeps what reaches new code, and goes on from there. Each input
must be taken, or refused with one of our own errors: any other exception, more than 2 s or more than 500 MB ends the
run with a status other than 0, and the input is left in the current folder. Without PARSER all take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.parsers import PARSERS

_BATCH = 10_000  # inputs to a process, for Atheris itself keeps something of each


def main() -> None:
    argument_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    argument_parser.add_argument("parsers", nargs="*", metavar="PARSER", help="; ".join(PARSERS))
    argument_parser.add_argument("--runs", type=int, default=100_000, help="of each parser")
    argument_parser.add_argument("--seed", type=int, default=1)
    options = argument_parser.parse_args()
    for name in options.parsers or PARSERS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            for done in range(0, options.runs, _BATCH):
                words = [name, str(min(_BATCH, options.runs - done)), str(options.seed + done), scratch]
                command = [sys.executable, "-m", "tests.fuzz.worker", *words]
                ended = subprocess.run(command, capture_output=True, text=True, check=False)
                if ended.returncode != 0:
                    sys.exit(f"{name}: {ended.stderr}")
            kept = len(list((Path(scratch) / "corpus").iterdir()))
        took_s = time.monotonic() - began
        print(f"{name}: {options.runs} inputs in {took_s:.0f} s, {kept} kept for new code", flush=True)


if __name__ == "__main__":
    main()
