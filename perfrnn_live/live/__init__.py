"""Playing together, decided: hearing, plan, memory, turns, knobs."""
