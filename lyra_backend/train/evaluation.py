"""How good a model is on held-out scenes: teacher, student and tokenizer, beside what knows next to nothing.

Two baselines stand beside every figure: the picture itself, warped by its depth with holes in its mean colour, and the
depth of the average scene, the median over all scenes of each view's depth, or one depth everywhere.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..errors import InvalidRequest
from ..models.loading import weight_shapes
from ..models.lyra import Lyra
from ..progress import Progress
from .held_out import HeldOut, Seen
from .metrics import Tally, depth_errors, picture_errors
from .trial import Trial, decoded, draw, make_trial, moved, require_still, warp

__all__ = ["NETWORK", "TRUE", "DepthOf", "Evaluation", "Row", "evaluate", "weights_bytes"]

Floats = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
#: Estimates the depth (H, W) of a picture (H, W, 3), 0 where unknown, in any unit.
DepthOf = Callable[[Pixels], Floats]

#: Where the depth of the first picture is from.
TRUE, NETWORK = "true first-frame depth", "depth network in its place"
#: Where views are.
ON, OFF = "on the paths", "off the paths"
_HALF_BYTES = 2
#: Poses that differ by less are those of the given picture.
_SAME_POSE = 1e-4


class Row(NamedTuple):
    """What a mean is of: first-frame depth, what was measured, against what, and where."""

    depth: str
    what: str
    against: str
    where: str


@dataclass(eq=False)
class Evaluation:
    """What was found.

    Attributes:
        tallies: errors by what they are of.
        by_path: those of the teacher and of the raw warp against the truth, with the true depth, by what and path.
        tokenizer: errors of clips and of single first frames that were encoded and decoded.
        depth_network: of the network alone, against true first-frame depth.
        scenes: how many.
        gaussians: how many Gaussians came of each picture with depth, of which a scene may have two.
        cpu_s, wall_s: of each scene that was made warm, from picture with depth to Gaussians [s].
        depth_s: processor time of each estimate of depth after the first [s].
        weights: bytes of each network in bfloat16.
    """

    tallies: dict[Row, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_path: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    tokenizer: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    depth_network: Tally = field(default_factory=Tally)
    scenes: int = 0
    gaussians: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    depth_s: list[float] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)


def evaluate(
    model: Lyra,
    scenes: Sequence[HeldOut],
    depth_of: DepthOf | None,
    progress: Progress,
    frames_each: int | None = None,
) -> Evaluation:
    """Return how good a model is on scenes.

    The unit of the networks is such that the median of the true first-frame depth is what the model knows it as; of the
    network's depth where the truth is not known. With both, the network's is brought to that median: pictures do not
    suffer from its scale, which is told by itself.

    Args:
        model: loaded, with its video model.
        scenes: one or more, of its size.
        depth_of: the depth network; None leaves its rows out, and then all scenes must have depth.
        progress: stops the work by raising.
        frames_each: of each path, how many frames are compared, spread evenly to its end; None takes all. Those
            whose camera stands where the picture was taken are left out.

    Raises:
        InvalidRequest: no scenes, of another size, without depth, or a model of moving scenes.
    """
    require_still(model)
    video = model.video
    if not scenes or (frames_each is not None and not 1 <= frames_each <= video.frames):
        raise InvalidRequest(
            f"evaluation: needs 1 scene or more and from 1 to {video.frames} frames of each path, "
            f"got {len(scenes)} and {frames_each}."
        )
    for scene in scenes:
        scene.check((video.width, video.height))
    work = _Work(model, depth_of, frames_each, Evaluation(weights=weights_bytes(model)))
    for i, scene in enumerate(scenes):
        work.measure(scene, progress.child(i / len(scenes), (i + 1) / len(scenes)))
        progress.milestone((i + 1) / len(scenes), f"{i + 1} of {len(scenes)} scenes: {scene.name}")
    work.average_scene()
    return work.found


def weights_bytes(model: Lyra) -> dict[str, int]:
    """Return the size of each network's weights in bfloat16 [bytes], that of depth if the folder has one."""
    folders = model.folders
    named = {"decoder": folders.decoder, "transformer": folders.transformer, "vae": folders.vae}
    named |= {"depth": folders.depth} if folders.depth.is_dir() else {}
    return {
        name: sum(int(np.prod(shape)) for shape in weight_shapes(path).values()) * _HALF_BYTES
        for name, path in named.items()
    }


def _chosen(path: Floats, count: int | None) -> list[int]:
    """Return which frames of a path (T, 4, 4) are compared, `count` spread evenly to its end.

    Those whose camera stands where the given picture was taken are none of them: there is nothing to imagine there, and
    the warped picture would be perfect.
    """
    elsewhere = [i for i, pose in enumerate(path) if np.abs(pose - np.eye(4)).max() > _SAME_POSE]
    if count is None:
        return elsewhere
    return sorted({elsewhere[round((len(elsewhere) - 1) * (k + 1) / count)] for k in range(count)})


@dataclass(eq=False)
class _Work:
    """Counts errors of one scene after the other."""

    model: Lyra
    depth_of: DepthOf | None
    frames_each: int | None
    found: Evaluation
    # true depth of all views of each scene, by where they are and the scene; kept for the average scene
    depths: dict[str, dict[str, list[Floats]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def measure(self, scene: HeldOut, progress: Progress) -> None:
        starts = self._starts(scene)
        truth = scene.z if scene.z is not None else next(iter(starts.values()))
        centre = self.model.video.centre_depth
        unit = _median(truth) / centre
        for i, (name, z) in enumerate(starts.items()):
            part = progress.child(i / len(starts), (i + 1) / len(starts))
            scaled = (z * (centre / _median(z))).astype(np.float32)
            trial = make_trial(self.model, scene.image, scaled, scene.lens, scene.seed, part.child(0, 0.6))
            self._time(trial)
            part(0.6, f"comparing {scene.name}")
            self._compare(scene, name, trial, unit, first=i == 0)
        self.found.scenes += 1

    def _starts(self, scene: HeldOut) -> dict[str, Floats]:
        """Return the depths that the scene is made from, and tell how good the network's is."""
        starts = {} if scene.z is None else {TRUE: scene.z}
        if self.depth_of is not None:
            starts[NETWORK] = self._estimated(scene.image, self.depth_of)
            if scene.z is not None:
                self.found.depth_network.add(depth=depth_errors(starts[NETWORK], scene.z))
        if not starts or any(not (z > 0).any() for z in starts.values()):
            raise InvalidRequest(
                f"held-out scene {scene.name}: has no depth, and there is no network that gives it. Give depth, or a "
                "model with a folder depth."
            )
        return starts

    def _estimated(self, image: Pixels, depth_of: DepthOf) -> Floats:
        """Return the network's depth, and note how long it took but for the first time."""
        began = time.process_time()
        z = depth_of(image)
        if self.found.scenes:
            self.found.depth_s.append(time.process_time() - began)
        return z

    def _time(self, trial: Trial) -> None:
        """Note how long a scene took, but for the first, which loads and compiles."""
        if self.found.gaussians:
            self.found.cpu_s.append(trial.cpu_s)
            self.found.wall_s.append(trial.wall_s)
        self.found.gaussians.append(len(trial.gaussians))

    def _compare(self, scene: HeldOut, name: str, trial: Trial, unit: float, *, first: bool) -> None:
        for (kind, path), latents in zip(trial.paths.items(), trial.latents, strict=True):
            chosen = _chosen(path, self.frames_each)
            taught = decoded(self.model, latents)
            self._student(name, "teacher", ON, trial, path[chosen], taught[chosen], None, unit)
            if scene.film is None:
                continue
            seen = scene.film(moved(path, unit))
            if first:
                self._tokenizer(seen.frames)
                self._keep(ON, scene, seen, chosen)
            self._count(Row(name, "teacher", "truth", ON), taught[chosen], seen.frames[chosen], kind)
            self._truth(name, ON, trial, path, seen, unit, chosen, kind)
        if scene.others is not None:
            others, every = scene.others, list(range(len(scene.others.frames)))
            if first:
                self._keep(OFF, scene, others, every)
            self._truth(name, OFF, trial, moved(others.cam_to_world, 1 / unit), others, unit, every)

    def _truth(
        self,
        name: str,
        where: str,
        trial: Trial,
        poses: Floats,
        seen: Seen,
        unit: float,
        chosen: list[int],
        kind: str | None = None,
    ) -> None:
        """Count student and warped picture against what is truly seen from poses (T, 4, 4) of the networks' unit.

        `kind` is the path that they are on, if any.
        """
        z = None if seen.z is None else seen.z[chosen]
        self._student(name, "truth", where, trial, poses[chosen], seen.frames[chosen], z, unit)
        warped = self._warped(trial, poses)[chosen]
        self._count(Row(name, "raw warp", "truth", where), warped, seen.frames[chosen], kind)

    def _student(
        self,
        name: str,
        against: str,
        where: str,
        trial: Trial,
        poses: Floats,
        frames: Pixels,
        z: Floats | None,
        unit: float,
    ) -> None:
        tally, device = self.found.tallies[Row(name, "student", against, where)], self.model.placement.warp_device
        size = (frames.shape[2], frames.shape[1])
        for i, pose in enumerate(poses):
            drawn = draw(trial.gaussians, pose, trial.lens, size, device)
            depth = None if z is None else depth_errors(drawn.z * unit, z[i])
            tally.add(picture_errors(drawn.rgb, frames[i]), depth)

    def _count(self, row: Row, found: Pixels, wanted: Pixels, kind: str | None = None) -> None:
        """Count pictures, also by the path that they are on."""
        tallies = [self.found.tallies[row]]
        if kind is not None and row.depth == TRUE:
            tallies.append(self.found.by_path[row.what, kind])
        for one, other in zip(found, wanted, strict=True):
            errors = picture_errors(one, other)
            for tally in tallies:
                tally.add(errors)

    def _warped(self, trial: Trial, poses: Floats) -> Pixels:
        """Return the picture warped to poses (T, 4, 4), holes in its mean colour."""
        shown = warp(self.model, trial.cache, trial.lens, poses)
        mean = trial.colors.mean(axis=(0, 1))
        colors = np.where(shown.masks, shown.frames, mean[None, :, None, None])
        return np.moveaxis((np.clip(colors, -1, 1) + 1) * 127.5 + 0.5, 1, -1).astype(np.uint8)

    def _tokenizer(self, frames: Pixels) -> None:
        """Count a clip (T, H, W, 3), and its first frame alone, encoded and decoded."""
        for name, clip in {"clips": frames, "first frames": frames[:1]}.items():
            video = torch.from_numpy(np.ascontiguousarray(clip)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
            latents = self.model.space.encode(_frames_of(video), len(clip))
            for one, other in zip(decoded(self.model, latents), clip, strict=True):
                self.found.tokenizer[name].add(picture_errors(one, other, perceptual=False))

    def _keep(self, where: str, scene: HeldOut, seen: Seen, chosen: list[int]) -> None:
        if seen.z is not None:
            self.depths[where][scene.name].append(np.asarray(seen.z[chosen], np.float32))

    def average_scene(self) -> None:
        """Count what all scenes have in common as if it were each one's depth, where all have as many views."""
        for where, kept in self.depths.items():
            depths = [np.concatenate(views) for views in kept.values()]
            if len({depth.shape for depth in depths}) != 1:
                continue
            for what, guess in _guesses(depths).items():
                tally = self.found.tallies[Row("-", what, "truth", where)]
                for depth in depths:
                    for one, other in zip(guess, depth, strict=True):
                        tally.add(depth=depth_errors(one, other))


def _guesses(depths: Sequence[Floats]) -> dict[str, Floats]:
    """Return depth (T, H, W) that knows nothing of a scene: medians of each pixel, and of all, over the scenes' own."""
    every = np.stack(depths).astype(np.float32)
    every[every <= 0] = np.nan
    # where no scene has depth there is nothing to compare with either
    seen = np.isfinite(every).any(axis=0)
    medians = np.ones(every.shape[1:], np.float32)
    medians[seen] = np.nanmedian(every[:, seen], axis=0)
    return {"average scene": medians, "constant depth": np.full_like(medians, np.nanmedian(every))}


def _frames_of(video: torch.Tensor) -> Callable[[int, int], torch.Tensor]:
    return lambda start, end: video[:, :, start:end]


def _median(z: Floats) -> float:
    return float(np.median(z[z > 0]))
