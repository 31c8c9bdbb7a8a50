"""The models that the engines' tests use."""

from __future__ import annotations

from tests.engines.conftest import one_thread, shipped, tiny_fp32, tiny_model

__all__ = ["one_thread", "shipped", "tiny_fp32", "tiny_model"]
