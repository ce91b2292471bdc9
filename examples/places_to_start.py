"""Where can a robot start in a scene, and where can it go? Read it without USD, and pick a start at random.

python examples/places_to_start.py [RUN] [ROBOT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import lyra_backend as lyra
from lyra_backend.io.navigation_files import load_navigation


def main(run: str = "outputs/examples/hall", robot: str = "go2") -> None:
    if not (Path(run) / "spawn_points.json").is_file():
        request = {
            "prompt": "a warehouse aisle with pallets",
            "preset": "draft",
            "params": {"place": {"robots": robot}},
        }
        lyra.generate_scene(request, run)
    navigation = load_navigation(run)
    space = navigation.space_of(robot)
    if space is None:
        known = ", ".join(each.robot.name for each in navigation.spaces)
        sys.exit(f"{run}: nobody looked for places of {robot!r}; there are those of {known}.")
    points = space.spawn_points
    print(f"{space.robot.title}: {space.free_m2:.1f} m2 of free floor, {points.count} starts, {len(space.tasks)} ways")
    start = np.random.default_rng(0).integers(points.count)
    x, y, z = points.positions[start]
    print(f"start at x={x:.2f} y={y:.2f} z={z + space.robot.root_height_m + space.robot.clearance_m:.2f} m,", end=" ")
    print(f"facing {np.degrees(points.yaws_rad[start]):.0f} deg, {points.clearances_m[start]:.2f} m from anything")
    if space.tasks:
        longest = max(space.tasks, key=lambda task: task.length_m)
        print(
            f"the longest way: {longest.length_m:.1f} m over {len(longest.path)} points to {longest.goal[:2].round(2)}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
