"""Scans without a floor, inside out, tiny, vast or made of dust: an error in words, and no collider pretended."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend import registry
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.ply import write_ply
from lyra_backend.progress import Progress
from lyra_backend.types import Severity

from ..commands import call
from .clouds import box, camera, cloud, floaters, join, room, sheet
from .scans import (
    building,
    capture,
    identical,
    line,
    noise,
    scaled,
    spread,
    tilted,
    walls,
)

#: Scan, the finding that says what was not found, and words of its message.
BAD = {
    "ten Gaussians": (lambda: floaters((0, 0, 0), (3, 3, 3), 10), "no_surface", "only 10 of 10"),
    "one Gaussian": (lambda: noise(1), "no_surface", "only 1 of 1"),
    "walls only": (walls, "no_floor", "No floor was found"),
    "walls and a ceiling": (lambda: walls(ceiling=True), "inside_out", "end in the air"),
    "upright plane": (lambda: tilted(90), "no_floor", "No floor was found"),
    "plane at 45 degrees": (lambda: tilted(45), "no_floor", "less steep"),
    "outside of a building": (building, "inside_out", "No floor was found"),
    "object on nothing": (capture, "no_floor", "No floor was found"),
    "few floaters": (lambda: floaters((0, 0, 0), (3, 3, 3), 2000), "no_surface", "strewn"),
    "floaters": (lambda: noise(20_000), "no_floor", "No floor was found"),
    "flat opaque floaters": (lambda: noise(20_000, flat=True), "no_floor", "No floor was found"),
    "fog": (lambda: noise(100_000, size=2.0), "no_floor", "thin"),
    "all the same": (identical, "too_small", "0 m across"),
    "all on a line": (line, "no_surface", "No surface was found"),
    "1 mm across": (lambda: scaled(room(), 0.001 / 3), "too_small", "0.001 m across"),
    "50 km across": (lambda: scaled(room(), 50_000 / 3), "no_surface", "no larger than 2 m"),
    "50 km of small Gaussians": (lambda: spread(room(), 50_000 / 3), "too_coarse", "Beyond 0.5 m"),
}
FOUR = ("walls only", "outside of a building", "flat opaque floaters", "1 mm across")


def collided(scene, collider="surface", cameras=(), **params):
    plugin = registry.get("collide", collider)
    return plugin.run(scene, cameras, plugin.Params(**params), Progress())


def errors(outcome):
    return {f.code: f for f in outcome.findings if f.severity is Severity.ERROR}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_scan_is_an_error_that_says_what_was_not_found(name):
    make, code, words = BAD[name]
    outcome = collided(make())
    assert outcome.value.parts == ()
    assert outcome.counts["triangles"] == 0
    (finding,) = errors(outcome).values()
    assert finding.code == f"collide.{code}"
    assert words in finding.message
    assert "No collider was made" in finding.message or "no collider" in finding.message
    assert finding.measured is not None
    assert finding.limit is not None


@pytest.mark.parametrize("collider", ["convex", "heightfield"])
@pytest.mark.parametrize("name", FOUR)
def test_other_colliders_refuse_alike(name, collider):
    make, code, _ = BAD[name]
    outcome = collided(make(), collider)
    assert outcome.value.parts == ()
    assert list(errors(outcome)) == [f"collide.{code}"]


@pytest.mark.parametrize("degrees", [0, 25])
def test_a_lone_plane_is_ground_only_if_somebody_says_so(degrees):
    plane = tilted(degrees)
    found = errors(collided(plane))
    assert list(found) == ["collide.lone_plane"]
    assert collided(plane, lone_plane=True).value.parts
    assert collided(join(plane, box((1.0, 1.0, 0.4), (1.4, 1.4, 1.6)))).value.parts
    assert collided(plane, cameras=(camera((1.5, 1.5, 2.0), (2.0, 1.5, 1.0)),)).value.parts


def test_walls_that_stand_on_ground_below_the_robot_are_no_reason_to_refuse():
    upper = sheet((0, 0, 1.5), (3.0, 0, 0), (0, 2.0, 0))
    cliff, lower = sheet((3.0, 0, 0), (0, 2.0, 0), (0, 0, 1.5)), sheet((3.0, 0, 0), (3.0, 0, 0), (0, 2.0, 0))
    assert not errors(collided(join(upper, cliff, lower)))


def test_a_ceiling_over_the_cameras_is_no_floor():
    scene = sheet((0, 0, 2.5), (3.0, 0, 0), (0, 3.0, 0))
    below, above = camera((1.5, 1.5, 1.2), (2.5, 1.5, 1.2)), camera((1.5, 1.5, 4.0), (2.5, 1.5, 3.0))
    found = errors(collided(scene, cameras=(below,)))["collide.inside_out"]
    assert "1 of 1 cameras" in found.message
    assert not errors(collided(scene, cameras=(above,)))


def test_limits_can_be_moved():
    roof = collided(building(), max_hanging=1.0)
    assert not errors(roof)
    assert roof.value.parts
    plinth = join(box((0, 0, 0), (0.6, 0.6, 0.3)))
    assert "collide.no_floor" in errors(collided(plinth))
    assert not errors(collided(plinth, min_floor=0.1, robot_height=0.3))


def test_what_is_not_finite_never_gets_this_far():
    scene = room()
    points = np.array(scene.positions)
    points[7] = np.nan
    with pytest.raises(InvalidRequest, match="finite"):
        cloud(points, scene.scales, scene.quats_wxyz, scene.opacities)
    with pytest.raises(InvalidRequest, match="finite"), np.errstate(over="ignore"):
        scaled(scene, 3e38)


@pytest.mark.parametrize("target", ["out.obj", "out.usdc"])
@pytest.mark.parametrize("name", FOUR)
def test_the_command_collide_writes_no_file(name, target, tmp_path):
    write_ply(tmp_path / "scan.ply", BAD[name][0]())
    words = (tmp_path / "scan.ply", tmp_path / target, "--up", "z", "--scale", "1", "--json")
    done = call("collide", *words)
    assert done.code == 2, done.out
    assert "no colliders were made" in done.err
    assert BAD[name][2] in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.ply"]


@pytest.mark.parametrize("name", FOUR)
def test_generate_does_not_accept_it_and_leaves_no_collision_file(name, tmp_path):
    write_ply(tmp_path / "scan.ply", BAD[name][0]())
    words = ("--splat", tmp_path / "scan.ply", "--up", "z", "--scale", "1", "--out", tmp_path / "run", "--json")
    done = call("generate", *words)
    assert done.code == 1, done.err
    assert not done.data["accepted"]
    assert f"collide.{BAD[name][1]}" in done.codes
    assert "author.no_colliders" in done.codes
    assert not (tmp_path / "run" / "collision.usdc").exists()
    assert "Collision" not in (tmp_path / "run" / "scene.usda").read_text(encoding="utf-8")
