"""What all tests share: a Hypothesis profile without deadlines, and the real corpus where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def maestro() -> Path:
    """The MAESTRO folder: $PERFRNN_MAESTRO, or beside the repository."""
    folder = Path(os.environ.get("PERFRNN_MAESTRO") or REPOSITORY.parent / "shared" / "maestro-v3.0.0")
    if not (folder / "maestro-v3.0.0.csv").exists():
        pytest.skip(f"no MAESTRO corpus at {folder} (set PERFRNN_MAESTRO)")
    return folder
