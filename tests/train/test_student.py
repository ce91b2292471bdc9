"""The student's losses on scenes of a teacher, stage by stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import lyra_backend.train.student as student_module
from lyra_backend.errors import InvalidRequest
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.gaussian_head import prune_by_opacity
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.rays import gaussian_rays
from lyra_backend.models.trajectories import camera_path
from lyra_backend.train.losses import centre_depths, opacity_loss, relative_depth_loss, slope_loss
from lyra_backend.train.recipe import Optimiser, Recipe, Stage
from lyra_backend.train.rendering import render_views
from lyra_backend.train.student import StudentObjective
from lyra_backend.train.taught import Taught

VIEWS, FRAMES, HEIGHT, WIDTH = 3, 9, 16, 32
STAGE = Stage("all", 10, batch=2, views=(1, 3), shuffle=True, targets=2, centres=0.5, slopes=0.1, relative_depth=0.1)


class Scenes:
    """A few scenes in memory."""

    def __init__(self, *scenes: Taught) -> None:
        self.scenes = scenes

    def __len__(self) -> int:
        return len(self.scenes)

    def scene(self, i: int) -> Taught:
        return self.scenes[i]


def taught(seed: int, *, moves: bool = False) -> Taught:
    rng = np.random.default_rng(seed)
    views = 2 * VIEWS if moves else VIEWS
    poses = [camera_path(kind, 0.2, FRAMES, 2.0) for kind in ("clockwise", "left", "right")]
    colours = rng.uniform(0, 255, 3)
    rows = np.linspace(0.6, 1.0, HEIGHT)[:, None, None]
    picture = np.broadcast_to((rows * colours).astype(np.uint8), (HEIGHT, WIDTH, 3))
    depth = rng.uniform(1.5, 2.5, (views, FRAMES, HEIGHT, WIDTH)).astype(np.float16)
    depth[:, :, :4] = 0
    return Taught(
        f"scene {seed}",
        seed,
        rng.standard_normal((VIEWS, 2, 16, 2, 4)).astype(np.float16),
        rng.standard_normal((VIEWS, 2, 32, 2, 4)).astype(np.float16),
        np.broadcast_to(picture, (views, FRAMES, HEIGHT, WIDTH, 3)).copy(),
        np.stack(poses + poses[::-1] if moves else poses),
        np.array([25.6, 25.6, 16, 8], np.float32),
        cache_depth=depth,
        time=np.tile(np.arange(FRAMES, dtype=np.int32), (views, 1)) if moves else None,
    )


def decoder(*, moves: bool = False) -> GaussianDecoder:
    torch.manual_seed(0)
    sizes = {"width": 32, "depth": 2, "attention_heads": 2, "attention_every": 2, "scan_inner": 32, "scan_heads": 2}
    shifts = {"near": 0.4, "far": 6.0, "distance_shift": -0.9, "opacity_shift": -1.0}
    return GaussianDecoder(**sizes, **shifts, state_size=8, use_time=moves)


def objective(stage: Stage = STAGE, **changes) -> StudentObjective:
    moves = stage.moves
    scenes = Scenes(*(taught(seed, moves=moves) for seed in range(3)))
    given = {
        "decoder": decoder(moves=moves),
        "scenes": scenes,
        "recipe": Recipe("test", Optimiser(), (stage,)),
        "seed": 0,
    }
    return StudentObjective(**(given | changes))


def values(parts: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(part.detach()) for name, part in parts.items()}


@pytest.mark.parametrize(
    "stage",
    [STAGE, replace(STAGE, views=1, targets=0, centres=1.0, colours=1.0), replace(STAGE, prune=0.5, opacity=0.1)],
    ids=["pictures", "without a renderer", "pruned"],
)
def test_the_loss_falls(stage: Stage) -> None:
    student = objective(stage)
    adam = torch.optim.Adam(student.decoder.parameters(), 5e-3)
    losses = []
    for step in range(20):
        adam.zero_grad()
        loss = student.loss(step)["loss"]
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-4:]) < 0.75 * np.mean(losses[:4])


def test_a_step_is_the_same_whenever_it_comes() -> None:
    student = objective()
    once, _, twice = (values(student.loss(step)) for step in (5, 6, 5))
    assert once == twice
    assert once != values(replace(student, seed=1).loss(5))


def test_the_loss_is_the_weighted_sum_of_its_parts() -> None:
    stage = replace(STAGE, colours=0.2, depth=0.3, opacity=0.4)
    found = values(objective(stage).loss(3))
    names = ("mse", "slopes", "relative_depth", "centres", "colours", "depth", "opacity")
    assert set(found) == {"loss", *names}
    assert found["loss"] == pytest.approx(sum(getattr(stage, name) * found[name] for name in names), rel=1e-5)


def test_parts_are_those_of_the_gaussians_as_they_are_rendered() -> None:
    """One scene, all views in order, put together here from the parts of the package."""
    stage = Stage("one", 1, views=3, targets=1, mse=1.0, relative_depth=1.0, centres=1.0, prune=0.5)
    student = objective(stage, scenes=Scenes(taught(0)))
    drawn = student._drawn(stage, np.random.default_rng([0, 9_501, 0]))[0]
    scene = drawn.taught
    assert drawn.videos == [0, 1, 2]
    rays = gaussian_rays(
        torch.from_numpy(scene.cam_to_world).flatten(0, 1), torch.from_numpy(scene.lens), HEIGHT, WIDTH
    )
    latents, plucker = (torch.from_numpy(part).float().flatten(0, 1)[None] for part in (scene.latents, scene.plucker))
    gaussians = student.decoder(latents, plucker, rays.origins[None], rays.directions[None], None, VIEWS)
    z = []
    for i, pose in enumerate(scene.cam_to_world.reshape(-1, 4, 4)):
        own = gaussians[0, i * 8 : (i + 1) * 8, :3].detach().numpy()
        z.append(((own - pose[:3, 3]) @ pose[:3, :3])[:, 2].reshape(2, 4))
    wanted = centre_depths(torch.from_numpy(scene.cache_depth).float()).reshape(-1, 2, 4).numpy()
    centres = np.abs(np.array(z) - wanted)[wanted > 0] / wanted[wanted > 0]
    kept = prune_by_opacity(gaussians, 0.5)[0]
    (view, frame) = drawn.targets[0]
    pose = torch.from_numpy(scene.cam_to_world[view, frame])[None]
    fields = (kept[:, :3], kept[:, 4:7], kept[:, 7:11], kept[:, 3], kept[:, 11:])
    shown = render_views(*(f.contiguous() for f in fields), pose, tuple(scene.lens.tolist()), (WIDTH, HEIGHT))
    truth = torch.from_numpy(scene.frames[view, frame]).float() / 255
    depth = torch.from_numpy(scene.cache_depth[view, frame]).float()
    found = values(student.loss(0))
    assert found["centres"] == pytest.approx(centres.mean(), rel=1e-4)
    assert found["mse"] == pytest.approx(float((shown.rgb[0] - truth).square().mean().detach()), rel=1e-4)
    known = depth > 0
    assert found["relative_depth"] == pytest.approx(
        float(((shown.depth[0] - depth).abs()[known] / depth[known]).mean().detach()), rel=1e-4
    )


def test_all_videos_and_no_frame_twice_are_compared() -> None:
    stage = Stage("all", 1, batch=8, views=3, targets=FRAMES)
    for drawn in objective(stage)._drawn(stage, np.random.default_rng(0)):
        assert sorted(frame for _, frame in drawn.targets) == list(range(FRAMES))
        assert [sum(view == v for view, _ in drawn.targets) for v in range(3)] == [3, 3, 3]
    for drawn in objective(stage)._drawn(replace(stage, targets=2 * FRAMES), np.random.default_rng(0)):
        assert len(drawn.targets) == 2 * FRAMES


def test_moving_scenes_are_compared_at_one_time(monkeypatch) -> None:
    """All views that are drawn, also those whose motion was reversed, show the time that the decoder was told."""
    stage = Stage("moving", 1, views=(1, 3), shuffle=True, targets=6, moves=True)
    asked: list[float] = []

    def time_latents(space: LatentSpace, embedding: torch.Tensor, height: int, width: int) -> torch.Tensor:
        assert (height, width) == (HEIGHT, WIDTH)
        asked.append(float(embedding[0, 0]))
        return torch.zeros(1, (len(embedding) - 1) // 8 + 1, 16, 2, 4)

    monkeypatch.setattr(student_module, "time_latents", time_latents)
    student = objective(stage, space=object())
    (drawn,) = student._drawn(stage, np.random.default_rng(1))
    assert sorted(view for view, _ in drawn.targets) == list(range(6))
    assert {int(drawn.taught.time[view, frame]) for view, frame in drawn.targets} == {drawn.time}
    assert np.isfinite(float(student.loss(0)["loss"].detach()))
    time = student._drawn(stage, np.random.default_rng([0, 9_501, 0]))[0].time
    assert asked == pytest.approx([0.0, time / (FRAMES - 1)])


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (replace(STAGE, frames=17), "is for 17 frames of 32 x 16 and the data have 9 frames of 32 x 16"),
        (replace(STAGE, height=64), "is for 9 frames of 32 x 64 and the data have"),
        (replace(STAGE, views=6), "shows up to 6 videos and the data have 3"),
    ],
)
def test_data_that_do_not_fit_are_refused(stage: Stage, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        objective(stage)


def test_moving_scenes_need_the_tokenizer() -> None:
    with pytest.raises(InvalidRequest, match="needs the teacher's tokenizer"):
        objective(replace(STAGE, moves=True))


def test_still_data_do_not_make_a_moving_student() -> None:
    with pytest.raises(InvalidRequest, match="for moving scenes and the data are of still ones"):
        objective(replace(STAGE, moves=True), scenes=Scenes(taught(0)), space=object())


def test_data_without_depth_have_no_losses_of_depth() -> None:
    scenes = Scenes(replace(taught(0), cache_depth=None))
    with pytest.raises(InvalidRequest, match="the data have none"):
        objective(STAGE, scenes=scenes)
    plain = replace(STAGE, centres=0.0, relative_depth=0.0)
    assert set(objective(plain, scenes=scenes).loss(0)) == {"loss", "mse", "slopes"}


def test_no_scenes_are_said_to_be_none() -> None:
    with pytest.raises(InvalidRequest, match="no scenes"):
        objective(scenes=Scenes())


def test_losses_by_plain_formulas() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.random((2, 5, 6, 3)).astype(np.float32) for _ in range(2))
    error = one - other
    steps = [np.abs(np.diff(error, axis=axis)).mean() for axis in (1, 2)]
    assert float(slope_loss(torch.from_numpy(one), torch.from_numpy(other))) == pytest.approx(np.mean(steps), rel=1e-5)
    found, wanted = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([2.0, 0.0, 4.0])
    assert float(relative_depth_loss(found, wanted)) == pytest.approx((0.5 + 0.25) / 2)
    assert float(relative_depth_loss(found, torch.zeros(3))) == 0
    assert float(opacity_loss(torch.tensor([0.0, 1.0]))) == pytest.approx((0.5 + 1 / (1 + np.exp(-1))) / 2)


def test_depth_about_the_middle_of_blocks() -> None:
    depth = torch.arange(16.0 * 16).reshape(16, 16) + 1
    blocks = centre_depths(depth)
    assert blocks.shape == (2, 2)
    assert float(blocks[0, 1]) == pytest.approx(float(depth[3:5, 11:13].mean()))
    depth[3, 11] = 0
    known = depth[3:5, 11:13]
    assert float(centre_depths(depth)[0, 1]) == pytest.approx(float(known[known > 0].mean()))
    assert float(centre_depths(torch.zeros(8, 8))) == 0
