"""Convex pieces come beside a collider that has none, and leave out what can be moved."""

from __future__ import annotations

from dataclasses import replace

from lyra_backend.collide.pieces import add_pieces
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Role

from .clouds import box, join, room

#: Where the crate stands in the room.
LOW, HIGH = (1.0, 1.0, 0.0), (1.5, 1.6, 0.5)


def parts() -> tuple[CollisionPart, CollisionPart]:
    points = [[x, y, z] for x in (LOW[0], HIGH[0]) for y in (LOW[1], HIGH[1]) for z in (LOW[2], HIGH[2])]
    triangles = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]]
    crate = CollisionPart(
        "crate", points, triangles, approximation=Approximation.CONVEX_HULL, role=Role.OBJECT, body="a"
    )
    return CollisionPart("environment", points, triangles), crate


def test_pieces_stand_beside_the_surface_and_not_for_what_moves() -> None:
    scene = join(room(), box(LOW, HIGH))
    environment, crate = parts()
    still = add_pieces(CollisionProxy((environment, crate), "surface", {"p95": 0.01}), scene, (), Progress())
    moving = add_pieces(
        CollisionProxy((environment, replace(crate, dynamic=True)), "surface", {}), scene, (), Progress()
    )
    pieces = still.value.with_role(Role.PIECE)
    assert len(pieces) == still.counts["pieces"] > 4
    assert still.value.parts[:2] == (environment, crate)
    assert still.value.error_m == {"p95": 0.01}
    assert [f.code for f in still.findings] == ["collide.convex_error"]
    assert 0 < moving.counts["pieces"] < len(pieces)


def test_height_fields_pieces_and_nothing_stay_as_they_are() -> None:
    environment, _ = parts()
    piece = replace(environment, role=Role.PIECE)
    for proxy in (
        CollisionProxy((environment,), "heightfield", {}),
        CollisionProxy((piece,), "convex", {}),
        CollisionProxy((), "none", {}),
    ):
        assert add_pieces(proxy, room(), (), Progress()).value is proxy
