"""Check a written scene: Gaussians, USD, physics. Everything found is a Finding with its measured value and limit.

Does: run the checks in this order and merge what they say. Does not: repair anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..progress import Progress
from ..types import Finding, GaussianCloud, Outcome
from .limits import Params

__all__ = ["Params", "run"]

#: Findings after which there is nothing to simulate.
_NO_STAGE = {"usd.none", "usd.unreadable"}


def run(directory: Path, cloud: GaussianCloud | None, params: Any, progress: Progress) -> Outcome[None]:
    """Check the scene in `directory`.

    Args:
        directory: a run directory, or a single USD file.
        cloud: its Gaussians; None reads them from the USD file.
        params: limits, see ``limits.toml``.
        progress: reported throughout.

    Raises:
        InvalidRequest: `directory` is neither a directory nor a USD file.
    """
    from .gaussians import check_gaussians
    from .physics import check_physics
    from .usd import check_usd, usd_files
    from .usd_cloud import read_cloud

    files = usd_files(directory)
    progress(0.0, "reading the scene")
    cloud = cloud or next((found for file in files if (found := read_cloud(file))), None)
    counts: dict[str, int | float] = {}
    findings: list[Finding] = []

    def keep(outcome: Outcome[None]) -> None:
        counts.update(outcome.counts)
        findings.extend(outcome.findings)

    if cloud is not None:
        keep(check_gaussians(cloud, params, progress.child(0.0, 0.1)))
    keep(check_usd(directory, params, progress.child(0.1, 0.4)))
    if not _NO_STAGE & {f.code for f in findings}:
        keep(check_physics(directory, params, progress.child(0.4, 1.0)))
    progress(1.0, f"checked the scene: {len(findings)} findings")
    return Outcome(None, counts, tuple(findings))
