"""The whole method on one model folder: a picture with depth, six imagined videos, and the Gaussians they show.

Lyra (arXiv 2509.19296): along each of six paths the 3D cache says what is known, GEN3C imagines the rest as latents of
a video, and the Gaussian decoder turns all of these latents, never decoded to pictures, into Gaussians.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from .budget import VideoFormat
from .depth_cache import CacheFrames
from .folders import ModelFolders
from .gaussian_decoder import GaussianDecoder
from .gen3c import Condition, Sampler
from .latent_space import LatentSpace
from .loading import load_network
from .placement import Placement
from .rays import Rays, gaussian_rays, plucker_map, relative_to_first, time_embedding, time_pictures

__all__ = ["Lyra", "Report"]

Floats = npt.NDArray[np.float32]
Report = Callable[[float, str], None]

#: Latents of the rays and times of earlier scenes, oldest first, and how many are kept (29 MB each at the published
#: size): scenes that follow one another often have the same cameras.
_ENCODED: OrderedDict[bytes, torch.Tensor] = OrderedDict()
_KEPT = 24


@dataclass
class Lyra:
    """A loaded model.

    Attributes:
        folders: where its networks lie.
        placement: where its networks work.
        space, network, decoder: tokenizer, video model (None once it is released) and Gaussian decoder.
    """

    folders: ModelFolders
    placement: Placement
    space: LatentSpace
    network: CosmosTransformer3DModel | None
    decoder: GaussianDecoder

    @staticmethod
    def load(folders: ModelFolders, placement: Placement, *, network: bool = True) -> Lyra:
        """Load all networks, the decoder as well, which waits in main memory: a damaged one is told before hours pass.

        Args:
            folders: where they lie.
            placement: where they work.
            network: load the video model too; without it nothing can be imagined.

        Raises:
            InvalidRequest: one cannot be loaded as it is.
        """
        decoder = load_network(GaussianDecoder, folders.decoder, placement.dtype)
        tokenizer = load_network(AutoencoderKLCosmos, folders.vae, placement.dtype)
        loaded = load_network(CosmosTransformer3DModel, folders.transformer, placement.dtype) if network else None
        return Lyra(
            folders,
            placement,
            LatentSpace(placement.place_tokenizer(tokenizer)),
            None if loaded is None else placement.place_network(loaded),
            decoder.eval(),
        )

    @property
    def video(self) -> VideoFormat:
        """The format of the model's videos."""
        return self.folders.video

    def release_network(self) -> None:
        """Give back the memory of the video model, once all videos are made."""
        self.network = None
        gc.collect()
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()

    def imagine(
        self,
        first: Floats,
        shown: CacheFrames,
        texts: tuple[torch.Tensor, torch.Tensor],
        sampler: Sampler,
        seed: int,
        progress: Report,
    ) -> torch.Tensor:
        """Return the tokenizer's latents (1, 16, t, h, w), float32 on the CPU, of one video.

        Args:
            first: its first frame in [-1, 1], shape (H, W, 3).
            shown: what the cache shows along the path.
            texts: embeddings of the prompt and of what is not wanted.
            sampler: how the network is asked.
            seed: of the noise.
            progress: called between encodings and denoising steps; stops the work by raising.
        """
        device = self.placement.device
        video = torch.from_numpy(shown.frames).movedim(0, 1)[None]
        start = torch.zeros_like(video)
        start[0, :, 0] = torch.from_numpy(first).movedim(2, 0)
        masks = torch.from_numpy(shown.masks).movedim(0, 1)[None].float().expand(-1, 3, -1, -1, -1) * 2 - 1
        latents = []
        for i, (part, name) in enumerate(((start, "the first frame"), (video, "the warped video"), (masks, "masks"))):
            progress(0.02 * i, f"encoding {name}")
            latents.append(self.space.to_diffusion(self.space.encode(part)).to(device))
        given, warped, known = latents
        condition = Condition(given, warped, known, texts[0].to(device), texts[1].to(device), self.video.fps)
        found = sampler.sample(condition, seed, lambda done, text: progress(0.06 + 0.94 * done, text))
        return self.space.from_diffusion(found).cpu()

    def reconstruct(
        self,
        latents: Sequence[torch.Tensor],
        paths: Sequence[Floats],
        lens: tuple[float, float, float, float],
        progress: Report,
        target_times: Sequence[int] = (),
    ) -> list[Floats]:
        """Return the Gaussians (M, 14) that V videos show: one set, or one for each target time of a moving scene.

        Args:
            latents: of each video, see :meth:`imagine`, in the order in which the decoder was trained to see them.
            paths: cam_to_world of each video (T, 4, 4).
            lens: fx, fy, cx, cy of all frames [px], pixel centres at +0.5.
            progress: called between stages; stops the work by raising.
            target_times: frames at which a model of moving scenes is asked; none for one of static scenes.

        Returns:
            position 3, opacity, scale 3, quaternion wxyz, rgb in [0, 1]; in the axes of the first camera.
        """
        device, kind = self.placement.device, self.placement.dtype
        progress(0.0, "encoding rays")
        plucker, rays = self._rays(paths, lens, lambda done, text: progress(0.5 * done, text))
        decoder = torch.nn.Module.to(self.decoder, device)
        times: list[torch.Tensor | None] = [self._time_latents(time) for time in target_times]
        video = torch.cat([_by_frame(one) for one in latents], dim=1).to(device, kind)
        found = []
        for i, time in enumerate(times or [None]):
            progress(0.5 + 0.5 * i / max(len(times), 1), f"decoding Gaussians {i + 1} of {max(len(times), 1)}")
            origins, directions = (part[None].to(device) for part in rays)
            time = None if time is None else time.to(device, kind)
            kept = decoder.decode(video, plucker.to(device, kind), origins, directions, time, len(paths))
            found.append(kept[0].float().cpu().numpy())
        return found

    def _rays(
        self, paths: Sequence[Floats], lens: tuple[float, float, float, float], progress: Report
    ) -> tuple[torch.Tensor, Rays]:
        """Return Pluecker latents (1, V t, 32, h, w) and rays (V T, 3, h, w).

        Conditioning has the coarse grid that the network was trained with; Gaussians lie on exact rays.
        """
        poses = relative_to_first(torch.from_numpy(np.stack(paths)).float())
        lenses, size = torch.tensor(lens), (self.video.height, self.video.width)
        encoded = []
        for i, path in enumerate(poses):
            progress(i / len(poses), f"encoding rays of view {i + 1} of {len(poses)}")
            encoded.append(
                self._encoded(
                    path.numpy().tobytes() + repr((lens, size)).encode(), partial(self._plucker, path, lenses)
                )
            )
        return torch.cat(encoded, dim=1), gaussian_rays(poses.flatten(0, 1), lenses, *size, self.space.compression)

    def _plucker(self, path: torch.Tensor, lens: torch.Tensor) -> torch.Tensor:
        """Return the latents (1, t, 32, h, w) of the moments and directions of a view's rays."""
        maps = plucker_map(path, lens, self.video.height, self.video.width).float().movedim(0, 1)
        return torch.cat([_by_frame(self.space.encode(part[None])) for part in maps.split(3)], dim=2)

    def _time_latents(self, target: int) -> torch.Tensor:
        """Return latents (1, t + 1, 16, h, w) of the times of all frames and of the target frame."""
        frames = self.video.frames
        wanted = {b"times": time_embedding(frames), b"time %d" % target: time_embedding(frames, [target])}
        parts = [self._encoded(name + repr(self.video).encode(), partial(self._times, e)) for name, e in wanted.items()]
        return torch.cat(parts, dim=1)

    def _times(self, embedding: torch.Tensor) -> torch.Tensor:
        pictures = time_pictures(embedding, self.video.height, self.video.width).movedim(0, 1)[None]
        return _by_frame(self.space.encode(pictures.contiguous()))

    def _encoded(self, key: bytes, encode: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return latents of cameras or times, from an earlier scene of this process if it had the same."""
        key = str(self.folders.vae).encode() + b"\0" + repr(self.placement).encode() + b"\0" + key
        found = _ENCODED.pop(key, None)
        _ENCODED[key] = encode().cpu() if found is None else found
        while len(_ENCODED) > _KEPT:
            _ENCODED.popitem(last=False)
        return _ENCODED[key]


def _by_frame(latents: torch.Tensor) -> torch.Tensor:
    """Return latents (1, t, C, h, w) of (1, C, t, h, w)."""
    return latents.transpose(1, 2)
