"""What is known of a job before it starts: what it will take, and of what kind its scene will be."""

from __future__ import annotations

from dataclasses import dataclass

from .report import Finding

__all__ = ["Estimate", "Foresight"]


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


@dataclass(frozen=True)
class Foresight:
    """What a generator knows of its scene from the request alone, so that what cannot be is refused at once.

    None: not known before it is made.

    Attributes:
        exact: surfaces and their size are known exactly, so there is nothing to measure.
        cameras: something says from where the scene was seen.
        labels: Gaussians are labelled by the class of what they show.
    """

    exact: bool | None = None
    cameras: bool | None = None
    labels: bool | None = None
