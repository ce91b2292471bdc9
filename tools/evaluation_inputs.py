"""What evaluations start from: a model, its depth network, and scenes of rooms or of pictures with cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.depth import load_estimator
from lyra_backend.generate._lyra.picture import Fitted, fit_depth, fit_picture
from lyra_backend.generate._lyra.quiet import quiet_libraries
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.lyra import Lyra
from lyra_backend.models.placement import choose_placement
from lyra_backend.train.evaluation import DepthOf
from lyra_backend.train.held_out import HeldOut, posed_scene, room_scenes
from lyra_backend.train.posed_images import PosedImages, read_posed_images
from lyra_backend.train.trial import require_still
from lyra_backend.types import Intrinsics
from lyra_backend.weights.store import embeddings_folder

__all__ = ["depth_network", "given_scenes", "load_model", "posed_images"]

#: Videos of a scene.
_VIEWS = 6
#: By how much lenses of one scene may differ [px].
_SAME_LENS = 0.01


def load_model(folder: Path, device: str) -> Lyra:
    """Return the model of a folder, loaded.

    Raises:
        InvalidRequest: there is none, it is damaged or one of moving scenes, or there is no such device.
    """
    folders = ModelFolders.in_one(folder, embeddings_folder())
    with quiet_libraries():
        model = Lyra.load(folders, choose_placement(device, None, folders.budget(_VIEWS)))
    require_still(model)
    return model


def depth_network(model: Lyra) -> DepthOf | None:
    """Return the model's own network for depth; None if its folder has none.

    Raises:
        InvalidRequest: it gives no metric depth, or cannot be loaded.
    """
    if not model.folders.depth.is_dir():
        return None
    with quiet_libraries():
        estimator = load_estimator("transformers", model.folders.depth, str(model.placement.device))
    return lambda image: estimator(image).z


def given_scenes(model: Lyra, rooms: int, seed: int, off_path: int, folders: Sequence[Path]) -> list[HeldOut]:
    """Return scenes of rooms, and of each folder of pictures with cameras.

    Raises:
        InvalidRequest: numbers that make no rooms, or a folder that cannot be used.
    """
    video = model.video
    size = video.width, video.height
    found = room_scenes(rooms, seed, size, off_path, model.placement.warp_device) if rooms else []
    return found + [posed_images(folder, i, size) for i, folder in enumerate(folders)]


def posed_images(folder: Path, seed: int, size: tuple[int, int]) -> HeldOut:
    """Return the scene of a folder of pictures with cameras, cropped and scaled as users' pictures are.

    Raises:
        InvalidRequest: see :func:`~lyra_backend.train.posed_images.read_posed_images`; or lenses differ.
    """
    read = read_posed_images(folder)
    if np.abs(read.lens - read.lens[0]).max() > _SAME_LENS:
        raise InvalidRequest(
            f"{folder}: all pictures must have one lens to be compared, and theirs differ by up to "
            f"{np.abs(read.lens - read.lens[0]).max():.2f} px. Scale and crop them to one."
        )
    fitted = [_fitted(read, frame, size) for frame in read.frames]
    lens = fitted[0].lens
    depth = None if read.depth is None else np.stack([fit_depth(z, fitted[0]) for z in read.depth])
    pictures: npt.NDArray[np.uint8] = np.stack([each.image for each in fitted])
    return posed_scene(folder.name, seed, pictures, read.cam_to_world, (lens.fx, lens.fy, lens.cx, lens.cy), depth)


def _fitted(read: PosedImages, frame: npt.NDArray[np.uint8], size: tuple[int, int]) -> Fitted:
    height, width = frame.shape[:2]
    fx, fy, cx, cy = (float(value) for value in read.lens[0])
    return fit_picture(frame, Intrinsics(width, height, fx, fy, cx, cy), size, "crop")
