"""Playing in time: clock, ports, the player process, the improviser, the session."""
