"""A teacher with random weights shows what the generator's own model would, however its videos are batched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from lyra_backend.errors import Cancelled, InvalidRequest, WriteFailed
from lyra_backend.models.budget import VideoFormat
from lyra_backend.models.depth_cache import DepthCache
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.gen3c import Sampler
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.lyra import Lyra
from lyra_backend.models.placement import Placement
from lyra_backend.models.prompts import no_text
from lyra_backend.models.trajectories import DECODER_ORDER, camera_path
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.train import saving
from lyra_backend.train.sources import Source, motion_reversed
from lyra_backend.train.teacher import LyraTeacher, Teaching, weights_of
from lyra_backend.train.teaching import make_scenes, planned

VIDEO = VideoFormat(17, 64, 96, centre_depth=2.0, steps=2, guidance=0.0, foreground_masking=False)
PLACEMENT = Placement(torch.device("cpu"), torch.float32)
LENS = (76.8, 76.8, 48.0, 32.0)


def source(seed, count=1, name=None):
    """Return a slanted wall with a box before it, which moves to the right from picture to picture."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:64, :96]
    images = np.tile(rng.integers(0, 256, (64 // 8, 96 // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1), (count, 1, 1, 1))
    depth = np.tile((2.5 + 0.004 * u + 0.002 * v).astype(np.float32), (count, 1, 1))
    for i in range(count):
        box = np.s_[i, 20:44, 20 + 2 * i : 40 + 2 * i]
        images[box], depth[box] = (200, 30, 30), 1.5
    return Source(name or f"scene_{seed}", seed, images, depth, LENS)


@pytest.fixture(scope="module")
def teacher(random_model):
    return LyraTeacher.load(random_model / "vae", random_model / "transformer", VIDEO, PLACEMENT, Teaching())


@pytest.fixture(scope="module")
def still(teacher):
    return teacher.teach([source(5)])[0]


@pytest.fixture(scope="module")
def moving(teacher):
    return teacher.teach([source(5, VIDEO.frames)])[0]


def test_a_scene_is_what_the_loaded_model_imagines(teacher, still, random_model, tmp_path):
    folders = replace(ModelFolders.in_one(random_model, tmp_path), video=VIDEO)
    lyra = Lyra.load(folders, PLACEMENT)
    start, kind = source(5), "zoom_out"
    i = DECODER_ORDER.index(kind)
    path = camera_path(kind, teacher.teaching.distances(5)[kind], VIDEO.frames, VIDEO.centre_depth)
    shown = DepthCache(start.picture(0), start.depth[0], start.matrix).render(
        np.linalg.inv(path), start.matrix, VIDEO.foreground_masking
    )
    text = no_text(folders.text_width)
    sampler = Sampler(lyra.network, VIDEO.steps, VIDEO.guidance)
    found = lyra.imagine(start.picture(0), [shown], (text, text), sampler, 5, lambda *_: None)
    assert still.latents[i].astype(np.float32) == pytest.approx(found[0].transpose(0, 1).numpy(), abs=2e-3, rel=2e-3)
    decoded = (lyra.space.decode(found)[0].permute(1, 2, 3, 0).numpy() + 1) * 127.5
    assert np.abs(still.frames[i] - decoded).max() < 1
    assert still.cam_to_world[i] == pytest.approx(path, abs=1e-6)
    rays, _ = lyra._rays(list(still.cam_to_world), LENS, lambda *_: None)
    assert still.plucker.reshape(1, -1, *still.plucker.shape[2:]) == pytest.approx(rays.numpy(), abs=2e-3, rel=2e-3)


def test_cache_depth_is_that_of_the_warped_picture(still):
    """At the start of each path the picture is where it was; where nothing is known there is 0."""
    start = source(5)
    cache = DepthCache(start.picture(0), start.depth[0], start.matrix)
    for depth in still.cache_depth[:, 0]:
        shows_where_it_was(depth, cache)
    assert np.isfinite(still.cache_depth).all()
    out, towards = (still.cache_depth[DECODER_ORDER.index(kind), -1] for kind in ("zoom_out", "zoom_in"))
    assert np.median(out[out > 0]) > np.median(start.depth[0]) + 0.4
    assert np.median(towards[towards > 0]) < np.median(start.depth[0]) - 0.4


def shows_where_it_was(depth, cache):
    """Points that land just beside their pixel reach the next one, with next to no weight if another is there."""
    assert depth[cache.reliable] == pytest.approx(cache.depth[cache.reliable], rel=1e-3)
    assert not (depth > 0)[~binary_dilation(cache.reliable, np.ones((3, 3)))].any()


def test_videos_of_a_batch_are_those_made_one_by_one(teacher):
    sources = [source(5), source(6)]
    one = teacher.teach(sources)
    many = replace(teacher, clips_at_once=8).teach(sources)
    for mine, theirs in zip(one, many, strict=True):
        assert mine.latents == pytest.approx(theirs.latents, abs=4e-3, rel=4e-3)
        assert np.abs(mine.frames.astype(int) - theirs.frames).max() <= 1
        assert np.array_equal(mine.cache_depth, theirs.cache_depth)
        assert np.array_equal(mine.plucker, theirs.plucker)
    assert np.abs(one[0].latents.astype(float) - one[1].latents).max() > 0.1


def test_a_scene_does_not_depend_on_those_beside_it(teacher, still):
    again = teacher.teach([source(6), source(5)])[1]
    assert all(np.array_equal(array, again.arrays()[name]) for name, array in still.arrays().items())


def test_what_moved_backwards_is_one_more_view_running_forwards(teacher, moving):
    assert moving.latents.shape[0] == moving.plucker.shape[0] == 6
    assert moving.frames.shape[0] == moving.cam_to_world.shape[0] == 12
    assert np.array_equal(moving.time, np.tile(np.arange(17), (12, 1)))
    # the first pose of a forward view is the last of its reversed one
    assert moving.cam_to_world[6:] == pytest.approx(moving.cam_to_world[:6, ::-1], abs=1e-6)
    start = source(5, VIDEO.frames)
    # last frames of reversed views: the source's last picture, seen from where it was taken
    cache = DepthCache(start.picture(-1), start.depth[-1], start.matrix)
    for depth in moving.cache_depth[6:, -1]:
        shows_where_it_was(depth, cache)


def test_every_view_of_a_moment_shows_the_same_moment(moving):
    """The box moves 2 px a frame: where all views know it, it is where it was at that time, seen from their cameras."""
    for i in (2, 8, 14):
        centre = 30 + 2 * i
        place = np.array([(centre - 48) / 76.8 * 1.5, 0.0, 1.5, 1.0])
        for depth, pose in zip(moving.cache_depth[:, i], moving.cam_to_world[:, i], strict=True):
            x, y, z, _ = np.linalg.inv(pose.astype(float)) @ place
            column, row = round(76.8 * x / z + 48), round(76.8 * y / z + 32)
            if 2 <= column < 94:
                assert depth[row, column] == pytest.approx(z, abs=0.03)


def test_turning_round_turns_all():
    frames, depth, poses = np.arange(3, dtype=np.uint8), np.arange(3.0) + 10, np.arange(3.0) + 20
    found = motion_reversed(frames, depth, poses)
    assert [list(part) for part in found] == [[2, 1, 0], [12, 11, 10], [22, 21, 20]]


def test_still_scenes_and_those_told_so_have_no_reversed_views(teacher, still):
    assert still.frames.shape[0] == 6
    assert still.time is None
    forward = replace(teacher, teaching=Teaching(reverse=False, steps=1)).teach([source(5, VIDEO.frames)])[0]
    assert forward.frames.shape[0] == 6
    assert forward.time is not None


def test_few_frames_are_the_same_frames(teacher, moving):
    few = replace(teacher, teaching=Teaching(frames=(0, 3, 16))).teach([source(5, VIDEO.frames)])[0]
    assert np.array_equal(few.frames, moving.frames[:, [0, 3, 16]])
    assert np.array_equal(few.cache_depth, moving.cache_depth[:, [0, 3, 16]])
    assert np.array_equal(few.cam_to_world, moving.cam_to_world)
    assert list(few.indices) == [0, 3, 16]


def test_scenes_of_one_set_of_paths_share_rays(teacher):
    sharing = replace(teacher, teaching=Teaching(path_sets=2, steps=1), _rays=type(teacher._rays)())
    one, other, third = sharing.teach([source(5), source(7), source(6)])
    assert np.array_equal(one.cam_to_world, other.cam_to_world)
    assert not np.array_equal(one.cam_to_world, third.cam_to_world)
    assert len(sharing._rays) == 2


def test_no_text_is_as_good_as_empty_text_of_full_length(teacher, still):
    texts = (no_text(32), no_text(32))
    found = replace(teacher, texts=texts).teach([source(5)])[0]
    assert found.latents == pytest.approx(still.latents, abs=2e-3, rel=2e-3)
    words = tuple(torch.ones(1, 4, 32) * k for k in (1.0, 2.0))
    other = replace(teacher, texts=words).teach([source(5)])[0]
    assert not np.array_equal(other.latents, still.latents)


def test_half_precision_shows_nearly_the_same(teacher, still):
    half = replace(teacher, half=torch.bfloat16, space=LatentSpace(teacher.space.tokenizer, torch.bfloat16))
    found = half.teach([source(5)])[0]
    error = np.linalg.norm(found.latents.astype(float) - still.latents) / np.linalg.norm(still.latents.astype(float))
    assert 1e-5 < error < 0.05
    assert np.array_equal(found.cache_depth, still.cache_depth)


def test_the_origin_says_what_scenes_depend_on(teacher, random_model):
    origin = teacher.origin(3)
    assert origin.recipe["teaching"]["steps"] == 2
    assert origin.recipe["video"]["centre_depth"] == 2.0
    assert {name.split("/")[0] for name in origin.teacher} == {"vae", "transformer"}
    assert all(len(found) == 64 for found in origin.teacher.values())
    others = [
        replace(teacher, teaching=Teaching(steps=3)),
        replace(teacher, texts=(torch.ones(1, 1, 32), torch.ones(1, 1, 32))),
        replace(teacher, half=torch.bfloat16),
        replace(teacher, space=LatentSpace(teacher.space.tokenizer, torch.bfloat16)),
    ]
    assert all(other.origin(3).to_json() != origin.to_json() for other in others)
    assert replace(teacher, clips_at_once=4).origin(3).to_json() == origin.to_json()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        weights_of(random_model / "nothing")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"images": np.zeros((1, 64, 95, 3), np.uint8)}, "needs uint8 images"),
        ({"images": np.zeros((1, 64, 96, 3), np.float32)}, "needs uint8 images"),
        ({"depth": np.ones((1, 32, 96), np.float32)}, "needs uint8 images"),
        ({"sky": np.zeros((2, 64, 96), bool)}, "needs uint8 images"),
        (
            {"images": np.zeros((3, 64, 96, 3), np.uint8), "depth": np.ones((3, 64, 96), np.float32)},
            "needs one picture, or 17 of a moving scene, got 3",
        ),
    ],
)
def test_sources_that_do_not_fit_are_refused(teacher, changed, told):
    with pytest.raises(InvalidRequest, match=f"scene scene_5: {told}"):
        teacher.teach([replace(source(5), **changed)])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"teaching": Teaching(frames=())}, "frames to keep must rise"),
        ({"teaching": Teaching(frames=(0, 17))}, "frames to keep must rise"),
        ({"teaching": Teaching(frames=(3, 3))}, "frames to keep must rise"),
        ({"teaching": Teaching(path_sets=0)}, "1 set of paths or more"),
        ({"clips_at_once": 0}, "1 clip at once"),
    ],
)
def test_settings_that_cannot_be_are_refused(teacher, changed, told):
    with pytest.raises(InvalidRequest, match=told):
        replace(teacher, **changed)


class Stand:
    """A teacher that repeats one scene under other names, and counts."""

    def __init__(self, real, scene):
        self.real, self.scene, self.taught = real, scene, []

    def origin(self, seed):
        return self.real.origin(seed)

    def teach(self, sources, progress=None):
        if progress:
            progress(0.0, "showing")
        self.taught += [each.name for each in sources]
        return [replace(self.scene, name=each.name, seed=each.seed) for each in sources]


NAMES = [f"scene_{i}" for i in range(5)]


def test_a_data_set_is_made_and_gone_on_with(teacher, still, tmp_path):
    stand = Stand(teacher, still)
    first = make_scenes(tmp_path, stand, NAMES[:3], source, 1, 2)
    assert list(first.names) == NAMES[:3]
    assert stand.taught == NAMES[:3]
    token, told = CancelToken(), []

    def listen(event):
        told.append(event.fraction)
        if event.milestone:
            token.cancel()

    (tmp_path / "shard_00000.safetensors").unlink()
    with pytest.raises(Cancelled):
        make_scenes(tmp_path, stand, NAMES, source, 1, 2, Progress(listen, token))
    assert stand.taught[3:] == NAMES[:2]
    assert told == sorted(told)
    reader = make_scenes(tmp_path, stand, NAMES, source, 1, 2)
    assert stand.taught[5:] == NAMES[2:]
    assert [reader.scene(i).seed for i in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(InvalidRequest, match="seed is 1 there and 2 now"):
        make_scenes(tmp_path, stand, NAMES, source, 2, 2)


def test_a_disk_that_is_full_stops_a_data_set_that_can_go_on(teacher, still, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "save_file", full)
    with pytest.raises(WriteFailed, match="No space left"):
        make_scenes(tmp_path, Stand(teacher, still), NAMES, source, 1, 2)
    monkeypatch.undo()
    assert len(make_scenes(tmp_path, Stand(teacher, still), NAMES, source, 1, 2)) == 5


def test_what_comes_or_goes_makes_nothing_again(teacher, still, tmp_path):
    """Names sort anywhere, and those that are there keep their places."""
    stand = Stand(teacher, still)
    make_scenes(tmp_path, stand, NAMES[1:3], lambda i: source(i + 1), 1, 2)
    plan = planned(tmp_path, [NAMES[0], NAMES[2], NAMES[3]])
    assert plan == [NAMES[1], NAMES[2], NAMES[0], NAMES[3]]
    reader = make_scenes(tmp_path, stand, plan, lambda i: source(int(plan[i][-1])), 1, 2)
    assert stand.taught == [*NAMES[1:3], NAMES[0], NAMES[3]]
    assert list(reader.names) == plan
    assert planned(tmp_path / "none", NAMES) == NAMES


def test_the_origin_says_how_pictures_were_read(teacher):
    told = replace(teacher, sources={"fit": "crop"}).origin(0)
    assert told.recipe["sources"] == {"fit": "crop"}
    assert "sources" not in teacher.origin(0).recipe


def test_plans_that_cannot_be_are_refused(teacher, still, tmp_path):
    with pytest.raises(InvalidRequest, match="each scene needs a name of its own"):
        make_scenes(tmp_path, Stand(teacher, still), ["a", "a"], source, 1, 2)
    with pytest.raises(ValueError, match="scene 0 is 'a' in the plan"):
        make_scenes(tmp_path, Stand(teacher, still), ["a"], source, 1, 2)
    with pytest.raises(InvalidRequest, match="different names"):
        teacher.teach([source(5), source(5)])


def test_damaged_weights_are_told(teacher, random_model):
    broken = LyraTeacher.load(random_model / "vae", random_model / "transformer", VIDEO, PLACEMENT, Teaching(steps=1))
    with torch.no_grad():
        broken.space.tokenizer.decoder.conv_out.conv_t.bias.fill_(torch.nan)
    with pytest.raises(InvalidRequest, match="tokenizer: decodes numbers that are not finite"):
        broken.teach([source(5)])
