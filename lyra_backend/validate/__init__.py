"""Check a written scene: Gaussians, USD, physics. Everything found is a Finding with its measured value and limit.

Does: run the checks in this order and merge what they say. Does not: repair anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..progress import Progress
from ..types import Finding, GaussianCloud, Navigation, Outcome, Severity
from .limits import Params

__all__ = ["Params", "check_needs", "robots_tried", "run"]

#: Findings after which simulating makes no sense, or could bring the engine down.
_NOT_TO_BE_SIMULATED = frozenset(
    {
        "usd.unreadable",
        "usd.up_axis",
        "usd.meters_per_unit",
        "usd.missing_file",
        "usd.composition",
        "usd.CompositionError",
        "collider.empty",
        "collider.not_finite",
        "collider.topology",
        "collider.indices",
    }
)


def check_needs(params: Any) -> None:
    """Refuse, before any work, checks that cannot be made here.

    Raises:
        MissingDependency: robots are asked for, and packages are missing.
        InvalidRequest: robots are asked for, and their models were not fetched.
    """
    if params.accept == "robots":
        from .robots import require_robots

        require_robots()


def robots_tried(params: Any) -> tuple[str, ...]:
    """Return the robots that scenes are tried with, for which `navigation` of :func:`run` must know ways and places."""
    if params.accept != "robots":
        return ()
    from .robots import ROBOTS

    return ROBOTS


def run(
    directory: Path,
    cloud: GaussianCloud | None,
    params: Any,
    progress: Progress,
    navigation: Navigation | None = None,
) -> Outcome[None]:
    """Check the scene in `directory`.

    Args:
        directory: a run directory, or a single USD file.
        cloud: its Gaussians; None reads them from the USD file.
        params: limits, see ``limits.toml``.
        progress: reported throughout.
        navigation: where robots can be in it; what robots are tried with, if ``validate.accept`` is "robots".

    Raises:
        InvalidRequest: `directory` is neither a directory with a stage in it nor a USD file.
        MissingDependency, InvalidRequest: see :func:`check_needs`.
    """
    from .gaussians import check_gaussians
    from .physics import check_physics
    from .robots import check_robots
    from .usd import check_usd, quiet_usd, usd_files
    from .usd_cloud import read_cloud

    files = usd_files(directory)
    robots = params.accept == "robots"
    check_needs(params)
    progress(0.0, "reading the scene")
    counts: dict[str, int | float] = {}
    findings: list[Finding] = []

    def keep(outcome: Outcome[None]) -> None:
        counts.update(outcome.counts)
        findings.extend(outcome.findings)

    with quiet_usd():
        cloud = cloud or next((found for file in files if (found := read_cloud(file))), None)
        if cloud is not None:
            keep(check_gaussians(cloud, params, progress.child(0.0, 0.1)))
        keep(check_usd(directory, params, progress.child(0.1, 0.4)))
        if {f.code for f in findings if f.severity is Severity.ERROR} & _NOT_TO_BE_SIMULATED:
            findings.append(_not_simulated())
        else:
            keep(check_physics(files[0], cloud, params, progress.child(0.4, 0.6 if robots else 1.0)))
            if robots:
                keep(check_robots(files[0], navigation, params, progress.child(0.6, 1.0)))
    progress(1.0, f"checked the scene: {len(findings)} findings")
    return Outcome(None, counts, tuple(findings))


def _not_simulated() -> Finding:
    message = "Physics was not checked: a stage with these errors cannot be given to an engine. Mend them first."
    return Finding("physics.not_simulated", Severity.INFO, message)
