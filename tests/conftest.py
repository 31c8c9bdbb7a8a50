"""What all tests share: a Hypothesis profile without deadlines, the real corpus where it lies, and skipping what needs
packages of the extra `train` where they are missing."""

from __future__ import annotations

import os
from collections.abc import Generator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import train_extra

settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parents[1]
_FOLDERS = count()


@pytest.fixture(autouse=True)
def own_files(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands keep for a player is kept apart from the player who runs the tests, and from other tests."""
    folder = tmp_path_factory.getbasetemp() / f"own-{next(_FOLDERS)}"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(folder / name))


@pytest.fixture(scope="session")
def maestro() -> Path:
    """The MAESTRO folder: $PERFRNN_MAESTRO, or beside the repository."""
    folder = Path(os.environ.get("PERFRNN_MAESTRO") or REPOSITORY.parent / "shared" / "maestro-v3.0.0")
    if not (folder / "maestro-v3.0.0.csv").exists():
        pytest.skip(f"no MAESTRO corpus at {folder} (set PERFRNN_MAESTRO)")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that imports a missing package of the extra `train` is skipped."""
    report = yield
    if report.failed and any(f"No module named '{name}'" in str(report.longrepr) for name in train_extra.MISSING):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {train_extra.REASON}")
    return report
