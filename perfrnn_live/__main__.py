"""`python -m perfrnn_live`."""

from perfrnn_live.cli import main

if __name__ == "__main__":
    main()
