"""How likely real music is to a model, and how like real music its own is."""
