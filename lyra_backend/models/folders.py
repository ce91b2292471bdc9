"""The folders that a Lyra model consists of: one that holds them all, or several fetched one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import InvalidRequest
from .budget import Budget, VideoFormat, read_config

__all__ = ["Embeddings", "ModelFolders"]


class Embeddings(NamedTuple):
    """Folders of embeddings of prompts.

    Attributes:
        kept: where those are kept that a text encoder made here, each under its encoder and its text.
        brought: those that came with the model, which are only read: ``<first 16 digits of the text's SHA-256>
            .safetensors`` with the tensor ``embedding`` (1, 512, E). There need not be any.
    """

    kept: Path
    brought: Path | None = None


@dataclass(frozen=True)
class ModelFolders:
    """Where the networks of a model lie.

    Attributes:
        decoder, transformer, vae: as diffusers saves networks.
        text_encoder: a T5 encoder with its tokenizer; there need not be one.
        embeddings: of prompts.
        depth, text_to_image: a depth model of transformers, and a pipeline of diffusers; there need not be any.
        video: the format of the model's videos.
    """

    decoder: Path
    transformer: Path
    vae: Path
    text_encoder: Path
    embeddings: Embeddings
    depth: Path
    text_to_image: Path
    video: VideoFormat

    @staticmethod
    def in_one(folder: Path, kept: Path) -> ModelFolders:
        """Return those of a folder with ``decoder``, ``transformer``, ``vae`` and, if it has them, the others.

        Args:
            folder: the user's, in which nothing is written.
            kept: where embeddings of prompts are kept.

        Raises:
            InvalidRequest: there is no such folder, or it lacks a network.
        """
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise InvalidRequest(f"model {folder}: must be a folder with decoder, transformer and vae, but {what}.")
        found = ModelFolders(
            folder / "decoder",
            folder / "transformer",
            folder / "vae",
            folder / "text_encoder",
            Embeddings(kept, folder / "text_embeddings"),
            folder / "depth",
            folder / "text_to_image",
            VideoFormat.read(folder),
        )
        found.check()
        return found

    @property
    def networks(self) -> tuple[Path, Path, Path]:
        """The folders of the networks that must be there."""
        return self.decoder, self.transformer, self.vae

    def check(self) -> None:
        """Look for configurations and weights of the networks that must be there.

        Raises:
            InvalidRequest: one is missing, or the decoder belongs to other videos.
        """
        for network in self.networks:
            read_config(network)
            if not any(network.glob("*.safetensors")):
                raise InvalidRequest(
                    f"{network}: has a configuration but no weights (*.safetensors). Convert or fetch them again with "
                    "`lyra-scenegen weights`."
                )
        self._check_channels()
        self._check_format()

    def _check_channels(self) -> None:
        """Look whether all networks are of latents of as many channels."""
        named = {self.decoder: "latent_channels", self.transformer: "out_channels", self.vae: "latent_channels"}
        found = {folder.name: read_config(folder).get(name, 16) for folder, name in named.items()}
        if len(set(found.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in found.items())
            raise InvalidRequest(
                f"model {self.decoder.parent}: its networks are of latents of different channels ({told}). Take those "
                "that were trained together."
            )

    def _check_format(self) -> None:
        means = read_config(self.vae).get("latents_mean")
        known = len(means) // read_config(self.decoder).get("latent_channels", 16) if means else None
        frames = (self.video.frames - 1) // self.time_compression + 1
        if known is not None and known < frames:
            raise InvalidRequest(
                f"model {self.vae}: has statistics of {known} latent frames and its videos have {frames}. Mend the "
                "model's lyra.json, or convert the tokenizer with statistics of its own."
            )
        video, compression = self.video, read_config(self.vae).get("spatial_compression_ratio", 8)
        cells = 2 * compression
        if video.height % cells or video.width % cells or (video.frames - 1) % self.time_compression:
            raise InvalidRequest(
                f"model {self.decoder.parent}: videos of {video.width} x {video.height} pixels and {video.frames} "
                f"frames do not fit its networks, which take multiples of {cells} pixels and "
                f"{self.time_compression} n + 1 frames. Mend its lyra.json."
            )

    @property
    def time_compression(self) -> int:
        """Frames that one more latent frame stands for."""
        return int(read_config(self.decoder).get("time_compression", 8))

    @property
    def text_width(self) -> int:
        """Channels of a prompt's embedding that the video model takes."""
        return int(read_config(self.transformer).get("text_embed_dim", 1024))

    @property
    def moves(self) -> bool:
        """Whether the decoder is one of moving scenes."""
        return bool(read_config(self.decoder).get("use_time", False))

    def budget(self, views: int) -> Budget:
        """Return arithmetic and memory of one scene of so many videos.

        Raises:
            InvalidRequest: a configuration lacks a size, or has none in its place.
        """
        try:
            networks = read_config(self.transformer), read_config(self.decoder)
            return Budget.of(*networks, self.video, views, read_config(self.vae))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise InvalidRequest(
                f"model {self.decoder.parent}: config.json of its decoder or its transformer lacks a size ({error}). "
                "Fetch or convert the weights again."
            ) from error
