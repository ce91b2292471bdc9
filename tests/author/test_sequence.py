"""A scene that moves as time-sampled particle fields: right at its times and between them, in bounded memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdValidation

from lyra_backend import author, registry
from lyra_backend.author import particle_field
from lyra_backend.author.time_codes import TimeCodes
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.ply import read_ply
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, GaussianCloud, GaussianSequence, Outcome, SceneBundle
from lyra_backend.types.rotations import multiply_quats, wxyz_to_xyzw
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy

COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
FIELD = "/World/Visual/Gaussians"


def stirred(cloud: GaussianCloud, turn: float) -> GaussianCloud:
    """Return a cloud with every Gaussian moved and turned about z by `turn` [rad]."""
    spin = np.array([np.cos(turn / 2), 0, 0, np.sin(turn / 2)])
    positions = cloud.positions + np.float32([turn, 0, 0.5 * turn])
    return replace(cloud, positions=positions, quats_wxyz=multiply_quats(spin[None], cloud.quats_wxyz))


def followed(times: int = 3, degree: int = 1) -> GaussianSequence:
    first = cloud_of(20, degree)
    clouds = [stirred(first, 0.4 * k) for k in range(times)]
    clouds[1] = replace(clouds[1], quats_wxyz=-clouds[1].quats_wxyz)  # the same orientations
    return GaussianSequence(tuple(clouds), tuple(k / 10 for k in range(times)), True, cloud_of(30, degree, seed=5))


def unfollowed(*counts: int) -> GaussianSequence:
    clouds = tuple(cloud_of(count, 0, seed=k) for k, count in enumerate(counts))
    return GaussianSequence(clouds, tuple(k / 24 for k in range(len(counts))), False, cloud_of(30, 0, seed=50))


def written(folder: Path, sequence: GaussianSequence, half: bool = False, **params: object) -> Outcome:
    folder.mkdir(exist_ok=True)
    fields = {"particle_field": particle_field.Params(half=half)}
    bundle = SceneBundle(sequence.at(0), room_proxy(), fields, sequence=sequence)
    return author.run(bundle, folder, author.Params(**params), Progress())


def values(stage: Usd.Stage, name: str, time: float, prim: str = "Moving") -> np.ndarray:
    return np.array(stage.GetAttributeAtPath(f"{FIELD}/{prim}.{name}").Get(time))


def test_every_root_layer_says_when_it_moves(tmp_path: Path) -> None:
    written(tmp_path, followed())
    for name in ("gaussians.usdc", "scene.usda", "stage.usda"):
        stage = Usd.Stage.Open(str(tmp_path / name))
        assert stage.HasAuthoredTimeCodeRange(), name
        assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0.0, 6.0), name
        assert stage.GetTimeCodesPerSecond() == 30.0, name
        assert stage.GetRootLayer().HasTimeCodesPerSecond(), name


@pytest.mark.parametrize(
    ("times_s", "rate", "codes"),
    [
        ((0.0, 1 / 24, 2 / 24), 24.0, (0.0, 1.0, 2.0)),
        ((0.0, 0.33333, 0.66667), 24.0, (0.0, 8.0, 16.0)),
        ((0.0, 0.1, 0.3), 30.0, (0.0, 3.0, 9.0)),
        ((1.0, 1.02), 50.0, (50.0, 51.0)),
        ((0.0, 0.00001), 24.0, (0.0, 0.00024)),
        ((0.0, 0.12345), 24.0, (0.0, 24 * 0.12345)),
    ],
)
def test_times_become_whole_frames_where_they_can(times_s, rate: float, codes) -> None:
    found = TimeCodes.of(times_s)
    assert found.per_second == rate
    assert found.codes == pytest.approx(codes)


@pytest.mark.parametrize("half", [False, True])
def test_followed_gaussians_are_right_at_their_times_and_between(tmp_path: Path, half: bool) -> None:
    sequence, end = followed(), "h" if half else ""
    written(tmp_path, sequence, half)
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    tolerance = 4e-3 if half else 1e-6
    for k, cloud in enumerate(sequence.clouds):
        assert np.abs(values(stage, f"positions{end}", 3.0 * k) - cloud.positions).max() <= tolerance
        turned = values(stage, f"orientations{end}", 3.0 * k)
        assert np.abs(np.abs((turned * wxyz_to_xyzw(cloud.quats_wxyz)).sum(axis=1)) - 1).max() <= tolerance
    one, two = sequence.clouds[:2]
    middle = (one.positions + two.positions) / 2
    assert np.abs(values(stage, f"positions{end}", 1.5) - middle).max() <= tolerance
    half_way = wxyz_to_xyzw(stirred(one, 0.2).quats_wxyz)
    got = values(stage, f"orientations{end}", 1.5)
    assert np.abs(np.abs((got * half_way).sum(axis=1)) - 1).max() <= tolerance


def test_only_what_changes_is_sampled_and_the_background_stands_once(tmp_path: Path) -> None:
    sequence = followed()
    outcome = written(tmp_path, sequence)
    stage = Usd.Stage.Open(str(tmp_path / "gaussians.usdc"))
    moving, still = (stage.GetPrimAtPath(f"/Gaussians/{name}") for name in ("Moving", "Still"))
    sampled = {a.GetName() for a in moving.GetAuthoredAttributes() if a.GetNumTimeSamples()}
    assert sampled == {"positions", "orientations", "extent"}
    assert not any(a.GetNumTimeSamples() for a in still.GetAuthoredAttributes())
    assert len(still.GetAttribute("positions").Get()) == 30
    # readers that know no time see the first
    assert np.array_equal(moving.GetAttribute("positions").Get(), sequence.clouds[0].positions)
    assert moving.GetAttribute("radiance:sphericalHarmonicsDegree").Get() == 1
    assert outcome.counts["particleField_still"] == 30
    assert outcome.counts["particleField_times"] == 3


@pytest.mark.parametrize("counts", [(9, 9, 9), (9, 4, 12), (3, 2, 2), (0, 5, 0)])
def test_others_are_held_until_the_next_time(tmp_path: Path, counts: tuple[int, ...]) -> None:
    sequence = unfollowed(*counts)
    outcome = written(tmp_path, sequence)
    assert {f.code for f in outcome.findings} == {"sequence.held"}
    stage = Usd.Stage.Open(str(tmp_path / "scene.usda"))
    arrays = ("positions", "scales", "orientations", "opacities", COEFFICIENTS)
    for k, cloud in enumerate(sequence.clouds):
        for time in (k, k + 0.5) if k + 1 < len(counts) else (k, k + 7):
            shown = {name: values(stage, name, time) for name in arrays}
            lengths = {len(array) for array in shown.values()}
            assert len(lengths) == 1
            assert np.array_equal(shown["positions"][: cloud.count], cloud.positions)
            assert np.array_equal(shown["opacities"][: cloud.count], cloud.opacities)
            assert not shown["opacities"][cloud.count :].any()
            assert lengths.pop() - cloud.count in (0, 1)


@pytest.mark.parametrize("sequence", [followed(), unfollowed(9, 4, 12), unfollowed(5, 5)], ids=["a", "b", "c"])
def test_the_extent_holds_everything_at_any_time(tmp_path: Path, sequence: GaussianSequence) -> None:
    written(tmp_path, sequence)
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    for time in np.linspace(0, stage.GetEndTimeCode(), 13):
        low, high = values(stage, "extent", time)
        centres, reach = values(stage, "positions", time), 3 * values(stage, "scales", time).max(axis=1, keepdims=True)
        assert (centres - reach >= low).all()
        assert (centres + reach <= high).all()


def test_rules_of_usd_and_our_own_have_nothing_to_say(tmp_path: Path) -> None:
    for name, sequence in (("a", followed()), ("b", unfollowed(9, 4, 4))):
        written(tmp_path / name, sequence)
        findings = check_usd(tmp_path / name, Limits(), Progress()).findings
        assert [f.message for f in findings] == []
        for file in ("gaussians.usdc", "stage.usda"):
            stage = Usd.Stage.Open(str(tmp_path / name / file))
            validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
            assert not UsdValidation.ValidationContext(validators).Validate(stage)


@pytest.mark.parametrize("half", [False, True])
def test_extents_hold_what_is_shown_between_samples(tmp_path: Path, half: bool) -> None:
    """USD rounds what it interpolates between halves, so a box that is tight at samples is too small between them."""
    first, end = cloud_of(400, 0), "h" if half else ""
    clouds = tuple(
        replace(first, positions=first.positions + np.float32([0.07 * k, 0.013 * k, -0.05 * k])) for k in range(4)
    )
    written(tmp_path, GaussianSequence(clouds, (0.0, 0.1, 0.2, 0.3), stable_identity=True), half)
    stage = Usd.Stage.Open(str(tmp_path / "gaussians.usdc"))
    field = stage.GetPrimAtPath("/Gaussians/Moving")
    for time in np.linspace(0, 9, 91):
        centres, scales = (np.array(field.GetAttribute(n + end).Get(time), np.float64) for n in ("positions", "scales"))
        reach = 3 * scales.max(axis=1, keepdims=True)
        low, high = np.array(field.GetAttribute("extent").Get(time), np.float64)
        assert (low <= (centres - reach).min(axis=0)).all(), time
        assert (high >= (centres + reach).max(axis=0)).all(), time
        assert np.abs(low - (centres - reach).min(axis=0)).max() < (0.01 if half else 1e-5)


def test_a_mistake_at_a_later_time_is_found(tmp_path: Path) -> None:
    written(tmp_path, followed())
    stage = Usd.Stage.Open(str(tmp_path / "gaussians.usdc"))
    attribute = stage.GetAttributeAtPath("/Gaussians/Moving.positions")
    wrong = np.array(attribute.Get(6.0))
    wrong[4] = np.nan
    attribute.Set(type(attribute.Get()).FromNumpy(wrong), 6.0)
    stage.Save()
    found = check_usd(tmp_path, Limits(), Progress()).findings
    assert [(f.code, "at time 6" in f.message) for f in found if f.code.startswith("field")] == [
        ("field.not_finite", True)
    ]


def test_equal_sequences_make_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        written(tmp_path / name, unfollowed(9, 4, 4))
    for file in ("gaussians.usdc", "scene.usda", "stage.usda"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_scene_of_which_everything_moves_has_one_field(tmp_path: Path) -> None:
    written(tmp_path, replace(followed(), background=None))
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    assert [p.GetName() for p in stage.GetPrimAtPath(FIELD).GetChildren()] == ["Moving"]
    assert stage.GetPrimAtPath(FIELD).IsA(UsdGeom.Xform)


def test_splats_of_all_times_are_left_if_asked_for(tmp_path: Path) -> None:
    sequence = unfollowed(9, 4)
    assert "sequence.json" not in written(tmp_path / "a", sequence).value
    names = written(tmp_path / "b", sequence, keep_splat=True).value
    assert {"gaussians.ply", "gaussians_t001.ply", "sequence.json"} <= set(names)
    listed = json.loads((tmp_path / "b" / "sequence.json").read_text(encoding="utf-8"))
    assert [entry["file"] for entry in listed["times"]] == ["gaussians.ply", "gaussians_t001.ply"]
    assert [entry["time_s"] for entry in listed["times"]] == pytest.approx([0, 1 / 24], abs=1e-6)
    assert read_ply(tmp_path / "b" / "gaussians_t001.ply").value.count == 34


def test_a_primitive_that_knows_no_time_says_so(tmp_path: Path, monkeypatch) -> None:
    plugin = SimpleNamespace(run=particle_field.run, RENDER_SETTINGS={})
    monkeypatch.setattr(registry, "get", lambda stage, name: plugin)
    outcome = written(tmp_path, followed())
    (finding,) = outcome.findings
    assert finding.code == "sequence.static_primitive"
    assert "The scene moves and 'particle_field' cannot" in finding.message


def test_only_a_world_can_be_placed(tmp_path: Path) -> None:
    clouds = tuple(replace(cloud, frame=Frame.GENERATOR) for cloud in followed().clouds)
    sequence = GaussianSequence(clouds, followed().times_s)
    with pytest.raises(InvalidRequest, match="must be in the WORLD frame"):
        particle_field.run_sequence(sequence, tmp_path, particle_field.Params(), Progress())
