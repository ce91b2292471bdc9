"""What a job will take, said before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from .report import Finding

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate:
    """A part of a job.

    Attributes:
        part: what is done.
        seconds: how long it will take [s]; None if nothing is known.
        device_bytes: memory of the GPU (or, without one, of the machine) at its peak [bytes]; None if small.
        note: what else to know.
        times_of: what the time is of, such as "a data-centre GPU"; "" if that is not known.
        findings: what the user should know before it starts.
    """

    part: str
    seconds: float | None = None
    device_bytes: float | None = None
    note: str = ""
    times_of: str = ""
    findings: tuple[Finding, ...] = ()
