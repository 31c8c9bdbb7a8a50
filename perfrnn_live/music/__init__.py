"""Pure music: events, notes, tokens, the pedal. The standard library and numpy only."""
