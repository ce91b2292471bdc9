"""Folds in flat surface are spread out, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._mesh.triangles import normals
from lyra_backend.collide._mesh.unfold import unfolded

SIDE = 9


def sheet(turn: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An even grid of vertices (V, 3) one apart, its triangles, and their normals, turned."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(SIDE**2)]).astype(np.float64)
    index = np.arange(SIDE**2).reshape(SIDE, SIDE)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    turn = np.eye(3) if turn is None else turn
    return points @ turn.T, triangles, np.tile(turn[:, 2], (len(triangles), 1))


def turned(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def facing(vertices: np.ndarray, triangles: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    normal = normals(vertices, triangles)
    return (normal * wanted).sum(axis=1) / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)


MOVES = [{40: (1.6, 0.4)}, {40: (0.0, -1.7), 41: (0.3, -2.2)}, {30: (2.0, 2.0), 50: (-2.0, -2.0)}]


@pytest.mark.parametrize("degrees", [0.0, 37.0, 90.0])
@pytest.mark.parametrize("moves", MOVES)
def test_folds_are_spread_out_in_their_plane(degrees: float, moves: dict[int, tuple[float, float]]) -> None:
    turn = turned(degrees)
    vertices, triangles, wanted = sheet(turn)
    for vertex, (x, y) in moves.items():
        vertices[vertex] += turn @ (x, y, 0.0)
    assert facing(vertices, triangles, wanted).min() < 0
    flat = unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool))
    assert facing(flat, triangles, wanted).min() > 0.99
    assert np.abs(flat @ turn[:, 2]).max() < 1e-9


def test_triangles_without_area_are_spread_out_too() -> None:
    vertices, triangles, wanted = sheet()
    vertices[40] = vertices[41]
    flat = unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool))
    assert np.linalg.norm(normals(flat, triangles), axis=1).min() > 0.05


def test_what_is_not_folded_stays() -> None:
    vertices, triangles, wanted = sheet()
    assert np.array_equal(unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool)), vertices)


def test_far_from_a_fold_nothing_moves() -> None:
    vertices, triangles, wanted = sheet()
    vertices[60] += (1.5, 0.0, 0.0)
    flat = unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool))
    away = np.abs(vertices[:, :2] - vertices[60, :2]).max(axis=1) > 4
    assert away.any()
    assert np.array_equal(flat[away], vertices[away])


def test_only_planes_are_unfolded() -> None:
    vertices, triangles, wanted = sheet()
    vertices[40] += (1.6, 0.4, 0.0)
    assert np.array_equal(unfolded(vertices, triangles, wanted, np.zeros(len(triangles), bool)), vertices)


def test_open_edges_stay() -> None:
    vertices, triangles, wanted = sheet()
    vertices[SIDE + 4] += (-0.9, 0.5, 0.0)
    vertices[4] += (0.3, 0.0, 0.0)
    flat = unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool))
    rim = (np.arange(SIDE**2) % SIDE == 0) | (np.arange(SIDE**2) < SIDE)
    assert np.array_equal(flat[rim], vertices[rim])
    assert not np.array_equal(flat, vertices)


def test_corners_of_two_planes_stay() -> None:
    """Vertices on the edge between two planes would leave one of them."""
    vertices, triangles, wanted = sheet()
    upright = vertices[triangles].mean(axis=1)[:, 0] > 4.0
    rim = np.flatnonzero(vertices[:, 0] == 4.0)
    vertices[vertices[:, 0] > 4.0] = [(4.0, y, x - 4.0) for x, y, _ in vertices[vertices[:, 0] > 4.0]]
    wanted[upright] = (-1.0, 0.0, 0.0)
    vertices[rim[4] - SIDE] += (0.0, 1.5, 0.0)
    flat = unfolded(vertices, triangles, wanted, np.ones(len(triangles), bool))
    assert np.array_equal(flat[rim], vertices[rim])
    assert facing(flat, triangles, wanted).min() > 0.9
