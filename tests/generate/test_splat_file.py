"""Splat files as generated scenes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lyra_backend import params, refine, registry
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate.splat_file import Params, run
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import UP_AXES, Frame, GaussianCloud, SceneRequest, Severity, Similarity
from lyra_backend.types.rotations import evaluate_sh_basis, matrix_from_quat

from ..moving import followed, write_folder

SPLAT = Path(__file__).parents[1] / "data" / "ref_1k_d3.ply"
REQUEST = SceneRequest(splat=str(SPLAT))


def test_the_plugin_is_found() -> None:
    assert "splat_file" in registry.names("generate")
    assert registry.get("generate", "splat_file").Params is Params
    assert registry.summary("generate", "splat_file").startswith("A Gaussian splat file")


@pytest.mark.parametrize("up", sorted(UP_AXES))
def test_the_named_axis_points_up(up: str) -> None:
    source = read_ply(SPLAT).value
    cloud = run(REQUEST, Params(up=up), Progress()).value.cloud
    axis, sign = "xyz".index(up[-1]), -1 if up.startswith("-") else 1
    np.testing.assert_allclose(cloud.positions[:, 2], sign * source.positions[:, axis], atol=1e-6)
    assert cloud.frame is Frame.GENERATOR


def marked_room(up: str, unit_m: float) -> tuple[GaussianCloud, GaussianCloud]:
    """Return a floor with three marks [m], Z up, and the same as a file whose axis `up` points up has it.

    The marks are of different colours and stand one, two and three metres along x, y and z: no mirror image fits.
    Every Gaussian is redder seen from +x, greener from +y and bluer from +z.
    """
    side = np.linspace(-2, 2, 40)
    floor = np.stack([*np.meshgrid(side, side), np.zeros((40, 40))], axis=-1).reshape(-1, 3)
    points = np.concatenate([floor, [(1, 0, 0.3), (0, 2, 0.3), (0, 0, 3)]])
    count = len(points)
    sh = np.zeros((count, 4, 3))
    sh[-3:, 0] = np.eye(3)
    # Band 1 is (-y, z, -x) times a constant.
    sh[:, 3, 0], sh[:, 1, 1], sh[:, 2, 2] = -0.3, -0.3, 0.3
    quats = np.tile((1.0, 0, 0, 0), (count, 1))
    scales = np.tile((0.05, 0.04, 0.005), (count, 1))
    room = GaussianCloud(points, scales, quats, np.full(count, 0.9), sh, Frame.GENERATOR)
    # Written out by hand, apart from the table under test: where the file has the room's x, y and z axes.
    z = np.zeros(3)
    z["xyz".index(up[-1])] = -1 if up.startswith("-") else 1
    x = np.roll(np.abs(z), 1)
    turn = np.stack([x, np.cross(z, x), z], axis=1)
    return room, room.transformed(Similarity.build(1 / unit_m, turn), Frame.GENERATOR)


@pytest.mark.parametrize("unit_m", [1.0, 0.25])
@pytest.mark.parametrize("up", sorted(UP_AXES))
def test_a_room_stands_on_its_floor_and_is_not_mirrored(tmp_path: Path, up: str, unit_m: float) -> None:
    room, filed = marked_room(up, unit_m)
    write_ply(tmp_path / "room.ply", filed)
    request = SceneRequest(splat=str(tmp_path / "room.ply"))
    generation = run(request, Params(up=up, scale=unit_m), Progress()).value
    cloud = refine.run(generation, refine.Params(), Progress()).value.cloud
    assert cloud.frame is Frame.WORLD
    np.testing.assert_allclose(cloud.positions[:-3, 2], 0, atol=1e-4)
    # The rotation that is left, about z, must be one: solved from the marks, its determinant is +1.
    turn = np.linalg.lstsq(room.positions[-3:].astype(float), cloud.positions[-3:].astype(float), rcond=None)[0].T
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(turn[2], (0, 0, 1), atol=1e-4)
    # Each Gaussian lies flat, and looks from every side as it did in the room.
    axes = matrix_from_quat(cloud.quats_wxyz.astype(float))
    np.testing.assert_allclose(
        axes, np.broadcast_to(turn, axes.shape) * np.sign((axes * turn).sum(1))[:, None], atol=1e-4
    )
    for way in (*np.eye(3), *-np.eye(3), np.full(3, 3**-0.5)):
        seen = np.einsum("k,nkc->nc", evaluate_sh_basis((turn @ way)[None], 1)[0], cloud.sh)
        want = np.einsum("k,nkc->nc", evaluate_sh_basis(way[None], 1)[0], room.sh)
        np.testing.assert_allclose(seen, want, atol=1e-4)


def test_an_unknown_scale_is_left_to_refine() -> None:
    outcome = run(REQUEST, Params(up="-y"), Progress())
    assert not outcome.findings
    assert not outcome.value.scale.is_metric
    assert outcome.value.geometry == "inferred"


def test_an_assumed_up_axis_is_said_and_a_given_one_is_not() -> None:
    assumed, given = (run(REQUEST, Params(up=up, scale=1.0), Progress()) for up in (None, "-y"))
    assert [(f.code, f.severity) for f in assumed.findings] == [("splat.up_assumed", Severity.WARNING)]
    assert not given.findings
    assert (assumed.value.as_asked, given.value.as_asked) == (False, True)
    assert (assumed.value.up_assumed, given.value.up_assumed) == (True, False)
    assert np.array_equal(assumed.value.cloud.positions, given.value.cloud.positions)


def test_a_given_scale_makes_it_metric() -> None:
    plain = run(REQUEST, Params(), Progress()).value.cloud
    outcome = run(REQUEST, Params(up="-y", scale=2.5, scale_uncertainty=4.0), Progress())
    assert not outcome.findings
    assert outcome.value.scale.uncertainty_percent == 4.0
    np.testing.assert_allclose(outcome.value.cloud.positions, 2.5 * plain.positions, rtol=1e-6)
    np.testing.assert_allclose(outcome.value.cloud.scales, 2.5 * plain.scales, rtol=1e-6)
    expected = read_ply(SPLAT).value.transformed(UP_AXES["-y"].then(Similarity(2.5)), Frame.GENERATOR)
    assert np.array_equal(outcome.value.cloud.quats_wxyz, expected.quats_wxyz)


def test_provenance_names_content_not_places() -> None:
    outcome = run(REQUEST, Params(), Progress())
    provenance = outcome.value.provenance
    assert provenance["source_sha256"] == hashlib.sha256(SPLAT.read_bytes()).hexdigest()
    assert provenance["source_format"] == "ply"
    assert provenance["licence"] == "unknown, as the source file"
    assert str(SPLAT.parent) not in json.dumps(provenance)
    assert outcome.counts["gaussians"] == 1000


def test_requests_that_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--splat"):
        run(SceneRequest(prompt="a room"), Params(), Progress())
    with pytest.raises(InvalidRequest, match="no such file"):
        run(SceneRequest(splat=str(tmp_path / "absent.ply")), Params(), Progress())
    with pytest.raises(InvalidRequest, match="up must be one of its choices"):
        params.build(Params, "generate", {"up": "north"})
    with pytest.raises(InvalidRequest, match="scale must be from"):
        params.build(Params, "generate", {"scale": "0"})
    assert params.build(Params, "generate", {"scale": "none"}).scale is None


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(REQUEST, Params(), Progress(token=token))


# -- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_becomes_a_scene_that_moves(tmp_path: Path) -> None:
    whole = followed(3)
    folder = write_folder(tmp_path / "frames", whole)
    request = SceneRequest(splat=str(folder))
    outcome = run(request, Params(up="z", scale=2.0, fps=10.0, stable_identity=True), Progress())
    sequence = outcome.value.sequence
    assert sequence is not None
    assert sequence.times_s == pytest.approx((0.0, 0.1, 0.2))
    assert sequence.stable_identity
    assert outcome.value.cloud is sequence.clouds[0]
    assert outcome.counts["times"] == 3
    assert outcome.value.provenance["source_format"] == "ply"
    for one, two in zip(sequence.clouds, whole.clouds, strict=True):
        np.testing.assert_allclose(one.positions, 2 * two.positions, atol=1e-5)
    times = run(request, Params(up="z", times_s="0, 1.5,2"), Progress()).value.sequence
    assert times is not None
    assert times.times_s == (0.0, 1.5, 2.0)
    assert not times.stable_identity


def spoiled(folder: Path, number: int, change) -> None:
    path = folder / f"frame_{number:04d}.ply"
    write_ply(path, change(read_ply(path).value))


@pytest.mark.parametrize(
    ("change", "stable", "said"),
    [
        (
            lambda c: c.select(np.arange(10)),
            True,
            r"frame_0001.ply: has 10 Gaussians, frame_0000.ply has [0-9,]+; with",
        ),
        (lambda c: replace(c, sh=np.zeros((c.count, 4, 3))), False, "frame_0001.ply: has colours of SH degree 1"),
    ],
)
def test_files_that_do_not_go_together(tmp_path: Path, change, stable: bool, said: str) -> None:
    folder = write_folder(tmp_path / "frames", followed(2))
    spoiled(folder, 1, change)
    with pytest.raises(InvalidRequest, match=said):
        run(SceneRequest(splat=str(folder)), Params(fps=10.0, stable_identity=stable), Progress())


def test_dropped_gaussians_end_identity(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", followed(2))
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        start = data.index(b"end_header") + len(b"end_header\n")
        data[start : start + 4] = np.float32(np.nan).tobytes()
        path.write_bytes(data)
    with pytest.raises(InvalidRequest, match="1 Gaussians have values that cannot be used"):
        run(SceneRequest(splat=str(folder)), Params(fps=10.0, stable_identity=True), Progress())
    outcome = run(SceneRequest(splat=str(folder)), Params(fps=10.0), Progress())
    dropped = [f.message for f in outcome.findings if f.code == "splat.non_finite"]
    assert len(dropped) == 1
    assert dropped[0].startswith("frame_0000.ply: 1 of")
    assert dropped[0].endswith("So it is in 1 other files.")


def test_times_that_are_no_numbers(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "frames", followed(2))
    with pytest.raises(InvalidRequest, match=r"generate.times_s must be seconds such as 0,0.1,0.2, got '0,soon'"):
        run(SceneRequest(splat=str(folder)), Params(times_s="0,soon"), Progress())
    with pytest.raises(InvalidRequest, match="times must be finite"):
        run(SceneRequest(splat=str(folder)), Params(times_s="0,nan"), Progress())


@pytest.mark.parametrize("given", [{"fps": 10.0}, {"times_s": "0,1"}, {"stable_identity": True}])
def test_one_file_has_no_times(given: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=r"is one splat, and generate.times_s, fps and stable_identity are for"):
        run(REQUEST, Params(**given), Progress())


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_mirrored_file_comes_back(tmp_path: Path, axis: str) -> None:
    straight = read_ply(SPLAT).value
    write_ply(tmp_path / "mirrored.ply", straight.mirrored("xyz".index(axis)))
    request = SceneRequest(splat=str(tmp_path / "mirrored.ply"))
    outcome = run(request, Params(up="-y", scale=2.0, mirror=axis, viewpoint="1,2,3"), Progress()).value
    expected = run(REQUEST, Params(up="-y", scale=2.0), Progress()).value
    np.testing.assert_allclose(outcome.cloud.positions, expected.cloud.positions, atol=1e-6)
    np.testing.assert_allclose(outcome.cloud.sh, expected.cloud.sh, atol=1e-5)
    assert np.linalg.det(outcome.from_source[:3, :3]) == pytest.approx(-8.0)
    assert outcome.units_per_source_unit == pytest.approx(2.0)
    points = np.append(np.float64([1, 2, 3]), 1.0)
    np.testing.assert_allclose(outcome.cameras[0].position, (outcome.from_source @ points)[:3], atol=1e-5)


def test_a_mirrored_collider_is_refused(tmp_path: Path) -> None:
    request = SceneRequest(splat=str(SPLAT), collider_glb=str(tmp_path / "a.glb"))
    with pytest.raises(InvalidRequest, match=r"generate\.mirror: cannot be used with"):
        run(request, Params(mirror="x"), Progress())
