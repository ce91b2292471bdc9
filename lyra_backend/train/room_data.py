"""Clips of procedural rooms on disk: what the miniature's tokenizer and video model learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..atomic import replacing
from ..errors import InvalidRequest
from ..models.budget import VideoFormat
from ..models.trajectories import DECODER_ORDER, draw_distances
from ..progress import Progress
from .room_clips import clip_of
from .rooms import draw_room, room_lens
from .saving import save_arrays

__all__ = ["RoomClips", "make_room_clips"]

#: Rooms of a file: what a killed run loses at most.
_BLOCK = 50
_STREAM = 9_101


@dataclass(frozen=True, eq=False)
class RoomClips:
    """N clips of T frames, each along one of Lyra's paths from the first camera of a room.

    Attributes:
        frames: RGB, uint8 (N, T, H, W, 3).
        depth: z of the first frame in scene units, float32 (N, H, W).
        cam_to_world: poses, the first of each the identity, float32 (N, T, 4, 4).
        rooms: seed of the room of each, int64 (N,).
        lens: fx, fy, cx, cy [px].
    """

    frames: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    cam_to_world: npt.NDArray[np.float32]
    rooms: npt.NDArray[np.int64]
    lens: tuple[float, float, float, float]

    def __len__(self) -> int:
        return len(self.frames)


def make_room_clips(
    folder: Path, first_room: int, rooms: int, paths_each: int, video: VideoFormat, seed: int, progress: Progress
) -> RoomClips:
    """Render clips into `folder`, or go on where an earlier call stopped, and return them all.

    Args:
        folder: made if needed; must hold nothing but clips of the same arguments.
        first_room, rooms: seeds of the rooms, consecutive.
        paths_each: how many of the six paths each room is filmed along, drawn without repetition.
        video: size and length of the clips, and the depth that cameras look at.
        seed: of the choice of paths and their lengths.
        progress: told after each room; stops the work by raising.

    Raises:
        InvalidRequest: the folder holds other clips.
        WriteFailed: it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = video.width, video.height
    tag = f"{first_room} {paths_each} {video.frames} {size} {video.centre_depth} {seed}"
    blocks = []
    for start in range(0, rooms, _BLOCK):
        count = min(_BLOCK, rooms - start)
        path = folder / f"rooms_{first_room + start:07d}_{count}.safetensors"
        block = _read(path, tag)
        if block is None:
            seeds = range(first_room + start, first_room + start + count)
            block = _rendered(seeds, paths_each, video, seed, progress.child(start / rooms, (start + count) / rooms))
            with replacing(path) as part:
                save_arrays(block, part, {"clips": tag})
        else:
            progress.skip(f"{start + count} of {rooms} rooms are filmed", fraction=(start + count) / rooms)
        blocks.append(block)
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return RoomClips(**joined, lens=room_lens(size))


def _rendered(
    seeds: Sequence[int], paths_each: int, video: VideoFormat, seed: int, progress: Progress
) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, list[Any]] = {"frames": [], "depth": [], "cam_to_world": [], "rooms": []}
    for i, number in enumerate(seeds):
        progress(i / len(seeds), f"filming room {number}")
        rng, room = np.random.default_rng([seed, _STREAM, number]), draw_room(number)
        lengths = draw_distances(rng)
        for kind in rng.choice(len(DECODER_ORDER), paths_each, replace=False):
            name = DECODER_ORDER[int(kind)]
            clip = clip_of(room, name, lengths[name], video.frames, (video.width, video.height), video.centre_depth)
            found["frames"].append(clip.frames)
            found["depth"].append(clip.z[0])
            found["cam_to_world"].append(clip.cam_to_world)
            found["rooms"].append(number)
    return {name: np.stack(values) for name, values in found.items()}


def _read(path: Path, tag: str) -> dict[str, npt.NDArray[Any]] | None:
    """Return the clips of a file; None if there is none."""
    from safetensors import safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            written = (file.metadata() or {}).get("clips")
        if written == tag:
            return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InvalidRequest(f"{path}: is damaged ({error}). Remove it and run the same command again.") from error
    raise InvalidRequest(
        f"{path}: holds clips of other settings. Take another output folder, or remove this one's rooms."
    )
