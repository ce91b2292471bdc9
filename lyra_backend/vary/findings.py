"""What variations are found to lack."""

from __future__ import annotations

from ..types import Finding, Severity

__all__ = ["few_things", "moving_things", "scene_not_accepted", "unstable_things"]


def few_things(fewest: int, wanted: int, places: int) -> Finding:
    """Say that there is room for fewer things than were asked for."""
    message = (
        f"In some variations {fewest} of {wanted} things lie about: the floor has {places} places that are level and "
        "free. Ask for fewer, or for a larger scene."
    )
    return Finding("vary.few_places", Severity.WARNING, message, fewest, wanted)


def scene_not_accepted() -> Finding:
    """Say that variations are no better than what they vary."""
    message = "The scene itself was not accepted (report.json), so neither are its variations. Mend the scene first."
    return Finding("vary.scene_not_accepted", Severity.ERROR, message)


def unstable_things(count: int) -> Finding:
    """Say how many things did not stand still and were taken away."""
    message = f"{count} things did not stand still in PhysX where they were put, and were left out."
    return Finding("vary.unstable", Severity.INFO, message, count)


def moving_things(count: int) -> Finding:
    """Say how many things still move when those that did at first are gone."""
    message = f"{count} things do not stand still in PhysX. Another seed puts them elsewhere."
    return Finding("vary.moving", Severity.ERROR, message, count, 0)
