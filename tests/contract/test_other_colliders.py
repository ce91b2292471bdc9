"""Colliders other than the default become a stage that is accepted, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend import author, validate
from lyra_backend.collide import convex, heightfield, none
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionProxy, Finding, SceneBundle, Severity

from ..collide.clouds import box, join, room, sheet


def errors(proxy: CollisionProxy, cloud, directory: Path) -> dict[str, Finding]:
    """What is wrong with the stage of a cloud and its colliders, by code."""
    bundle = SceneBundle(cloud, proxy, ("particle_field",), {})
    author.run(bundle, directory, author.Params(appearance="none"), Progress())
    found = validate.run(directory, cloud, validate.Params(), Progress()).findings
    return {f.code: f for f in found if f.severity is Severity.ERROR}


@pytest.mark.parametrize("plugin", [heightfield, convex])
def test_open_ground_is_accepted(plugin, tmp_path: Path) -> None:
    ground = sheet((0, 0, 0), (6, 0, 0.3), (0, 5, 0))
    outcome = plugin.run(ground, (), plugin.Params(lone_plane=True), Progress())
    assert errors(outcome.value, ground, tmp_path) == {}


def test_a_furnished_room_in_pieces_is_accepted(tmp_path: Path) -> None:
    cloud = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)))
    outcome = convex.run(cloud, (), convex.Params(), Progress())
    assert errors(outcome.value, cloud, tmp_path) == {}


def test_a_room_without_its_walls_is_refused(tmp_path: Path) -> None:
    outcome = heightfield.run(room(), (), heightfield.Params(), Progress())
    assert "collider.uncovered" in errors(outcome.value, room(), tmp_path)


def test_no_colliders_are_refused(tmp_path: Path) -> None:
    outcome = none.run(room(), (), none.Params(), Progress())
    assert set(errors(outcome.value, room(), tmp_path)) == {"physics.no_collider"}
