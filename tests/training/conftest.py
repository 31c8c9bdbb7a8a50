"""Torch on one thread."""

from __future__ import annotations

import pytest

from tests import networks

one_thread = pytest.fixture(scope="package", autouse=True)(networks.one_thread)
