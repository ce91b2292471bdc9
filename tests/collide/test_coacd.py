"""Objects cut by the real CoACD: hulls that engines accept, and closer than the default."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._objects.hulls import MAX_VERTICES, hull_of
from lyra_backend.collide._objects.objects import find_objects

from . import things

pytest.importorskip("coacd", reason="an extra of its own: pip install 'lyra-backend[coacd]'")


def test_a_table_is_cut_into_few_good_hulls():
    room = things.room(solids=things.table(1.0, 1.0))
    result = find_objects(*room, method="coacd")
    assert {p.body for p in result.parts} == {"object_1"}
    assert 5 <= len(result.parts) <= 16
    for part in result.parts:
        assert len(part.vertices) <= MAX_VERTICES
        hull = hull_of(part.vertices.astype(float))
        assert hull.thickened < 1e-4
    assert result.counts["object_error_p95_max_m"] < 0.03
    volume = 1.2 * 0.8 * 0.05 + 4 * 0.1**2 * 0.7
    low = np.min([p.vertices.min(axis=0) for p in result.parts], axis=0)
    assert low[2] == pytest.approx(0.0, abs=0.02)
    assert sum(p.mass_kg for p in result.parts) / 240.0 == pytest.approx(volume, rel=0.3)
