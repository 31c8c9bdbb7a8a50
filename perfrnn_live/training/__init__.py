"""Recordings → tokens → batches → weights. Needs the extra `train`."""
