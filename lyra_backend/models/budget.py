"""How long a Lyra model will take and what memory it needs, from its configuration alone: nothing is loaded.

Arithmetic is counted, not measured. The pace is the authors' report of about 12 minutes for a video of the published
size (35 steps, two evaluations each; nv-tlabs/lyra, issue 15), and a guess for CPUs; neither was measured here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import InvalidRequest

__all__ = ["DRAWN_BY", "ENCODED_AT_ONCE", "GRADES", "PRECISIONS", "Budget", "VideoFormat", "read_config"]

#: What the weights of the video model can be kept in on a GPU; auto is what the networks compute in.
PRECISIONS = ("auto", "bfloat16", "float8", "int8")
#: What scenes of a model can be good for at best; and what draws the first picture of a prompt, a text-to-image network
#: or the generator `procedural`.
GRADES, DRAWN_BY = ("train", "demo"), ("network", "procedural")
#: Latent frames that the tokenizer makes at a time: with fewer, what layers remember takes most of the memory.
ENCODED_AT_ONCE = 2

#: Multiplications and additions per second: of a data-centre GPU in bfloat16 as reported, and of two CPU cores.
_GPU_PACE, _CPU_PACE = 2.25e14, 5e10
#: Bytes of a number in half precision.
_HALF = 2
#: Tensors of a token's width that a block of the video model has in memory together, by estimate.
_ACTIVATIONS = 14
#: Channels of the published tokenizer's encoder, for a configuration that does not say.
_ENCODER_CHANNELS = (128, 256, 512, 512)


@dataclass(frozen=True)
class VideoFormat:
    """The videos that a model makes, file ``lyra.json`` of its folder; by default those of the published model.

    Attributes:
        frames, height, width: size [px] of each video.
        fps: frames per second that the model is told.
        centre_depth: where the cameras look, in the networks' unit; the median depth of a picture is brought to it.
        steps, guidance: how the videos are denoised if nobody says otherwise.
        reliable_window, reliable_range: which pixels the 3D cache warps, see :func:`~.depth_cache.reliable_depth`.
        foreground_masking: what would shine through gaps beside near things is left to the model.
        fov_deg: horizontal field of view of the pictures that it was trained with, for those that say nothing of
            theirs; None if it was trained with many.
        grade: what its scenes are good for at best, one of :data:`GRADES`.
        text_to_image: what draws the first picture of a prompt, one of :data:`DRAWN_BY`.
    """

    frames: int = 121
    height: int = 704
    width: int = 1280
    fps: float = 24.0
    centre_depth: float = 1.0
    steps: int = 35
    guidance: float = 1.0
    reliable_window: int = 5
    reliable_range: float = 0.05
    foreground_masking: bool = True
    fov_deg: float | None = None
    grade: str = "train"
    text_to_image: str = "network"

    def __post_init__(self) -> None:
        sides = (self.frames, self.height, self.width)
        whole = all(isinstance(side, int) and side > 0 for side in sides) and self.frames > 1
        if not whole or not (0 < self.fps < math.inf and 0 < self.centre_depth < math.inf):
            raise ValueError(f"whole numbers of 2 frames or more and of pixels, and positive numbers; got {self}")
        for rule, kept in self._rules().items():
            if not kept:
                raise ValueError(f"{rule}; got {self}")

    def _rules(self) -> dict[str, bool]:
        """Return what must hold of what else a model was trained with, and whether it does."""
        steps, window = self.steps, self.reliable_window
        return {
            "steps must be a whole number above 0": _is_whole(steps) and steps > 0,
            "guidance must be 0 or more": 0 <= self.guidance < math.inf,
            "reliable_window must be an odd number of pixels": _is_whole(window) and window > 0 and window % 2 == 1,
            "reliable_range must be above 0": 0 < self.reliable_range < math.inf,
            "foreground_masking must be true or false": isinstance(self.foreground_masking, bool),
            "fov_deg must be from 1 to 170, or null": self.fov_deg is None or 1 <= self.fov_deg <= 170,
            f"grade must be {' or '.join(GRADES)}": self.grade in GRADES,
            f"text_to_image must be {' or '.join(DRAWN_BY)}": self.text_to_image in DRAWN_BY,
        }

    @staticmethod
    def read(folder: Path) -> VideoFormat:
        """Return the format of the model in `folder`; the published one if there is no such file.

        Raises:
            InvalidRequest: the file is damaged, or names what is not known.
        """
        path = folder / "lyra.json"
        if not path.is_file():
            return VideoFormat()
        try:
            return VideoFormat(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InvalidRequest(
                f"{path}: must hold frames, height, width, fps and centre_depth, and may hold what else docs/lyra.md "
                f"lists ({error})."
            ) from error


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_config(folder: Path) -> dict[str, Any]:
    """Return ``config.json`` of a network's folder.

    Raises:
        InvalidRequest: it is missing or damaged.
    """
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(
            f"{folder}: holds no model, {path.name} is missing ({error.strerror}). Fetch the weights with "
            "`lyra-scenegen weights fetch`, or name a model's folder with --model."
        ) from error
    except ValueError as error:
        raise InvalidRequest(f"{path}: is damaged ({error}). Fetch or convert the weights again.") from error
    if not isinstance(found, dict):
        raise InvalidRequest(f"{path}: must hold an object, got {type(found).__name__}. Convert the weights again.")
    return found


@dataclass(frozen=True)
class Budget:
    """Arithmetic and memory of one scene.

    Attributes:
        video: multiplications and additions of one evaluation of the video model.
        decoder: the same of the Gaussian decoder, once.
        weights_bytes: of the video model.
        visiting_bytes: of those weights that are on a GPU at once if blocks visit it: two of them, and what is in none.
        activations_bytes: of the video model, at most.
        encoding_bytes: of the tokenizer at work, piece by piece.
        decoder_bytes: of the Gaussian decoder at work.

    Bytes are those of half precision, by estimate; for networks of the published sizes they are within a third of what
    all tensors take that are alive at once. Scratch space of kernels is not counted.
    """

    video: float
    decoder: float
    weights_bytes: float
    visiting_bytes: float
    activations_bytes: float
    encoding_bytes: float
    decoder_bytes: float

    @staticmethod
    def of(
        network: Mapping[str, Any],
        decoder: Mapping[str, Any],
        video: VideoFormat,
        views: int,
        tokenizer: Mapping[str, Any] = MappingProxyType({}),
    ) -> Budget:
        """Return the budget for networks of these configurations (see :func:`read_config`).

        Args:
            network, decoder, tokenizer: configurations; a tokenizer that says nothing has the published channels.
            video: what is made.
            views: how many of them.
        """
        latent_frames = (video.frames - 1) // 8 + 1
        tokens = latent_frames * (video.height // 16) * (video.width // 16)
        heads, head_width, depth, mlp_ratio, text_width, lora = _sizes(
            network,
            *(
                "num_attention_heads",
                "attention_head_dim",
                "num_layers",
                "mlp_ratio",
                "text_embed_dim",
                "adaln_lora_dim",
            ),
        )
        width = heads * head_width
        # of each block for each token: attention, its MLP, and question and answer of attention to the prompt
        per_token = depth * width**2 * (4 + 2 * mlp_ratio + 2)
        # and what is asked once a video: keys and values of the prompt, and modulations by the noise
        once, outside = depth * width * (2 * text_width + 3 * 4 * lora), 4 * width**2
        channels, blocks, every, inner, state = _sizes(
            decoder, "width", "depth", "attention_every", "scan_inner", "state_size"
        )
        attention, all_tokens = blocks // every, views * tokens
        scan = 2 * (3 * channels * inner * 2 + 4 * inner * state)
        mixed = 2 * all_tokens * (blocks - attention) * scan
        attended = attention * (4 * all_tokens**2 * channels + 24 * all_tokens * channels**2)
        return Budget(
            2 * per_token * tokens + 4 * depth * tokens**2 * width,
            mixed + attended,
            (per_token + once + outside) * _HALF,
            (2 * (per_token + once) / depth + outside) * _HALF,
            _ACTIVATIONS * tokens * width * _HALF,
            _encoding(tokenizer, video) * _HALF,
            8 * all_tokens * channels * _HALF + views * 0.4 * video.frames * video.height * video.width,
        )

    def seconds_per_view(self, evaluations: float, on_gpu: bool) -> float:
        """Return the time [s] that one video takes."""
        return evaluations * self.video / (_GPU_PACE if on_gpu else _CPU_PACE)

    def decoder_seconds(self, on_gpu: bool) -> float:
        """Return the time [s] that the decoder takes."""
        return self.decoder / (_GPU_PACE if on_gpu else _CPU_PACE)


def _encoding(tokenizer: Mapping[str, Any], video: VideoFormat) -> float:
    """Return how many numbers the tokenizer has in memory while it encodes a video piece by piece."""
    channels = tokenizer.get("encoder_block_out_channels", _ENCODER_CHANNELS)
    inner, last = float(channels[1]), float(channels[-1])
    cells = (video.height // 8) * (video.width // 8)
    # keys and values of attention in time at the end, beside those that they grew from
    kept = 4 * last * ((video.frames - 1) // 8 + 1)
    return cells * (kept + ENCODED_AT_ONCE * (16 * last + 40 * inner))


def _sizes(config: Mapping[str, Any], *names: str) -> list[float]:
    """Return numbers of a configuration; KeyError, TypeError or ValueError if one is none."""
    return [float(config[name]) for name in names]
