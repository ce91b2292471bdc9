"""Ground as a grid of heights."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import heightfield
from lyra_backend.errors import InvalidRequest
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, Severity, Similarity

from .clouds import box, join, sheet


def run(cloud, **params):
    return heightfield.run(cloud, (), heightfield.Params(**params), Progress())


def height(outcome, x, y):
    (part,) = outcome.value.parts
    hit = mesh_rays(part.vertices, part.triangles, np.array([[x, y, 3.0]]), np.array([[0.0, 0.0, -1.0]]))
    assert hit.front[0]
    return 3.0 - float(hit.distance[0])


def test_a_ramp_is_as_high_as_it_is():
    outcome = run(sheet((0, 0, 0), (3, 0, 0.6), (0, 2, 0)), lone_plane=True)
    for x in (0.4, 1.5, 2.6):
        assert height(outcome, x, 1.0) == pytest.approx(0.2 * x, abs=0.005)
    assert outcome.value.method == "heightfield"


def test_the_kerb_is_told():
    outcome = run(sheet((0, 0, 0), (3, 0, 0), (0, 2, 0)), lone_plane=True)
    (finding,) = (f for f in outcome.findings if f.code == "collide.kerb")
    assert finding.measured == outcome.counts["kerb_m"] > 5


def test_triangles_are_even_and_unbroken():
    (part,) = run(sheet((0, 0, 0), (3, 0, 0), (0, 2, 0)), kerb_height=0.0, lone_plane=True).value.parts
    a, b, c = (part.vertices[part.triangles[:, k]] for k in range(3))
    sides = np.stack([np.linalg.norm(s, axis=1) for s in (b - a, c - b, a - c)])
    assert sides.max() / sides.min() < 1.6
    edges = np.sort(part.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() == 2


def test_overhangs_are_left_out_and_said_so():
    outcome = run(join(sheet((0, 0, 0), (3, 0, 0), (0, 2, 0)), box((1, 0.5, 0.8), (2, 1.5, 0.9), bottom=True)))
    assert height(outcome, 1.5, 1.0) == pytest.approx(0.0, abs=0.01)
    finding = next(f for f in outcome.findings if f.code == "collide.overhangs")
    assert finding.severity is Severity.WARNING
    assert finding.measured == pytest.approx(1.0, rel=0.3)


def test_no_floor_and_no_frame_are_explained():
    empty = run(sheet((0, 0, 0), (0.05, 0, 0), (0, 0.05, 0)))
    assert empty.value.parts == ()
    assert empty.findings[-1].code == "collide.no_surface"
    with pytest.raises(InvalidRequest, match="frame"):
        run(sheet((0, 0, 0), (1, 0, 0), (0, 1, 0)).transformed(Similarity(), Frame.GENERATOR))
