"""Depth of a picture, estimated by a network or read from a file."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest, MissingDependency

__all__ = ["ESTIMATORS", "Depth", "DepthEstimator", "check_estimator", "load_estimator", "located"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

#: Ways to estimate depth: any metric model of transformers, or MoGe where its package is installed.
ESTIMATORS = ("transformers", "moge")
#: Model of MoGe that was used to train Lyra; a name with "moge-2" is one of metric depth.
_MOGE = "Ruicheng/moge-vitl"
#: Settings of pictures for a model of transformers, which has one of these files.
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_MOGE_FILE = "model.pt"
_MOGE_PACKAGE = "git+https://github.com/microsoft/MoGe.git"
#: What depth is in, by kind of network, where its configuration does not say: all others of transformers give metres.
_UNITS = {"dpt": "relative"}


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


class DepthEstimator(Protocol):
    """A loaded network.

    Attributes:
        network: its module of torch.
    """

    network: Any

    def __call__(self, image: Pixels, fov_deg: float | None = None) -> Depth:
        """Return the depth of a picture (H, W, 3), whose horizontal field of view is `fov_deg` if that is known."""


def check_estimator(kind: str, model: str | Path | None) -> None:
    """Look whether a network for depth is here and gives what is needed, by its configuration; it is not loaded.

    Args:
        kind, model: see :func:`load_estimator`.

    Raises:
        MissingDependency, InvalidRequest: see :func:`load_estimator`; by headers alone.
    """
    if kind == "moge":
        return  # its weights say nothing of themselves
    from transformers import AutoConfig

    from ...models.loading import weight_shapes

    folder = Path(_named(model))
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if not any((folder / name).is_file() for name in _PROCESSORS):
            raise FileNotFoundError(f"there is no {_PROCESSORS[0]}")
        weight_shapes(folder)
    except Exception as error:  # transformers and safetensors raise nearly anything on what is no model
        raise _no_model(model, error) from error
    _require_metric(model, config)


def located(kind: str, model: str | Path | None) -> Path | None:
    """Return the folder or file of a network's weights on this machine, where hub names stand for what was fetched.

    None means that transformers' default is wanted and somebody else knows where it is.

    Args:
        kind, model: see :func:`load_estimator`.

    Raises:
        InvalidRequest: there are no such weights here.
        MissingDependency: they are MoGe's, and its package is not installed.
    """
    if kind == "moge" and find_spec("moge") is None:
        raise MissingDependency(_MOGE_PACKAGE, "depth by MoGe")
    name = str(model or (_MOGE if kind == "moge" else ""))
    if not name or Path(name).exists():
        return Path(name) if name else None
    file = _MOGE_FILE if kind == "moge" else "config.json"
    try:
        from huggingface_hub import hf_hub_download

        found = Path(hf_hub_download(name, file, local_files_only=True))
    except Exception as error:  # the hub raises nearly anything on what is no name of a repository
        raise InvalidRequest(
            f"depth: {name} is no folder and was not fetched from the hub, which nothing does in the middle of a run. "
            f"Run: hf download {name}. Or name a folder with generate.depth_model."
        ) from error
    return found if kind == "moge" else found.parent


def load_estimator(kind: str, model: str | Path | None, device: str) -> DepthEstimator:
    """Return a network that estimates depth.

    Args:
        kind: one of :data:`ESTIMATORS`.
        model: folder or name of its weights; None takes the published one.
        device: torch device.

    Raises:
        MissingDependency: the package is not installed.
        InvalidRequest: the model gives no metric depth, or cannot be loaded.
    """
    return _MoGe(str(model or _MOGE), device) if kind == "moge" else _Transformer(model, device)


class _Transformer:
    """Any model for metric depth of transformers."""

    def __init__(self, model: str | Path | None, device: str) -> None:
        try:
            import torch
            from transformers import AutoImageProcessor, AutoModelForDepthEstimation
        except ImportError as error:
            raise MissingDependency("transformers", "depth of a picture", "lyra") from error
        model = _named(model)
        try:
            self._processor = AutoImageProcessor.from_pretrained(model, local_files_only=True)
            # what is stored in 16 bits computes in 32: it is small, and CPUs are slow in 16
            network, found = AutoModelForDepthEstimation.from_pretrained(
                model, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
        except Exception as error:  # transformers, safetensors and torch raise nearly anything on damaged files
            raise _no_model(model, error) from error
        # transformers takes random numbers for what is missing; mask tokens serve training alone
        lost = sorted(name for name in found["missing_keys"] if not name.endswith("mask_token"))
        if lost:
            raise InvalidRequest(
                f"depth: {model} lacks {', '.join(lost[:3])} and is not whole. Fetch or save it again."
            )
        _require_metric(model, network.config)
        self.network, self._name, self._device = network.to(device).eval(), _name_of(model), device

    def __call__(self, image: Pixels, fov_deg: float | None = None) -> Depth:
        import torch

        with torch.no_grad():
            outputs = self.network(**self._processor(images=image, return_tensors="pt").to(self._device))
        found = self._processor.post_process_depth_estimation(outputs, target_sizes=[image.shape[:2]])[0]
        fov = found.get("field_of_view")
        focal = None if fov is None else float(0.5 * image.shape[1] / np.tan(np.radians(float(fov)) / 2))
        z = found["predicted_depth"].float().cpu().numpy()
        return _checked(Depth(_usable(z), np.zeros(z.shape, bool), True, focal, self._name))


class _MoGe:
    """MoGe (arXiv 2410.19115), whose first version gives depth up to a scale and whose second gives metres."""

    def __init__(self, model: str, device: str) -> None:
        self._version = "v2" if "moge-2" in model.lower() else "v1"
        try:
            package = importlib.import_module(f"moge.model.{self._version}")
        except ImportError as error:
            raise MissingDependency(_MOGE_PACKAGE, "depth by MoGe") from error
        try:
            network = package.MoGeModel.from_pretrained(model)
        except Exception as error:  # torch and the hub raise nearly anything on what is no model
            raise InvalidRequest(
                f"depth: {model} is no model of MoGe that can be had ({_first_line(error)})."
            ) from error
        self.network, self._device, self._name = network.to(device).eval(), device, _name_of(model)

    def __call__(self, image: Pixels, fov_deg: float | None = None) -> Depth:
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).movedim(2, 0).float() / 255
        with torch.no_grad():
            found = self.network.infer(picture, fov_x=fov_deg)
        mask = found["mask"].cpu().numpy().astype(bool)
        z = np.where(mask, found["depth"].float().cpu().numpy(), 0.0)
        focal = float(found["intrinsics"][0, 0]) * image.shape[1]
        return _checked(Depth(_usable(z), ~mask, self._version == "v2", focal, self._name))


def _named(model: str | Path | None) -> str | Path:
    if model is None:
        raise InvalidRequest("depth: the estimator transformers needs a model, got none.")
    return model


def _no_model(model: str | Path | None, error: BaseException) -> InvalidRequest:
    return InvalidRequest(
        f"depth: {model} is no depth model of transformers that is here ({_first_line(error)}). Fetch the "
        "default with `lyra-scenegen weights fetch depth_indoor`, or name a folder with generate.depth_model."
    )


def _require_metric(model: str | Path | None, config: Any) -> None:
    if getattr(config, "depth_estimation_type", _UNITS.get(config.model_type)) == "relative":
        raise InvalidRequest(
            f"depth: {model} gives depth without a scale. Name a metric model, such as Depth Anything V2 Metric."
        )


def _name_of(model: str | Path) -> str:
    """Return what a network is called, also if it lies in the hub's cache, whose last folder is a number."""
    parts = Path(str(model)).parts
    kept = next((part for part in parts if part.startswith("models--")), None)
    return Path(str(model)).name if kept is None else kept.rpartition("--")[2]


def _usable(z: npt.NDArray[np.floating]) -> Floats:
    """Return distances with 0 for what is none."""
    return np.maximum(np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0), 0.0).astype(np.float32)


def _checked(depth: Depth) -> Depth:
    if not (depth.z > 0).any():
        raise InvalidRequest(
            f"depth: {depth.source} found no depth in the picture. Give depth with --depth, or another picture."
        )
    return depth


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
