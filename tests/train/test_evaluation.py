"""A model with random weights on two rooms: figures against what is computed here from the rooms, and the tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.lyra import Lyra
from lyra_backend.models.placement import Placement
from lyra_backend.models.trajectories import DECODER_ORDER, camera_path
from lyra_backend.progress import Progress
from lyra_backend.train.evaluation import NETWORK, TRUE, Row, evaluate, weights_bytes
from lyra_backend.train.evaluation_table import comparison_table, evaluation_json, evaluation_table
from lyra_backend.train.held_out import posed_scene, room_scenes
from lyra_backend.train.metrics import picture_errors
from lyra_backend.train.room_clips import clip_of
from lyra_backend.train.rooms import HELD_OUT, draw_room
from lyra_backend.train.shards import Origin, ShardReader, ShardWriter
from lyra_backend.train.taught import Taught
from lyra_backend.train.taught_scenes import Gap, measure_taught
from lyra_backend.train.teaching import Teaching
from lyra_backend.train.trial import draw, make_trial

SIZE, FRAMES = (96, 64), 9
ON, OFF = "on the paths", "off the paths"


@pytest.fixture(scope="module")
def model(random_model, tmp_path_factory):
    folders = ModelFolders.in_one(random_model, tmp_path_factory.mktemp("kept"))
    how = {"frames": FRAMES, "centre_depth": 2.0, "steps": 1, "guidance": 0.0, "foreground_masking": False}
    video = replace(folders.video, reliable_window=3, reliable_range=0.25, **how)
    return Lyra.load(replace(folders, video=video), Placement(torch.device("cpu"), torch.float32))


@pytest.fixture(scope="module")
def scenes():
    return room_scenes(2, 3, SIZE, 2, "cpu")


def depth_of(image):
    """Depth of no room: farther to the right, in another unit."""
    return np.tile(np.linspace(5.0, 10.0, image.shape[1], dtype=np.float32), (image.shape[0], 1))


@pytest.fixture(scope="module")
def found(model, scenes):
    return evaluate(model, scenes, depth_of, Progress(), frames_each=2)


def test_there_is_a_row_for_all_that_can_be_measured(found):
    both = [Row(d, w, "truth", p) for d in (TRUE, NETWORK) for w in ("student", "raw warp") for p in (ON, OFF)]
    taught = [Row(d, w, a, ON) for d in (TRUE, NETWORK) for w, a in (("student", "teacher"), ("teacher", "truth"))]
    guesses = [Row("-", w, "truth", p) for w in ("average scene", "constant depth") for p in (ON, OFF)]
    assert set(found.tallies) == {*both, *taught, *guesses}
    for row, tally in found.tallies.items():
        # two scenes; two frames of six paths, or two views off them
        assert tally.means()["count"] == 2 * (12 if row.where == ON else 2)
    assert set(found.by_path) == {(what, path) for what in ("teacher", "raw warp") for path in DECODER_ORDER}


def test_what_knows_nothing_of_a_scene_is_as_good_as_computed_here(found, model, scenes):
    """Median over the rooms of each view's depth, and one depth for all, from clips that are rendered here."""
    clips = []
    for scene in scenes:
        unit = np.median(scene.z) / 2.0
        lengths = Teaching().distances(scene.seed)
        views = [clip_of(draw_room(scene.seed), k, d, FRAMES, SIZE, 2.0 * unit, "cpu") for k, d in lengths.items()]
        # frames 4 and 8 of the ellipse are seen from where the picture was taken
        clips.append(np.concatenate([clip.z[[3, 7] if i == 0 else [5, 8]] for i, clip in enumerate(views)]))
    average, constant = np.median(clips, axis=0), np.median(clips)
    for what, guess in (("average scene", average), ("constant depth", constant)):
        errors = [np.median(np.abs(guess - z) / z, axis=(1, 2)) for z in clips]
        measured = found.tallies[Row("-", what, "truth", ON)].means()["depth_median"]
        assert measured == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_warped_picture_is_the_caches_with_holes_in_its_mean_colour(found, model, scenes):
    from lyra_backend.models.depth_cache import DepthCache

    values = []
    for scene in scenes:
        unit, (fx, fy, cx, cy) = np.median(scene.z) / 2.0, scene.lens
        matrix, image = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), scene.image / 127.5 - 1
        cache = DepthCache(image, scene.z, matrix, window=3, relative_range=0.25, device="cpu")
        shown = cache.render(np.linalg.inv(scene.others.cam_to_world), matrix, False)
        for frame, mask, wanted in zip(shown.frames, shown.masks, scene.others.frames, strict=True):
            filled = np.moveaxis(frame, 0, -1).copy()
            filled[~mask[0]] = image.mean(axis=(0, 1))
            error = np.square((filled + 1) / 2 - wanted / 255.0).mean()
            values.append(-10 * np.log10(error))
        assert unit == pytest.approx(1.0, rel=0.1)
    assert found.tallies[Row(TRUE, "raw warp", "truth", OFF)].means()["psnr"] == pytest.approx(
        np.mean(values), abs=0.02
    )


def test_a_student_is_compared_where_its_cameras_stand(found, model, scenes):
    """Gaussians are in the networks' unit, and poses and depth of a room in the room's."""
    values = []
    for scene in scenes:
        unit = float(np.median(scene.z)) / 2.0
        z = (scene.z * (2.0 / float(np.median(scene.z)))).astype(np.float32)
        trial = make_trial(model, scene.image, z, scene.lens, scene.seed, Progress())
        for pose, truth in zip(scene.others.cam_to_world, scene.others.frames, strict=True):
            near = np.array(pose, float)
            near[:3, 3] /= unit
            values.append(picture_errors(draw(trial.gaussians, near, scene.lens, SIZE, "cpu").rgb, truth).psnr)
        assert trial.paths["left"] == pytest.approx(
            camera_path("left", Teaching().distances(scene.seed)["left"], FRAMES, 2.0)
        )
    assert found.tallies[Row(TRUE, "student", "truth", OFF)].means()["psnr"] == pytest.approx(np.mean(values), abs=1e-3)


def test_the_depth_networks_own_scale_does_not_spoil_pictures(model, scenes, found):
    far = evaluate(model, scenes[:1], lambda image: 7 * depth_of(image), Progress(), frames_each=1)
    near = evaluate(model, scenes[:1], depth_of, Progress(), frames_each=1)
    row = Row(NETWORK, "raw warp", "truth", ON)
    assert far.tallies[row].means()["psnr"] == pytest.approx(near.tallies[row].means()["psnr"], abs=0.05)
    assert far.depth_network.means()["depth_median"] > near.depth_network.means()["depth_median"] + 1
    assert far.depth_network.means()["depth_scaled_median"] == pytest.approx(
        near.depth_network.means()["depth_scaled_median"], abs=1e-4
    )


def test_numbers_are_plain_json(found):
    data = json.loads(json.dumps(evaluation_json(found), allow_nan=False))
    assert data["scenes"] == 2
    (row,) = [r for r in data["rows"] if (r["depth"], r["what"], r["where"]) == (TRUE, "raw warp", OFF)]
    assert row["psnr"] == found.tallies[Row(TRUE, "raw warp", "truth", OFF)].means()["psnr"]
    assert data["gaussians"] == found.gaussians[0]
    assert set(data["seconds"]) == {"processor", "wall", "processor, depth network"}


def test_sizes_are_those_of_the_files(model, random_model):
    from safetensors import safe_open

    for name, size in weights_bytes(model).items():
        (path,) = (random_model / name).glob("*.safetensors")
        with safe_open(path, "np") as file:
            assert size == 2 * sum(file.get_tensor(key).size for key in file.keys())  # noqa: SIM118


def test_tables_say_what_was_found(found):
    text = evaluation_table(found, Gap(found.tallies[Row(TRUE, "student", "teacher", ON)], found.tokenizer["clips"]))
    means = found.tallies[Row(TRUE, "student", "truth", OFF)].means()
    assert (
        f"| {TRUE} | student | truth | {OFF} | 4 | {means['psnr']:.2f} | {means['ssim']:.3f} | - | "
        f"{means['depth_median']:.1%} | {means['depth_scaled_median']:.1%} | {means['depth_mean']:.3f} |"
    ) in text
    assert "| clockwise |" in text
    assert "| first frames |" in text
    assert "Gap to training scenes:" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[2].startswith(f"| {TRUE} | teacher | truth")
    assert [line.split(" | ")[1] for line in lines if line.startswith("| - |")] == ["average scene"] * 2 + [
        "constant depth"
    ] * 2


def test_models_are_compared_line_by_line(found):
    lines = comparison_table({"full": found, "no depth loss": found}).splitlines()
    on = found.tallies[Row(TRUE, "student", "truth", ON)].means()
    assert lines[2].startswith(f"| full | {on['psnr']:.2f} | {on['ssim']:.3f} | - |")
    assert lines[3].startswith("| no depth loss |")
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_pictures_with_cameras_and_no_depth_take_the_networks(model, scenes):
    scene = scenes[0]
    pictures = np.concatenate([scene.image[None], scene.others.frames])
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = (3.0, -1.0, 2.0)
    poses = elsewhere @ np.concatenate([np.eye(4)[None], scene.others.cam_to_world])
    posed = posed_scene("posed", 0, pictures, poses, scene.lens, None)
    assert posed.others.cam_to_world == pytest.approx(scene.others.cam_to_world, abs=1e-6)
    found = evaluate(model, [posed], depth_of, Progress(), frames_each=1)
    assert {row.depth for row in found.tallies} == {NETWORK}
    assert found.tallies[Row(NETWORK, "student", "truth", OFF)].means()["depth_median"] is None
    with pytest.raises(InvalidRequest, match="has no depth, and there is no network"):
        evaluate(model, [posed], None, Progress())


def test_a_students_own_pictures_as_its_teachers_are_shown_without_error(model, scenes, tmp_path):
    """Data whose pictures and depth are what the student makes of the latents beside them."""
    rng, lens = np.random.default_rng(0), scenes[0].lens
    paths = np.stack([camera_path(kind, 0.1, FRAMES, 2.0) for kind in DECODER_ORDER])
    latents = rng.normal(0, 1, (6, 2, 16, 8, 12)).astype(np.float16)
    videos = [torch.from_numpy(view.astype(np.float32)).transpose(0, 1)[None] for view in latents]
    (gaussians,) = model.reconstruct(videos, list(paths), lens, lambda *_: None)
    drawn = [[draw(gaussians, path[i], lens, SIZE, "cpu") for i in (3, 8)] for path in paths]
    depth = np.nan_to_num(np.array([[one.z for one in view] for view in drawn])).astype(np.float16)
    scene = Taught(
        name="own",
        seed=0,
        latents=latents,
        plucker=np.zeros((6, 2, 32, 8, 12), np.float16),
        frames=np.array([[one.rgb for one in view] for view in drawn]),
        cam_to_world=paths,
        lens=np.array(lens, np.float32),
        frame_indices=np.array([3, 8], np.int32),
        cache_depth=depth,
    )
    with ShardWriter(tmp_path, Origin({"vae": "0"}, {}, 0), 1) as writer:
        writer.write(range(1), [scene])
    means = measure_taught(model, ShardReader(tmp_path), 5, None, Progress()).means()
    assert means["count"] == 12
    assert means["psnr"] > 60
    assert means["depth_median"] < 1e-3
    with pytest.raises(InvalidRequest, match="1 scene and 1 frame or more"):
        measure_taught(model, ShardReader(tmp_path), 0, None, Progress())


def test_what_cannot_be_measured_is_refused(model, scenes):
    with pytest.raises(InvalidRequest, match="needs 1 scene or more"):
        evaluate(model, [], None, Progress())
    with pytest.raises(InvalidRequest, match="from 1 to 9 frames"):
        evaluate(model, scenes, None, Progress(), frames_each=10)
    small = replace(scenes[0], image=scenes[0].image[:32])
    with pytest.raises(InvalidRequest, match="96 x 64 pixels"):
        evaluate(model, [small], None, Progress())
    with pytest.raises(InvalidRequest, match="two or more uint8 pictures"):
        posed_scene("one", 0, scenes[0].image[None], np.eye(4)[None], scenes[0].lens, None)
    with pytest.raises(InvalidRequest, match="1 room or more"):
        room_scenes(0, 0, SIZE, 1)
    assert scenes[0].seed == HELD_OUT + 3
