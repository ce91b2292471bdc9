"""What a teacher starts from, of users' own files: pictures, or videos of a camera that stands still."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.aligned_depth import aligned_frames
from lyra_backend.generate._lyra.clip import still_findings
from lyra_backend.generate._lyra.depth import DepthEstimator, load_estimator
from lyra_backend.generate._lyra.start import Picture, Wishes, picture_of, start_of
from lyra_backend.io.images import read_image
from lyra_backend.io.video import read_clip
from lyra_backend.models.budget import VideoFormat
from lyra_backend.train.shard_index import sha256_of
from lyra_backend.train.sources import Source

__all__ = ["Files", "find_files", "wishes_of"]

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi")


def find_files(folder: Path, *, videos: bool) -> list[Path]:
    """Return all pictures or videos below a folder, by name.

    Raises:
        InvalidRequest: there are none, or it is no folder.
    """
    endings = _VIDEOS if videos else _PICTURES
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not found:
        what = "videos" if videos else "pictures"
        there = "has none" if folder.is_dir() else "is no folder"
        raise InvalidRequest(f"{folder}: must be a folder with {what} ({', '.join(endings)}), and {there}.")
    return found


@dataclass(frozen=True)
class Files:
    """Scenes of a data set, each of a file.

    Attributes:
        folder: that they lie below.
        paths: of all.
        videos: they are videos.
        video: format of the model's.
        wishes: of their lens and fit.
        seed: of the data set.
    """

    folder: Path
    paths: Sequence[Path]
    videos: bool
    video: VideoFormat
    wishes: Wishes
    seed: int

    @cached_property
    def by_name(self) -> dict[str, Path]:
        """The files by the name of their scene.

        It is the file's with the beginning of the sum of what is in it: none is taken for one that had its name before.
        """
        return {f"{path.relative_to(self.folder).as_posix()} {sha256_of(path)[:12]}": path for path in self.paths}

    def source_of(self, plan: Sequence[str]) -> Callable[[int], Source]:
        """Return what makes a scene's source by its number in a plan; the first loads the network for depth."""
        loaded: list[DepthEstimator] = []

        def source(i: int) -> Source:
            name, wishes = plan[i], self.wishes
            if name not in self.by_name:
                raise InvalidRequest(f"{self.folder}: the file of scene {name!r}, which must be made again, is gone.")
            if not loaded:
                loaded.append(load_estimator(wishes.depth_estimator, wishes.depth_network, wishes.device))
            try:
                return (self._video if self.videos else self._picture)(self.by_name[name], name, loaded[0])
            except InvalidRequest as error:
                path = str(self.by_name[name])
                raise error if str(error).startswith(path) else InvalidRequest(f"{path}: {error}") from error

        return source

    def _picture(self, path: Path, name: str, estimator: DepthEstimator) -> Source:
        picture = picture_of(read_image(path), (self.video.width, self.video.height), self.wishes, str(path))
        start = start_of(picture, estimator(picture.fitted.image, picture.known_fov_deg), self.wishes)
        return Source(
            name, _seed_of(name, self.seed), start.image[None], start.z[None], start.fxfycxcy, start.sky[None]
        )

    def _video(self, path: Path, name: str, estimator: DepthEstimator) -> Source:
        video, size = self.video, (self.video.width, self.video.height)
        first: list[Picture] = []

        def fitted(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
            picture = picture_of(frame, size, self.wishes)
            first[:] = first or [picture]
            return picture.fitted.image

        clip = read_clip(path, video.frames, video.fps, video.frames, fit=fitted)
        still_findings(clip)
        images = list(clip.frames)
        depths = [estimator(image, first[0].known_fov_deg) for image in images]
        start = start_of(first[0], depths[0], self.wishes)
        frames = aligned_frames(start, images, depths, None)
        shown, z, sky = (np.stack(part) for part in zip(*frames, strict=True))
        return Source(name, _seed_of(name, self.seed), shown, z, start.fxfycxcy, sky)


def wishes_of(video: VideoFormat, estimator: str, network: Path, fov: float | None, fit: str, device: str) -> Wishes:
    """Return how pictures are brought to the model's format."""
    return Wishes(None, fov, fit, None, estimator, network, device, None, video.fov_deg, video.centre_depth)


def _seed_of(name: str, seed: int) -> int:
    """Return the seed of a scene, which does not change when others come or go."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "big")
