"""The player: what is due goes out in time, what comes in is heard, and whatever happens falls silent."""
