"""`python -m tests.bench.again`: every figure in `models` once more, by the commands that made them.

Each file of figures names its command (`command`, and `commands` for what was taken over from an earlier run). They are
listed, or with `--run` run one after the other from here, which takes hours: models of `models/others` must have been
trained into `out` as `models/README.md` says, and runs that the table has already are not made again. `git diff` then
shows what has changed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def commands() -> Iterator[str]:
    """Those of all files of figures, each once, in the order of the files."""
    known: set[str] = set()
    for path in sorted(_ROOT.glob("models/**/*.json")):
        figures = json.loads(path.read_text(encoding="utf-8"))
        for command in (*figures.get("commands", {}).values(), figures.get("command")):
            if command and command not in known:
                known.add(command)
                yield command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true")
    given = parser.parse_args()
    for command in commands():
        print(command, flush=True)
        if given.run:
            words = shlex.split(command)
            program = {"perfrnn-live": [sys.executable, "-m", "perfrnn_live"], "python3": [sys.executable]}[words[0]]
            subprocess.run([*program, *words[1:]], cwd=_ROOT, check=True)


if __name__ == "__main__":
    main()
