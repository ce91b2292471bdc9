"""Solids end at their sides: their tops do not go on as fins to where lattice lines pass beside them."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import surface
from lyra_backend.collide._scan import scan
from lyra_backend.progress import Progress

from .clouds import box, join, room
from .test_surface import BARE, edge_uses, mesh


def farthest_out(side_x: float) -> float:
    """Return how far the collider of a box stands out of its side at x [m], above its foot."""
    thing = join(room(), box((1.0, 1.0, 0.0), (side_x, 1.6, 0.5)))
    outcome = surface.run(thing, (), surface.Params(**{**BARE, "objects": "none"}), Progress())
    vertices, triangles = mesh(outcome)
    assert (edge_uses(triangles) == 2).all()
    beside = (vertices[:, 0] > 1.3) & (vertices[:, 0] < 1.9) & (np.abs(vertices[:, 1] - 1.3) < 0.5)
    beside &= (vertices[:, 2] > 0.2) & (vertices[:, 2] < 0.7)
    return float(vertices[beside, 0].max()) - side_x


@pytest.mark.parametrize("beside_m", [0.008, 0.016, 0.024])
def test_the_top_of_a_box_does_not_stand_out_of_its_sides(beside_m: float) -> None:
    # lattice lines pass at 1.525 m
    assert farthest_out(1.525 - beside_m) < 0.006


def test_without_it_tops_do_stand_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "without_fins", lambda sheets, *_: sheets)
    assert farthest_out(1.525 - 0.016) > 0.012
