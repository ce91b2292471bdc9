"""What there is to say about the free space of a scene."""

from __future__ import annotations

from ..types import Finding, Robot, RobotSpace, Severity

__all__ = ["STOREY_M2", "coarse", "no_colliders", "no_floor", "of_space", "storeys"]

#: Less ground above ground is not worth a word [m^2].
STOREY_M2 = 1.0
#: Fewer places to start are few: robots of many environments begin at the same ones.
_FEW = 16


def no_colliders(method: str) -> Finding:
    """Nothing is known of free space."""
    message = (
        f"The scene has no colliders (collider {method!r}), so where robots can be is unknown: no maps, no starts."
    )
    return Finding("place.no_colliders", Severity.WARNING, message)


def no_floor() -> Finding:
    """There is nothing to stand on."""
    message = (
        "No collider faces up with free height above it, so there is no floor to stand on: no maps, no starts. Are the "
        "axes right (--up), and the scene's ground in the splat?"
    )
    return Finding("place.no_floor", Severity.WARNING, message)


def coarse(cell_m: float, wanted_m: float) -> Finding:
    """The scene is too large for the cells that were asked for."""
    message = f"The scene is so large that its maps have cells of {cell_m:g} m instead of {wanted_m:g} m."
    return Finding("place.coarse", Severity.INFO, message, cell_m, wanted_m)


def storeys(area_m2: float) -> Finding:
    """There is ground above ground, which a map from above cannot show."""
    message = (
        f"{area_m2:.1f} m2 of ground lies above other ground, on bridges or upper storeys; maps and starts are those "
        "of the lowest."
    )
    return Finding("place.storeys", Severity.INFO, message, area_m2, STOREY_M2)


def of_space(space: RobotSpace, starts_wanted: int, tasks_wanted: int) -> tuple[Finding, ...]:
    """Return what there is to say about the room that one robot has."""
    robot, points = space.robot, space.spawn_points.count
    if not space.free_m2:
        return (_no_space(robot),)
    if not starts_wanted:
        return ()
    if not points:
        message = f"{robot.title} fits on {space.free_m2:.2f} m2, but nowhere is it level and free enough to start."
        return (Finding("place.no_start", Severity.WARNING, message, 0, 1, robot.name),)
    found = []
    if points < min(_FEW, starts_wanted):
        message = (
            f"{robot.title} has {points} places to start, one in each square of 0.25 m, on {space.free_m2:.2f} m2."
        )
        found.append(Finding("place.few_starts", Severity.WARNING, message, points, _FEW, robot.name))
    if tasks_wanted and not space.tasks:
        message = f"{robot.title} has nowhere to go: no two of its {points} places to start are joined by free ground."
        found.append(Finding("place.no_tasks", Severity.WARNING, message, 0, tasks_wanted, robot.name))
    return tuple(found)


def _no_space(robot: Robot) -> Finding:
    message = (
        f"{robot.title} fits nowhere: its cylinder of {robot.radius_m:g} m radius and {robot.height_m:g} m height, "
        f"with steps of {robot.step_m:g} m and slopes of {robot.slope_deg:g} degrees, has no free ground. Choose a "
        "smaller robot (place.robots) or a larger scene."
    )
    return Finding("place.no_space", Severity.WARNING, message, 0.0, round(3.1416 * robot.radius_m**2, 3), robot.name)
