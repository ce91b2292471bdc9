"""The whole method on one model folder: a picture with depth, six imagined videos, and the Gaussians they show.

Lyra (arXiv 2509.19296): along each of six paths the 3D cache says what is known, GEN3C imagines the rest as latents of
a video, and the Gaussian decoder turns all of these latents, never decoded to pictures, into Gaussians.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from ..errors import InvalidRequest
from .budget import VideoFormat, read_config
from .depth_cache import CacheFrames
from .folders import ModelFolders
from .gaussian_decoder import GaussianDecoder
from .gen3c import Condition, Sampler, check_channels, pad_outside
from .latent_space import Frames, LatentSpace
from .loading import load_network
from .placement import LYRA, Placement, room_bytes
from .rays import Rays, gaussian_rays, plucker_map, relative_to_first, time_embedding, time_pictures
from .warm import WARM, Slot, files_state, free_unused

__all__ = ["Lyra", "Report", "ray_latents"]

Floats = npt.NDArray[np.float32]
Report = Callable[[float, str], None]

#: Latents of first frames, rays and times, oldest first, and how many are kept (29 MB each at the published size): all
#: videos of a scene begin with one picture, and scenes that follow one another often have the same cameras.
_ENCODED: OrderedDict[bytes, torch.Tensor] = OrderedDict()
_KEPT = 24
#: Activations of videos that are made as one batch [bytes]; one video of the published size has six times as many.
_BATCH_BYTES = 1e9
#: Several GPUs of a scene look for them at once.
_ENCODING = threading.Lock()


@dataclass
class Lyra:
    """A loaded model.

    Attributes:
        folders: where its networks lie.
        placement: where its networks work.
        space, network, decoder: tokenizer, video model (None once it is released) and Gaussian decoder.
        tokenizer_state: what tells the tokenizer from others, see :func:`~.warm.files_state`.
    """

    folders: ModelFolders
    placement: Placement
    space: LatentSpace
    network: CosmosTransformer3DModel | None
    decoder: GaussianDecoder
    tokenizer_state: Hashable = None

    @staticmethod
    def take(
        folders: ModelFolders, placement: Placement, views: int, vram_gb: float | None = None, *, network: bool = True
    ) -> Lyra:
        """Return the model of a scene before this one if it is the same and still loaded, else :meth:`load` it.

        Others that stay loaded are given back where its memory does not do for them as well.

        Args:
            folders, placement, network: see :meth:`load`.
            views: how many videos the scene has.
            vram_gb: memory of a GPU that may be taken; None is all that is free.

        Raises:
            InvalidRequest, MissingDependency: see :meth:`load`.
        """
        slot, parts = Lyra.slot(placement), folders.networks
        needed = placement.bytes_needed(folders.budget(views))
        WARM.make_room(slot, needed, lambda: room_bytes(placement.device, vram_gb))
        model = WARM.take(
            slot,
            parts,
            placement,
            lambda: Lyra.load(folders, placement, network=network),
            lambda lyra: lyra.networks,
        )
        # files are the same, what they are to make may be another: embeddings, helpers, format of videos
        model.folders = folders
        if network and model.network is None:
            model.network = _video_model(folders, placement)
        return model

    @staticmethod
    def waits(folders: ModelFolders, placement: Placement) -> bool:
        """Return whether :meth:`take` would have nothing to load."""
        return WARM.holds(Lyra.slot(placement), folders.networks, placement)

    @staticmethod
    def slot(placement: Placement) -> Slot:
        """Where a model of a placement stays loaded."""
        return LYRA, str(placement.device)

    @staticmethod
    def load(folders: ModelFolders, placement: Placement, *, network: bool = True) -> Lyra:
        """Load all networks, the decoder as well, which waits in main memory: a damaged one is told before hours pass.

        Args:
            folders: where they lie.
            placement: where they work.
            network: load the video model too; without it nothing can be imagined.

        Raises:
            InvalidRequest: one cannot be loaded as it is, or the video model is not one of GEN3C.
            MissingDependency: see :meth:`Placement.place_network`.
        """
        check_channels(read_config(folders.transformer))
        state = files_state([folders.vae])
        decoder = load_network(GaussianDecoder, folders.decoder, placement.dtype)
        tokenizer = load_network(AutoencoderKLCosmos, folders.vae, placement.dtype)
        return Lyra(
            folders,
            placement,
            LatentSpace(placement.place_tokenizer(tokenizer)),
            _video_model(folders, placement) if network else None,
            decoder.eval(),
            state,
        )

    @property
    def video(self) -> VideoFormat:
        """The format of the model's videos."""
        return self.folders.video

    def release_network(self) -> None:
        """Give back the memory of the video model, once all videos are made."""
        self.network = None
        free_unused(self.placement.device.type == "cuda")

    @property
    def networks(self) -> list[torch.nn.Module]:
        """Its networks that are loaded."""
        known = (self.space.tokenizer, self.network, self.decoder)
        return [network for network in known if network is not None]

    def at_once(self, views: int) -> bool:
        """Return whether so many videos are made as one batch: where they are small, the network has little to do."""
        return views * self.folders.budget(views).activations_bytes <= _BATCH_BYTES

    def rest(self, views: int, vram_gb: float | None) -> None:
        """Release the video model before Gaussians are decoded, unless it stays loaded and decoding has room beside it.

        Args:
            views: how many videos the scene has.
            vram_gb: memory of a GPU that may be taken; None is all that is free.
        """
        device = self.placement.device
        needed = self.placement.bytes_decoding(self.folders.budget(views))
        held = WARM.held_bytes(str(device), self.slot(self.placement))
        # what it holds is in use: decoding comes on top
        slot = self.slot(self.placement)
        if not held or not WARM.make_room(slot, needed + held, lambda: room_bytes(device, vram_gb)):
            self.release_network()

    def wait(self) -> None:
        """Let the decoder wait in main memory, where it did before this scene, for the next one if there may be one."""
        if WARM.keeping:
            torch.nn.Module.to(self.decoder, "cpu")

    def imagine(
        self,
        first: Floats,
        shown: Sequence[CacheFrames],
        texts: tuple[torch.Tensor, torch.Tensor],
        sampler: Sampler,
        seed: int,
        progress: Report,
    ) -> torch.Tensor:
        """Return the tokenizer's latents (B, 16, t, h, w), float32 on the CPU, of B videos, one of the published size.

        Videos of one batch are those that would be made alone, but for rounding.

        Args:
            first: their first frame in [-1, 1], shape (H, W, 3).
            shown: what the cache shows along the path of each.
            texts: embeddings of the prompt and of what is not wanted.
            sampler: how the network is asked.
            seed: of the noise, which is the same for all of them.
            progress: called between encodings and denoising steps; stops the work by raising.
        """
        with self.placement.current():
            condition = self._condition(first, shown, texts, progress)
            seeds = [seed] * len(shown)
            found = sampler.sample(condition, seeds, lambda done, text: progress(0.06 + 0.94 * done, text))
            return self.space.from_diffusion(found).cpu()

    def _condition(
        self, first: Floats, shown: Sequence[CacheFrames], texts: tuple[torch.Tensor, torch.Tensor], progress: Report
    ) -> Condition:
        """Return what the video model is shown; see :meth:`imagine`."""
        count = len(shown[0].frames)
        progress(0.0, "encoding the first frame")
        key = b"first frame" + repr((first.shape, count)).encode() + hashlib.sha256(first.tobytes()).digest()
        given = self._encoded(key, lambda: self.space.encode(partial(_only_first, first), count))
        videos: dict[str, Frames] = {
            "the warped video": lambda start, end: _as_videos([s.frames[start:end] for s in shown]),
            "masks": lambda start, end: (
                _as_videos([s.masks[start:end] for s in shown]).float().expand(-1, 3, -1, -1, -1) * 2 - 1
            ),
        }
        latents = [given.to(self.placement.device).expand(len(shown), -1, -1, -1, -1)]
        for i, (name, frames) in enumerate(videos.items()):
            progress(0.02 * (i + 1), f"encoding {name}")
            latents.append(self.space.encode(frames, count))
        given, warped, known = (self.space.to_diffusion(each) for each in latents)
        wanted, unwanted = (text.to(self.placement.device) for text in texts)
        return Condition(given, warped, known, wanted, unwanted, self.video.fps)

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

        Raises:
            InvalidRequest: the decoder gives NaN or infinite numbers.
        """
        with self.placement.current():
            progress(0.0, "encoding rays")
            plucker, rays = self._rays(paths, lens, lambda done, text: progress(0.5 * done, text))
            times = [self._time_latents(time) for time in target_times]
            return list(self._decoded(latents, plucker, rays, times, progress))

    def _decoded(
        self,
        latents: Sequence[torch.Tensor],
        plucker: torch.Tensor,
        rays: Rays,
        times: Sequence[torch.Tensor],
        progress: Report,
    ) -> Iterator[Floats]:
        """Yield Gaussians (M, 14) of each time, or those of a still scene; see :meth:`reconstruct`."""
        device, kind = self.placement.device, self.placement.dtype
        decoder = torch.nn.Module.to(self.decoder, device)
        video, plucker = (t.to(device, kind) for t in (torch.cat([_by_frame(t) for t in latents], dim=1), plucker))
        origins, directions = (part[None] for part in rays)
        count = max(len(times), 1)
        for i, time in enumerate(times or [None]):
            progress(0.5 + 0.5 * i / count, f"decoding Gaussians {i + 1} of {count}")
            asked = None if time is None else time.to(device, kind)
            kept = decoder.decode(video, plucker, origins, directions, asked, len(latents))
            _check_finite(kept)
            yield kept[0].float().cpu().numpy()

    def _rays(
        self, paths: Sequence[Floats], lens: tuple[float, float, float, float], progress: Report
    ) -> tuple[torch.Tensor, Rays]:
        """Return Pluecker latents (1, V t, 32, h, w), on the CPU, and rays (V T, 3, h, w).

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
        every = poses.flatten(0, 1).to(self.placement.device)
        return torch.cat(encoded, dim=1), gaussian_rays(every, lenses, *size, self.space.compression)

    def _plucker(self, path: torch.Tensor, lens: torch.Tensor) -> torch.Tensor:
        return ray_latents(self.space, path, lens, self.video.height, self.video.width)

    def _time_latents(self, target: int) -> torch.Tensor:
        """Return latents (1, t + 1, 16, h, w) of the times of all frames and of the target frame."""
        frames = self.video.frames
        wanted = {b"times": time_embedding(frames), b"time %d" % target: time_embedding(frames, [target])}
        parts = [self._encoded(name + repr(self.video).encode(), partial(self._times, e)) for name, e in wanted.items()]
        return torch.cat(parts, dim=1)

    def _times(self, embedding: torch.Tensor) -> torch.Tensor:
        return time_latents(self.space, embedding, self.video.height, self.video.width)

    def _encoded(self, key: bytes, encode: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return latents of a first frame, cameras or times, on the CPU, from before if this process had the same."""
        where = self.folders.vae, self.tokenizer_state, self.placement
        key = repr(where).encode() + b"\0" + key
        with _ENCODING:
            found = _ENCODED.pop(key, None)
        found = encode().cpu() if found is None else found
        with _ENCODING:
            _ENCODED[key] = found
            while len(_ENCODED) > _KEPT:
                _ENCODED.popitem(last=False)
        return found


def ray_latents(space: LatentSpace, path: torch.Tensor, lens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the latents (1, t, 32, h, w) of the moments and directions of a view's rays, as the decoder takes them.

    Args:
        space: of the tokenizer that encodes them as videos, as if they were colours.
        path: cam_to_world (T, 4, 4), relative to the first camera of the scene.
        lens: fx, fy, cx, cy [px], shape (4,).
        height, width: size of the pictures [px].
    """
    path = path.to(space.tokenizer.device)

    def frames(half: int, start: int, end: int) -> torch.Tensor:
        maps = plucker_map(path[start:end], lens, height, width)
        return maps[:, 3 * half : 3 * half + 3].movedim(0, 1)[None]

    return torch.cat([_by_frame(space.encode(partial(frames, half), len(path))) for half in (0, 1)], dim=2)


def time_latents(space: LatentSpace, embedding: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the latents (1, t, 16, h, w) of times, as the decoder of a moving scene takes them.

    Args:
        space: of the tokenizer that encodes them as videos, as if they were colours.
        embedding: of the frames, (T, 3), see :func:`~.rays.time_embedding`.
        height, width: size of the pictures [px].
    """
    pictures = time_pictures(embedding, height, width).movedim(0, 1)[None]
    return _by_frame(space.encode(lambda start, end: pictures[:, :, start:end], len(embedding)))


def _video_model(folders: ModelFolders, placement: Placement) -> CosmosTransformer3DModel:
    loaded = load_network(CosmosTransformer3DModel, folders.transformer, placement.dtype)
    return placement.place_network(pad_outside(loaded))


def _check_finite(gaussians: torch.Tensor) -> None:
    """Look at what the decoder said, which NaN would go through to the end.

    Raises:
        InvalidRequest: there is one, or an infinite number.
    """
    if not bool(torch.isfinite(gaussians).all()):
        raise InvalidRequest(
            "Gaussian decoder: gives numbers that are not finite. Its weights may be damaged: look with `lyra-scenegen "
            "weights verify`, or convert them again, and run the same command again: finished videos are kept."
        )


def _as_videos(pictures: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    """Return videos (B, C, T, H, W) of pictures (T, C, H, W) each; of a single one in the same memory."""
    if len(pictures) == 1:
        return torch.from_numpy(pictures[0]).movedim(0, 1)[None]
    return torch.stack([torch.from_numpy(each).movedim(0, 1) for each in pictures])


def _only_first(first: Floats, start: int, end: int) -> torch.Tensor:
    """Return frames (1, 3, T, H, W) of the video that begins with a picture (H, W, 3) and is zero from then on."""
    height, width, channels = first.shape
    video = torch.zeros(1, channels, end - start, height, width)
    if start == 0:
        video[0, :, 0] = torch.from_numpy(first).movedim(2, 0)
    return video


def _by_frame(latents: torch.Tensor) -> torch.Tensor:
    """Return latents (1, t, C, h, w) of (1, C, t, h, w)."""
    return latents.transpose(1, 2)
