"""How networks are run in tests, and a model with random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from make_tiny_lyra import make_tiny_lyra

from ..models.conftest import one_thread

__all__ = ["one_thread"]


@pytest.fixture(scope="session")
def random_model(tmp_path_factory) -> Path:
    """A whole model of 17 frames of 64 x 96 pixels whose videos are noise."""
    folder = tmp_path_factory.mktemp("models") / "random"
    make_tiny_lyra(folder)
    return folder
