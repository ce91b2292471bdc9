"""Memory: voxels that fit into it, clouds in portions, and strays that must not cost any."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lyra_backend.collide import heightfield, surface
from lyra_backend.collide._scan import bounds
from lyra_backend.collide._scan.bounds import fit, limit_gb
from lyra_backend.collide._scan.lattice import trusted
from lyra_backend.collide._scan.sheets import find_sheets
from lyra_backend.kernels.voxel_blocks import voxel_blocks
from lyra_backend.progress import Progress
from lyra_backend.types import Severity

from .clouds import box, cloud, floaters, join, room, sheet

LEAST_GB = 0.1  # what the lattice of any scene may take
SHEETS = {"density": 0.3, "relative_density": 0.15, "min_area": 0.05}


def two_courts(apart):
    """Two pieces of ground, so far apart that the box around them is empty."""
    return join(sheet((0, 0, 0), (2, 0, 0), (0, 2, 0)), sheet((apart, apart, 0), (2, 0, 0), (0, 2, 0)))


def stray(position, scale=0.02):
    return cloud([position], [[scale] * 3], [[1, 0, 0, 0]], [0.9])


@pytest.mark.parametrize(
    ("scene", "voxel_size"),
    [(two_courts(60.0), 0.05), (sheet((0, 0, 0), (7, 0, 0), (0, 7, 0)), 0.02)],
    ids=["an empty box", "much surface"],
)
def test_voxels_grow_until_the_scan_fits(scene, voxel_size):
    found, plenty = fit(scene, voxel_size, 0.1, 0.5), fit(scene, voxel_size, 8.0, 0.5)
    assert plenty.grid.voxel_size == voxel_size
    assert plenty.used_gb == pytest.approx(plenty.wanted_gb)
    assert voxel_size < found.grid.voxel_size < 4 * voxel_size
    assert found.used_gb < plenty.used_gb
    assert found.wanted_gb == pytest.approx(plenty.used_gb, rel=0.3)
    # the memory that was given is not held back either: voxels a little smaller would have been too many
    held = (bounds._BASE + bounds._GAUSSIAN * scene.count) / 1e9
    assert 0.3 * LEAST_GB < found.used_gb - held <= LEAST_GB


@pytest.mark.parametrize(("limit", "kept"), [(0.1, False), (1.0, True)])
def test_a_limit_that_cannot_be_kept_is_told_though_nothing_was_coarsened(limit, kept):
    scene = sheet((0, 0, 0), (2, 0, 0), (0, 2, 0))
    outcome = heightfield.run(scene, (), heightfield.Params(memory_limit=limit, lone_plane=True), Progress())
    assert outcome.counts["voxel_size_m"] == 0.05
    found = [f for f in outcome.findings if f.code == "collide.memory"]
    assert bool(found) != kept
    for finding in found:
        assert finding.severity is Severity.WARNING
        assert finding.unit == "GB"
        assert finding.measured > bounds._BASE / 1e9
        assert finding.limit == limit


def test_a_coarser_lattice_is_told_with_what_was_asked_for_and_what_was_used():
    scene = two_courts(60.0)
    outcome = heightfield.run(scene, (), heightfield.Params(memory_limit=0.1, lone_plane=True), Progress())
    (found,) = (f for f in outcome.findings if f.code == "collide.coarsened")
    assert found.severity is Severity.WARNING
    assert found.limit == 0.05
    assert found.measured == pytest.approx(outcome.counts["voxel_size_m"], abs=1e-4)
    assert found.measured > 0.05
    assert "0.05 m" in found.message
    assert "0.1 GB" in found.message
    assert outcome.value.parts


def test_every_collider_that_scans_has_the_limit():
    for plugin in (surface, heightfield):
        assert "memory_limit" in {f.name for f in dataclasses.fields(plugin.Params)}


def test_the_limit_nobody_gave_is_half_of_the_machine_and_at_most_eight(monkeypatch):
    assert limit_gb(3.0) == 3.0
    for installed, expected in ((6e9, 3.0), (64e9, 8.0), (None, 8.0)):
        monkeypatch.setattr(bounds, "installed_memory_bytes", lambda value=installed: value)
        assert limit_gb(None) == expected


def test_a_cloud_in_portions_gives_the_same_sheets(monkeypatch):
    scene = join(box((0, 0, 0), (0.6, 0.5, 0.4)), floaters((0, 0, 0.5), (1, 1, 1), 100))
    whole = find_sheets(fit(scene, 0.05, 8.0, 0.5), **SHEETS)
    monkeypatch.setattr(bounds, "_AT_ONCE", 333)
    assert scene.count > 2 * 333
    parts = find_sheets(fit(scene, 0.05, 8.0, 0.5), **SHEETS)
    for field in dataclasses.fields(whole):
        assert np.array_equal(getattr(whole, field.name), getattr(parts, field.name)), field.name


def test_blocks_of_floaters_are_let_go():
    bare, air = room(), floaters((0.4, 0.4, 0.4), (2.6, 2.1, 1.6), 400)
    alone, among = (find_sheets(fit(scene, 0.05, 8.0, 0.5), **SHEETS) for scene in (bare, join(bare, air)))
    touched = fit(join(bare, air), 0.05, 8.0, 0.5).directory >= 0
    assert touched.sum() > 1.2 * len(alone.blocks)
    assert len(among.blocks) <= 1.05 * len(alone.blocks)
    assert (among.directory >= 0).sum() == len(among.blocks)
    assert (among.directory[tuple(among.blocks.T)] == np.arange(len(among.blocks))).all()
    edges = among.edge_index[among.edge_index >= 0]
    assert np.array_equal(edges, np.arange(len(among.blocked)))
    assert np.array_equal(np.flatnonzero(among.edge_index.ravel() >= 0), among.owner)


def test_a_sheet_is_as_it_was_without_the_blocks_that_were_let_go():
    scene = join(box((0, 0, 0), (0.6, 0.5, 0.4)), floaters((0.2, 0.2, 0.2), (2, 2, 1), 300))
    found = fit(scene, 0.05, 8.0, 0.5)
    crossings = voxel_blocks(found.portions, found.directory, end_share=0.12)
    sheets = find_sheets(found, **SHEETS)
    assert 0 < len(sheets.blocks) < len(crossings.blocks)
    # what every blocked edge needs is still there: where it crosses, and the edges that continue it
    slot = crossings.directory[tuple(sheets.blocks.T)]
    ours, theirs = sheets.edge_index, crossings.edge_index[slot]
    assert np.array_equal(ours >= 0, theirs >= 0)
    assert np.array_equal(sheets.deviation[ours[ours >= 0]], crossings.deviation[theirs[theirs >= 0]])


def test_edges_stay_few_enough_for_kernels_to_name(monkeypatch):
    scene = sheet((0, 0, 0), (7, 0, 0), (0, 7, 0))
    blocks = (fit(scene, 0.02, 8.0, 0.5).directory >= 0).sum()
    monkeypatch.setattr(bounds, "_NODES", 3 * 512 * int(blocks) // 2)
    coarser = fit(scene, 0.02, 8.0, 0.5)
    assert 0 < 3 * 512 * (coarser.directory >= 0).sum() <= bounds._NODES


def test_strays_change_nothing():
    scene = room()
    strays = join(stray((30.0, 1.0, 1.0)), stray((1.0, -950.0, 1.0)), stray((1e30, 0.0, 0.0)), stray((1, 1, 1), 1e5))
    outcomes = [surface.run(s, (), surface.Params(kerb_height=0.0), Progress()) for s in (scene, join(scene, strays))]
    (clean,), (dirty,) = (o.value.with_role("environment") for o in outcomes)
    assert clean.vertices.tobytes() == dirty.vertices.tobytes()
    assert clean.triangles.tobytes() == dirty.triangles.tobytes()
    (found,) = (f for f in outcomes[1].findings if f.code == "collide.clipped")
    assert found.measured == 4.0


def test_a_stray_within_the_scenes_size_is_apart_all_the_same():
    ground = sheet((0, 0, 0), (40.0, 0, 0), (0, 1.0, 0))
    solid, findings = trusted(join(ground, stray((20.0, 90.0, 30.0))), 0.05, 2.0)
    assert (solid.sum(), len(findings)) == (ground.count, 1)


def test_a_second_building_is_no_stray():
    solid, findings = trusted(two_courts(30.0), 0.05, 2.0)
    assert solid.all()
    assert not findings


def test_everything_in_one_place_is_no_stray():
    heap = cloud(np.zeros((50, 3)), np.full((50, 3), 0.01), np.tile([1.0, 0, 0, 0], (50, 1)), np.full(50, 0.5))
    solid, findings = trusted(heap, 0.05, 2.0)
    assert solid.all()
    assert not findings
