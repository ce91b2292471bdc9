"""Which frame Gaussians are in when they are written, and what to say if it is not the world's."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidRequest
from ..types import Finding, Frame, GaussianCloud, Severity

__all__ = ["check_world", "frame_findings"]


def check_world(cloud: GaussianCloud) -> None:
    """Refuse a cloud that no stage may be built of.

    Raises:
        InvalidRequest: it is not in the WORLD frame.
    """
    if cloud.frame is not Frame.WORLD:
        raise InvalidRequest(
            f"Gaussians must be in the WORLD frame (Z up, metres) to be placed in a stage, got {cloud.frame.value!r}; "
            "align and scale them first."
        )


def frame_findings(cloud: GaussianCloud, path: Path) -> tuple[Finding, ...]:
    """Return a warning if the file at `path` says more about axes and units than is known."""
    if cloud.frame is Frame.WORLD:
        return ()
    message = (
        "The Gaussians keep their source's axes and units, which the file states as Z up and metres; "
        "align and scale them before you build on it."
    )
    return (Finding("author.frame", Severity.WARNING, message, where=path.name),)
