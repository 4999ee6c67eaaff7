"""Fixtures of the unit tests."""

import pytest

from bot.services.gate import admission
from tests.kits.world import texts, world

__all__ = ["texts", "world"]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Wait long for answers of fakes, on a busy machine too; the test of the real patience says so."""
    if "real_patience" not in request.fixturenames:
        monkeypatch.setattr(admission, "PATIENCE_SECONDS", 30.0)


@pytest.fixture
def real_patience() -> float:
    """Keep the patience as it is."""
    return admission.PATIENCE_SECONDS
