"""Fixtures of the checks."""

from __future__ import annotations

import pytest

from lyra_backend.types import Outcome
from lyra_backend.validate import physics


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check everything but what bodies do: the engine takes seconds."""
    monkeypatch.setattr(physics, "_simulate", lambda *_: Outcome(None))
