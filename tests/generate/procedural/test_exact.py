"""Exact colliders: boxes as boxes, convex pieces as hulls, everything else as it is; together they are the surface."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from lyra_backend.generate.procedural.compose import compose
from lyra_backend.generate.procedural.elements import Element, Material
from lyra_backend.generate.procedural.exact import exact_colliders
from lyra_backend.generate.procedural.shapes import Mesh, ball, box, cylinder, join, prism, quad, ring
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.kernels.mesh_distance import mesh_distance
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, Role, Shape
from lyra_backend.types.mesh import concatenate_meshes
from lyra_backend.types.rotations import matrix_from_quat

POSE = np.eye(4)
POSE[:3, :3] = Rotation.from_euler("xyz", [0.3, -0.5, 1.1]).as_matrix()
POSE[:3, 3] = 1.0, -2.0, 0.5


def _element(mesh: Mesh, *, solid: bool = True, name: str = "2 crates_1.side") -> Element:
    return Element(name, "crate", Material("plain", (1, 1, 1)), mesh.vertices, mesh.triangles, POSE, solid)


def test_boxes_are_boxes_where_they_are() -> None:
    parts = exact_colliders([_element(join([box(1, 2, 3), box(0.2, 0.2, 0.01, (5, 0, 0))]))])
    assert [p.name for p in parts] == ["_2_crates_1_side_0", "_2_crates_1_side_1"]
    for part, size, center in zip(parts, ((1, 2, 3), (0.2, 0.2, 0.01)), ((0, 0, 1.5), (5, 0, 0.005)), strict=True):
        assert part.primitive is not None
        assert part.primitive.shape is Shape.BOX
        assert (part.role, part.semantic_class) == (Role.EXACT, "crate")
        assert sorted(part.primitive.size) == pytest.approx(sorted(size), abs=1e-6)
        np.testing.assert_allclose(part.primitive.center, POSE[:3, :3] @ center + POSE[:3, 3], atol=1e-6)
        turn = matrix_from_quat(part.primitive.quat_wxyz[None])[0]
        corners = (part.vertices - part.primitive.center) @ turn
        np.testing.assert_allclose(np.abs(corners), np.tile(part.primitive.size / 2, (8, 1)), atol=1e-5)


def test_convex_pieces_are_hulls_of_their_own_corners() -> None:
    wedge = prism([(0, 0), (1, 0), (0, 1)], 2.0)
    parts = exact_colliders([_element(join([cylinder(0.3, 1.0, sides=12), wedge.moved(3)]))])
    assert [(p.approximation, p.primitive, len(p.vertices)) for p in parts] == [
        (Approximation.CONVEX_HULL, None, 26),  # with the middles of the end discs
        (Approximation.CONVEX_HULL, None, 6),
    ]


@pytest.mark.parametrize(
    "mesh",
    [
        ring(0.3, 0.2, 0.5),
        prism([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], 1.0),
        ball(1, 1, 1, subdivisions=2),  # 162 corners: engines would simplify it
        box(1, 1, 0.005).bent(lambda v: v * np.where(v[:, 2:] > 0, (0.9, 0.9, 1), 1)),  # no box, and too thin
        Mesh(box(1, 1, 1).vertices, box(1, 1, 1).triangles[:-1]),  # open
    ],
    ids=["ring", "corner", "many", "thin", "open"],
)
def test_what_engines_would_change_stays_triangles(mesh: Mesh) -> None:
    (part,) = exact_colliders([_element(mesh)])
    assert (part.name, part.approximation) == ("crate_surface", Approximation.MESH)
    assert len(part.triangles) == len(mesh.triangles)


def test_sheets_of_a_class_are_one_mesh() -> None:
    sheet = quad((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))
    (part,) = exact_colliders([_element(sheet, solid=False), _element(sheet.moved(2), solid=False)])
    assert part.approximation is Approximation.MESH
    assert len(part.triangles) == 4


@pytest.mark.parametrize("prompt", ["a warehouse aisle with pallets", "a street with parked cars"])
def test_a_whole_scene_is_its_surface(prompt: str) -> None:
    composition = compose(prompt, 1)
    parts = exact_colliders(composition.elements)
    assert len({p.name for p in parts}) == len(parts)
    assert sum(p.primitive is not None for p in parts) > 50
    made = concatenate_meshes([(p.vertices, p.triangles) for p in parts])
    meant = concatenate_meshes([(_placed(e), np.asarray(e.triangles)) for e in composition.elements])
    assert len(made[1]) == len(meant[1])
    for one, other in ((made, meant), (meant, made)):
        corners = (mesh[0][mesh[1]].reshape(-1, 9) for mesh in (one, other))
        assert cKDTree(next(corners)).query(next(corners))[0].max() < 5e-5
    seen = surface_from(composition.elements, 1, Progress()).welded()
    assert np.quantile(mesh_distance(*made, _points_on(*seen)).distance, 0.995) < 1e-4


def _placed(element: Element) -> np.ndarray:
    return (np.asarray(element.vertices) @ element.pose[:3, :3].T + element.pose[:3, 3]).astype(np.float32)


def _points_on(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """One point on each triangle."""
    shares = np.random.default_rng(0).dirichlet((1, 1, 1), len(triangles))
    return np.einsum("fc,fck->fk", shares, vertices[triangles]).astype(np.float32)
