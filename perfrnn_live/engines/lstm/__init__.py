"""Performance RNN: the network, its weights, its export."""
