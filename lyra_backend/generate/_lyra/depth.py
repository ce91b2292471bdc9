"""Depth of a picture, estimated by a network or read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency

__all__ = ["ESTIMATORS", "Depth", "estimate_depth"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

#: Ways to estimate depth: any metric model of transformers, or MoGe where its package is installed.
ESTIMATORS = ("transformers", "moge")
#: Model of MoGe that was used to train Lyra; a name with "moge-2" is one of metric depth.
_MOGE = "Ruicheng/moge-vitl"


class Depth(NamedTuple):
    """Depth of a picture.

    Attributes:
        z: distance along the viewing axis, 0 where unknown, shape (H, W).
        sky: where there is nothing at any distance, shape (H, W).
        is_metric: z is in metres, not in a unit of its own.
        focal_px: focal length that the network saw; None if it says none.
        source: name of the model, or "file".
    """

    z: Floats
    sky: npt.NDArray[np.bool_]
    is_metric: bool
    focal_px: float | None
    source: str


def estimate_depth(image: Pixels, estimator: str, model: str | Path | None, device: str) -> Depth:
    """Return the depth of a picture (H, W, 3).

    Args:
        image: the picture.
        estimator: one of :data:`ESTIMATORS`.
        model: folder or name of its weights; None takes the published one.
        device: torch device.

    Raises:
        MissingDependency: the package is not installed.
        InvalidRequest: the model gives no metric depth, or cannot be loaded.
    """
    found = (
        _by_moge(image, str(model or _MOGE), device) if estimator == "moge" else _by_transformers(image, model, device)
    )
    if not (found.z > 0).any():
        raise InvalidRequest(
            f"depth: {found.source} found no depth in the picture. Give depth with --depth, or another picture."
        )
    return found


def _by_transformers(image: Pixels, model: str | Path | None, device: str) -> Depth:
    import torch

    try:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ImportError as error:
        raise MissingDependency("transformers", "depth of a picture", "lyra") from error
    if model is None:
        raise InvalidRequest("depth: the estimator transformers needs a model, got none.")
    try:
        processor = AutoImageProcessor.from_pretrained(model, local_files_only=True)
        network = AutoModelForDepthEstimation.from_pretrained(model, local_files_only=True).to(device).eval()
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"depth: {model} is no depth model of transformers that is here ({_first_line(error)}). Fetch the default "
            "with `lyra-scenegen weights fetch depth_indoor`, or name a folder."
        ) from error
    if getattr(network.config, "depth_estimation_type", "metric") != "metric":
        raise InvalidRequest(
            f"depth: {model} gives depth without a scale. Name a metric model, such as Depth Anything V2 Metric."
        )
    with torch.no_grad():
        given = processor(images=image, return_tensors="pt").to(device)
        outputs = network(**given)
        result = processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])[0]
    fov = result.get("field_of_view")
    focal = None if fov is None else float(0.5 * image.shape[1] / np.tan(np.radians(float(fov)) / 2))
    z = np.nan_to_num(result["predicted_depth"].float().cpu().numpy(), nan=0.0, posinf=0.0, neginf=0.0)
    return Depth(np.maximum(z, 0).astype(np.float32), np.zeros(z.shape, bool), True, focal, Path(str(model)).name)


def _by_moge(image: Pixels, model: str, device: str) -> Depth:
    import torch

    version = "v2" if "moge-2" in model.lower() else "v1"
    try:
        package: Any = __import__(f"moge.model.{version}", fromlist=["MoGeModel"])
    except ImportError as error:
        raise MissingDependency("git+https://github.com/microsoft/MoGe.git", "depth by MoGe") from error
    network = package.MoGeModel.from_pretrained(model).to(device).eval()
    picture = torch.from_numpy(image).to(device).movedim(2, 0).float() / 255
    with torch.no_grad():
        found = network.infer(picture)
    mask = found["mask"].cpu().numpy().astype(bool)
    z = np.where(mask, np.nan_to_num(found["depth"].float().cpu().numpy(), posinf=0.0), 0.0).astype(np.float32)
    focal = float(found["intrinsics"][0, 0]) * image.shape[1]
    return Depth(z, ~mask, version == "v2", focal, Path(model).name)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
