"""Torch on one thread."""

from __future__ import annotations

import pytest

from tests import train_extra

one_thread = pytest.fixture(scope="package", autouse=True)(train_extra.one_thread)
