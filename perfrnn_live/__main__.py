"""`python -m perfrnn_live`: the same as `perfrnn-live`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.path[:1] == [str(Path.cwd())] and not sys.flags.safe_path:
        # `-m` searches the current folder first, where somebody's `queue.py` may lie. Processes that this one starts
        # search its path, so the package stays on it.
        sys.path[:] = [*sys.path[1:], str(Path(__file__).resolve().parents[1])]

    from perfrnn_live.cli import main

    main()
