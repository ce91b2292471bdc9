"""Errors say what is wrong and what to do."""

from __future__ import annotations

from lyra_backend import errors
from lyra_backend.errors import (
    Cancelled,
    InvalidRequest,
    LyraError,
    MissingDependency,
    StageFailed,
    WriteFailed,
    nearest,
    shown,
)


def test_one_base_and_the_usual_types() -> None:
    assert all(
        issubclass(e, LyraError) for e in (InvalidRequest, MissingDependency, StageFailed, WriteFailed, Cancelled)
    )
    assert issubclass(InvalidRequest, ValueError)
    assert issubclass(MissingDependency, ImportError)
    assert all(hasattr(errors, name) for name in errors.__all__)


def test_missing_packages_come_with_the_command() -> None:
    assert str(MissingDependency("gsply", "reading a.spz")).endswith("pip install 'gsply'")
    assert "pip install 'lyra-backend[formats]'" in str(MissingDependency("gsply", "reading a.spz", "formats"))


def test_a_failed_stage_names_itself_and_its_cause() -> None:
    error = StageFailed("collide", ZeroDivisionError("by zero"))
    assert error.stage == "collide"
    assert str(error) == "collide: failed with ZeroDivisionError: by zero"


def test_near_words() -> None:
    assert nearest("recieve", ["receive", "send"]) == "known: receive, send. Did you mean 'receive'?"
    assert nearest("xyz", ["receive"]) == "known: receive."
    assert nearest("xyz", []) == "known: none."


def test_values_are_quoted_briefly() -> None:
    assert shown("a") == "'a'"
    assert shown("x" * 1000) == f"'{'x' * 59}..."
    assert shown([10**5000]) == "a value too large to show"
