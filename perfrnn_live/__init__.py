"""A piano partner: Performance RNN streamed in time onto a real MIDI port."""

__version__ = "0.1.0"
