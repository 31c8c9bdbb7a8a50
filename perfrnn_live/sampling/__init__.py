"""From what an engine expects to the next event."""
