"""What of the extra `train` is missing here. Tests that need it skip, visibly, so that the others run on a small
install."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

PACKAGES = ("torch", "safetensors", "onnx")
MISSING = tuple(name for name in PACKAGES if find_spec(name) is None)
REASON = f"needs {', '.join(MISSING)}: the extra `train` is not installed"


def one_thread() -> Iterator[None]:
    """See `networks.one_thread`; nothing without torch."""
    if MISSING:
        yield
    else:
        from tests import networks

        yield from networks.one_thread()
