"""The built-in piano: from MIDI messages to sound. Knows nothing of ports, sessions or models."""
