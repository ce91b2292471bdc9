"""What training takes of a GPU's memory: each formula by hand, what is warned of, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Sdf

from lyra_backend import author, registry
from lyra_backend.author import Params
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.author.scene_size import read_scene_size
from lyra_backend.errors import InvalidRequest
from lyra_backend.footprint import plan_memory
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianSequence, SceneBundle, SceneSize

from .author.fields import cloud_of, room_proxy
from .commands import call

FULL = SceneSize(1000, 3, 0, 2, 100, 50, "particleField")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    params = {name: registry.get("author", name).Params() for name in ("particle_field", "nurec")}
    author.run(SceneBundle(cloud_of(60), room_proxy(), params), tmp_path, Params(), Progress())
    return tmp_path


def _bytes(size: SceneSize, environments: int, *cameras: tuple[int, int]) -> dict[str, int]:
    return {part.part: part.device_bytes or 0 for part in plan_memory(size, environments, cameras).parts}


def test_each_part_is_counted_as_its_formula_says() -> None:
    counted = _bytes(FULL, 8, (64, 48), (10, 10))
    assert counted == {
        "Gaussians": 1000 * (12 + 16 + 12 + 4 + 16 * 12),
        "tree over Gaussians": 32 * 1999,
        "colliders": 2 * (12 * 100 + 120 * 50),
        "images": 8 * (64 * 48 + 100) * 16,
    }
    plan = plan_memory(FULL, 8, [(64, 48), (10, 10)])
    assert plan.counted_bytes == sum(counted.values())
    assert plan.most_bytes - plan.counted_bytes == 3_300_000_000 + 8 * (64 * 48 + 100) * 1308


def test_gaussians_are_shared_and_pictures_are_not() -> None:
    one, many = _bytes(FULL, 1, (64, 64)), _bytes(FULL, 512, (64, 64))
    assert many["Gaussians"] == one["Gaussians"]
    assert many["images"] == 512 * one["images"]
    assert "would take 0.2 GB" in " ".join(plan_memory(FULL, 512, [(64, 64)]).advice)


def test_what_is_not_seen_is_not_counted() -> None:
    plan = plan_memory(FULL, 4096)
    assert [part.part for part in plan.parts] == ["colliders"]
    assert any("appearance = none" in sentence for sentence in plan.advice)
    assert plan.findings == ()


@pytest.mark.parametrize(
    ("size", "environments", "warned"),
    [
        (SceneSize(nurec_count=9), 2, True),
        (SceneSize(nurec_count=9), 1, False),
        (SceneSize(9, 0, 9, appearance="nurec"), 2, True),
        (SceneSize(9, 0, 9, appearance="particleField"), 2, False),
    ],
)
def test_nurec_in_several_environments_is_warned_of(size: SceneSize, environments: int, warned: bool) -> None:
    codes = [f.code for f in plan_memory(size, environments, [(8, 8)]).findings]
    assert codes == (["plan.nurec_environments"] if warned else [])
    assert not plan_memory(size, environments).findings


def test_cameras_without_gaussians_are_said() -> None:
    assert [f.code for f in plan_memory(SceneSize(), 1, [(8, 8)]).findings] == ["plan.no_gaussians"]


def test_a_scene_is_read_back_in_every_variant(folder: Path) -> None:
    size = read_scene_size(folder)
    assert (size.field_count, size.sh_degree, size.nurec_count) == (60, 3, 60)
    assert (size.shape_count, size.triangle_count, size.appearance) == (1, 4, "particleField")
    assert read_scene_size(folder / "stage_isaac5.usda").appearance == "nurec"
    assert read_scene_size(folder / "gaussians_nurec.usdz").nurec_count == 60


def test_a_foreign_volume_is_counted_by_its_payload() -> None:
    sample = Path(__file__).parent / "data" / "3dgrut_nurec_d3.usdz"
    assert read_scene_size(sample).nurec_count == pytest.approx(1000, rel=0.05)


def test_of_a_scene_that_moves_the_largest_time_counts(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40, 1), cloud_of(90, 1)), (0.0, 0.5), background=cloud_of(7, 1))
    bundle = SceneBundle(sequence.at(0), room_proxy(), {"particle_field": FieldParams(half=True)}, sequence=sequence)
    author.run(bundle, tmp_path, Params(), Progress())
    assert read_scene_size(tmp_path).field_count == 97
    assert read_scene_size(tmp_path).sh_degree == 1


def test_a_stage_without_anything_is_empty(tmp_path: Path) -> None:
    Sdf.Layer.CreateNew(str(tmp_path / "a.usda")).Save()
    assert read_scene_size(tmp_path / "a.usda") == SceneSize()


def test_the_command(folder: Path) -> None:
    done = call("plan", folder, "--envs", 128, "--cameras", "640x480", "--json")
    assert done.code == 0, done.err
    parts = {part["part"]: part["device_bytes"] for part in done.data["parts"]}
    assert parts["images"] == 128 * 640 * 480 * 16
    assert done.data["counted_bytes"] == sum(parts.values()) < done.data["most_bytes"]
    text = " ".join(call("plan", folder, "--envs", 128, "--cameras", "640x480").out.split())
    assert "images: 0.63 GB (RGBA and depth, held twice)" in text
    assert "128 environments: 0.63 GB counted" in text
    assert "at most 51.43 GB" in text
    assert "NuRec" not in text
    text = " ".join(call("plan", folder / "gaussians_nurec.usdz", "--envs", 2, "--cameras", "8x8").out.split())
    assert "warning NuRec with 2 environments" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--envs", "0"], "envs must be from 1"),
        (["--envs", "1", "--cameras", "640"], "--cameras: must read WxH"),
        (["--envs", "1", "--cameras", ""], "--cameras: must read WxH"),
        (["--envs", "1", "--cameras", "0x4"], "cameras must have 1 to 16384 pixels a side, got [0, 4]"),
    ],
)
def test_bad_numbers_are_refused(folder: Path, words: list[str], said: str) -> None:
    done = call("plan", folder, *words)
    assert done.code == 2
    assert said in done.err


def test_no_scene_no_plan(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"must be a run directory with scene\.usda or a USD file"):
        read_scene_size(tmp_path)
    assert call("plan", tmp_path / "none.usda", "--envs", 1).code == 2
