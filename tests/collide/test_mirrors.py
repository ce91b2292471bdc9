"""What is only seen in a mirror or through a window is no free space; doorways and hatches stay open."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import surface
from lyra_backend.collide._scan import views
from lyra_backend.collide._scan.scan import ScanParams, scan
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Role, Severity

from .clouds import box, camera, join
from .looks import (
    DOOR,
    HATCH,
    ON_THE_WALL,
    TALL,
    furniture,
    moved,
    painted,
    roughened,
    seen_through,
    shell,
    spun,
    turned_over,
    two_rooms,
    two_windows,
    window_with_view,
    with_mirror,
)

AMID = (-1.0, 1.45, 1.4)  # a place well behind the wall, on the level of every opening


def scanned(scene, **params):
    found, findings = scan(scene, (), ScanParams(**params), Progress())
    return found, [f for f in findings if f.code in ("collide.mirror", "collide.window")]


def is_free(found, point):
    at = np.rint(found.grid.to_lattice(np.array([point]))).astype(int)
    inside = ((at >= 0) & (at < found.grid.shape)).all()
    return bool(inside and found.free.reached.at(at)[0])


def place(finding):
    return np.array([float(v) for v in finding.where.removesuffix(" m").split(",")])


def assert_closed(scene, code, where, area):
    found, (finding,) = scanned(scene)
    assert finding.code == f"collide.{code}"
    assert finding.severity is Severity.WARNING
    assert np.abs(place(finding) - where).max() < 0.08
    assert finding.measured == pytest.approx(area, rel=0.2)
    assert not is_free(found, AMID)
    assert is_free(found, (3.8, 0.2, 1.4))
    return found, finding


def assert_open(scene):
    found, findings = scanned(scene)
    assert findings == []
    assert is_free(found, AMID)
    assert is_free(found, (3.8, 0.2, 1.4))


def test_a_mirror_on_the_wall_is_closed_and_its_room_is_left_out():
    assert_closed(with_mirror(ON_THE_WALL), "mirror", (0.0, 1.45, 1.35), 1.21)


def test_the_collider_ends_at_the_mirror_and_has_nothing_behind():
    outcome = surface.run(with_mirror(ON_THE_WALL), (), surface.Params(kerb_height=0.0), Progress())
    (part,) = outcome.value.with_role(Role.ENVIRONMENT)
    y, z = (g.ravel() for g in np.meshgrid(np.linspace(1.0, 1.9, 10), np.linspace(0.9, 1.8, 10)))
    starts = np.column_stack([np.full(len(y), 0.9), y, z])
    hits = mesh_rays(part.vertices, part.triangles, starts, np.tile([-1.0, 0.0, 0.0], (len(y), 1)))
    assert hits.front.all()
    assert hits.distance == pytest.approx(np.full(len(y), 0.9), abs=0.01)
    assert part.vertices[:, 0].min() > -0.15
    assert outcome.counts["leaks"] == 0
    assert not {f.code for f in outcome.findings} & {"collide.phantom", "collide.rays_missing", "collide.leak"}


def test_a_mirror_down_to_the_floor_is_closed_if_furniture_proves_it():
    assert_closed(with_mirror(TALL), "mirror", (0.0, 1.45, 0.95), 1.5)


def test_rough_splats_have_mirrors_too():
    assert_closed(roughened(with_mirror(TALL), 0.01, 0.3), "mirror", (0.0, 1.45, 0.95), 1.5)


def test_walls_need_not_follow_the_axes():
    turn = np.radians(33)
    spin = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    found, (finding,) = scanned(spun(with_mirror(ON_THE_WALL), 33))
    assert finding.code == "collide.mirror"
    assert np.abs(place(finding) - spin @ (0.0, 1.45, 1.35)).max() < 0.08
    assert not is_free(found, spin @ AMID)
    assert is_free(found, spin @ (3.8, 0.2, 1.4))


def test_an_empty_room_behind_a_tall_opening_may_be_real_and_stays_open():
    crumb = box((3.8, 2.8, 0.0), (3.9, 2.9, 0.1))
    found, (finding,) = scanned(with_mirror(TALL, crumb))
    assert finding.code == "collide.mirror"
    assert "left open" in finding.message
    assert is_free(found, AMID)


def test_colours_tell_an_empty_mirror_from_an_empty_room():
    crumb = box((3.8, 2.8, 0.0), (3.9, 2.9, 0.1))
    room = painted(join(shell(opening=TALL), crumb), 1)
    mirror = join(room, seen_through(turned_over(room), TALL))
    other = join(room, seen_through(painted(turned_over(room), 2), TALL))
    assert_closed(mirror, "mirror", (0.0, 1.45, 0.95), 1.5)
    assert_open(other)


@pytest.mark.parametrize("thickness", [0.0, 0.2])
def test_a_window_is_closed_and_what_is_outside_is_left_out(thickness):
    found, _ = assert_closed(window_with_view(thickness=thickness), "window", (0.0, 1.5, 1.35), 1.26)
    assert not is_free(found, (-3.0, 1.5, 1.4))


def test_where_a_camera_was_is_no_view():
    eyes = tuple(camera(eye, (0.0, 1.5, 1.4)) for eye in ((3.0, 1.5, 1.4), (-3.0, 1.5, 1.4)))
    found, findings = scan(window_with_view(), eyes, ScanParams(), Progress())
    assert [f.code for f in findings if f.code.startswith("collide.window")] == []
    assert is_free(found, (-3.0, 1.5, 1.4))


def test_a_nook_is_no_room_that_all_else_is_the_view_of(monkeypatch):
    monkeypatch.setattr(views, "_ROOM_M2", 1e3)
    assert_open(window_with_view())


def test_two_windows_onto_one_garden_are_both_closed():
    found, findings = scanned(two_windows())
    assert [f.code for f in findings] == ["collide.window", "collide.window"]
    assert sorted(place(f)[1] for f in findings) == pytest.approx([0.75, 2.25], abs=0.08)
    assert not is_free(found, (-3.0, 1.5, 1.4))


def test_a_hole_in_a_wall_with_nothing_behind_is_closed_as_well():
    assert_closed(join(shell(opening=HATCH), furniture()), "window", (0.0, 1.5, 1.35), 1.26)


@pytest.mark.parametrize("thickness", [0.0, 0.1])
@pytest.mark.parametrize("opening", [DOOR, HATCH], ids=["door", "hatch"])
def test_two_rooms_that_mirror_one_another_stay_open(opening, thickness):
    assert_open(two_rooms(opening, thickness=thickness))


@pytest.mark.parametrize("opening", [DOOR, HATCH], ids=["door", "hatch"])
def test_two_rooms_alike_side_by_side_stay_open(opening):
    assert_open(two_rooms(opening, join(turned_over(shell(opening=opening)), moved(furniture(), -4.0))))


def test_a_doorway_is_never_closed_for_what_was_not_seen_behind():
    beyond = join(turned_over(shell((5.0, 3.0, 2.4))), moved(furniture(), -5.0))
    scene = join(shell(opening=DOOR), furniture())
    assert_open(join(scene, seen_through(beyond, DOOR)))
    assert scanned(scene)[1] == []


def test_niches_and_shelves_are_no_windows():
    niche = join(
        shell(opening=HATCH, thickness=0.4), furniture(), seen_through(moved(shell((4.0, 3.0, 2.4)), -0.4), HATCH)
    )
    assert scanned(niche)[1] == []


def test_panes_can_be_left_out():
    found, findings = scanned(with_mirror(ON_THE_WALL), close_mirrors=False)
    assert findings == []
    assert is_free(found, AMID)
    found, findings = scanned(window_with_view(), close_windows=False)
    assert findings == []
    assert is_free(found, (-3.0, 1.5, 1.0))


def test_the_same_scene_gives_the_same_panes():
    one, two = (scanned(with_mirror(ON_THE_WALL))[0] for _ in range(2))
    assert one.cloud.positions.tobytes() == two.cloud.positions.tobytes()
