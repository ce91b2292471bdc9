"""Measure the networks of Lyra at published size with random weights on a CUDA device.

    python tests/gpu/lyra_full_size.py                  all of it: below 8 minutes on an H200 by estimate
    python tests/gpu/lyra_full_size.py decoder encode   some of it
    python tests/gpu/lyra_full_size.py --tiny           the same code at tiny size, on a CPU if there is no CUDA

Prints a Markdown table, and writes it and results.json into --out (or the folder that $OUT names) after each piece of
work: one that fails takes none of the others with it. Times are the median after a warm-up; memory is what torch
allocated at the peak, and beside it what it took from the device and what the plan says. 40 GB of GPU memory and 40 GB
of main memory do for all but the training, which may take more.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.generate._lyra.devices import working_on
from lyra_backend.models.budget import Budget, VideoFormat
from lyra_backend.models.depth_cache import DepthCache
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.gen3c import Condition, Sampler
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.placement import Placement, choose_placement
from lyra_backend.models.trajectories import DECODER_ORDER, camera_path
from lyra_backend.train.decoder_training import decoder_optimisers
from lyra_backend.train.recipe import Optimiser, Recipe, read_recipe
from lyra_backend.train.student import StudentObjective
from lyra_backend.train.taught import Taught

TINY_DECODER = {
    "width": 64,
    "depth": 4,
    "attention_heads": 4,
    "attention_every": 2,
    "scan_inner": 128,
    "scan_heads": 2,
    "state_size": 32,
}
TINY_NETWORK = {"num_attention_heads": 2, "attention_head_dim": 24, "num_layers": 2, "adaln_lora_dim": 8}
TINY_TOKENIZER = {
    "encoder_block_out_channels": (8, 16, 32, 32),
    "decode_block_out_channels": (16, 32, 32, 32),
    "num_layers": 1,
}


@dataclass(frozen=True)
class Setting:
    """What all is measured with: the device, what it computes in, the videos, and sizes of the networks."""

    device: torch.device
    kind: torch.dtype
    views: int
    video: VideoFormat
    decoder: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    tokenizer: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(tiny: bool) -> Setting:
        cpu = torch.device("cpu"), torch.float32
        sizes = (TINY_DECODER, TINY_NETWORK, TINY_TOKENIZER)
        found = Setting(*cpu, 2, VideoFormat(17, 64, 96), *sizes) if tiny else Setting(*cpu, 6, VideoFormat())
        # the same way to a device as that of scenes, with all that it refuses
        placed = choose_placement("auto", None, found.budget())
        return replace(found, device=placed.device, kind=placed.dtype)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Latent frames, rows and columns."""
        return (self.video.frames - 1) // 8 + 1, self.video.height // 8, self.video.width // 8

    def budget(self) -> Budget:
        with torch.device("meta"):
            network, decoder = self.make_network(), GaussianDecoder(**self.decoder)
        return Budget.of(network.config, decoder.config, self.video, self.views, self.tokenizer)

    def make_network(self) -> CosmosTransformer3DModel:
        return CosmosTransformer3DModel(in_channels=82, concat_padding_mask=False, **self.network)

    def random(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, device=self.device)


@dataclass
class Result:
    """A row of the table: median time [s], memory [GB], None where it is not known, and what went wrong."""

    what: str
    seconds: float | None = None
    allocated_gb: float | None = None
    reserved_gb: float | None = None
    planned_gb: float | None = None
    error: str = ""

    @property
    def row(self) -> str:
        numbers = (self.seconds, self.allocated_gb, self.reserved_gb, self.planned_gb)
        shown = ["-" if number is None else f"{number:.2f}" for number in numbers]
        return f"| {' | '.join([self.what, *shown, self.error.replace('|', '/')])} |"


HEAD = "| what | s | peak GB | reserved GB | planned GB | error |\n|---|---|---|---|---|---|"


def measure(setting: Setting, result: Result, work: Callable[[], object], repeats: int = 3) -> None:
    """Fill in a result: one run to warm up, and the median of the others."""
    work()
    on_gpu, seconds = setting.device.type == "cuda", []
    if on_gpu:
        torch.cuda.synchronize(setting.device)
        torch.cuda.reset_peak_memory_stats(setting.device)
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize(setting.device)
        seconds.append(time.perf_counter() - begin)
    result.seconds = statistics.median(seconds)
    if on_gpu:
        result.allocated_gb = torch.cuda.max_memory_allocated(setting.device) / 1e9
        result.reserved_gb = torch.cuda.max_memory_reserved(setting.device) / 1e9


def random_network(setting: Setting) -> CosmosTransformer3DModel:
    """Return a video model with random weights, made where it computes: main memory never holds it."""
    with torch.device("meta"):
        network = setting.make_network()
    torch.nn.Module.to(network, setting.kind).to_empty(device=setting.device)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    return network


def decoder(setting: Setting, result: Result) -> None:
    """All views of a scene to Gaussians, pruned."""
    with setting.device:
        model = torch.nn.Module.to(GaussianDecoder(**setting.decoder).eval(), setting.kind)
    (frames, *grid), views = setting.grid, setting.views
    latents, plucker = (setting.random(1, views * frames, c, *grid).to(setting.kind) for c in (16, 32))
    directions = torch.nn.functional.normalize(setting.random(1, views * setting.video.frames, 3, *grid), dim=2)
    origins = torch.zeros_like(directions)
    result.planned_gb = setting.budget().decoder_bytes / 1e9
    measure(setting, result, lambda: model.decode(latents, plucker, origins, directions, view_count=views))


def tokenizer_of(setting: Setting) -> AutoencoderKLCosmos:
    network = AutoencoderKLCosmos(**setting.tokenizer).to(setting.kind)
    return Placement(setting.device, setting.kind).place_tokenizer(network)


def encode(setting: Setting, result: Result) -> None:
    """A video encoded piece by piece, as the product does it; each piece comes from main memory."""
    space, count = LatentSpace(tokenizer_of(setting)), setting.video.frames
    picture = torch.rand(1, 3, 1, setting.video.height, setting.video.width) * 2 - 1
    result.planned_gb = setting.budget().encoding_bytes / 1e9
    measure(setting, result, lambda: space.encode(lambda a, b: picture.expand(-1, -1, b - a, -1, -1), count))


def encode_whole(setting: Setting, result: Result) -> None:
    """The same video at once, by diffusers, to compare."""
    network, video = tokenizer_of(setting), setting.video
    given = torch.rand(1, 3, video.frames, video.height, video.width, device=setting.device).to(setting.kind) * 2 - 1
    with torch.no_grad():
        measure(setting, result, lambda: network.encode(given).latent_dist.mode())


def decode_whole(setting: Setting, result: Result) -> None:
    """A video decoded at once, by diffusers; no scene needs it."""
    network, latents = tokenizer_of(setting), setting.random(1, 16, *setting.grid).to(setting.kind)
    with torch.no_grad():
        measure(setting, result, lambda: network.decode(latents).sample, repeats=1)


def warp(setting: Setting, result: Result) -> None:
    """The 3D cache seen along a path: every frame of one video, foreground masked."""
    height, width = setting.video.height, setting.video.width
    rows, columns = np.indices((height, width), np.float32)
    image = np.stack([rows / height, columns / width, np.full_like(rows, 0.5)], axis=-1)
    depth = 1.2 - 0.3 * rows / height - 0.4 * (np.hypot(rows - height / 2, columns - width / 2) < height / 5)
    lens = np.array([[width, 0.0, width / 2], [0.0, width, height / 2], [0.0, 0.0, 1.0]])
    placement = Placement(setting.device, setting.kind)
    cache = DepthCache(image, depth, lens, device=placement.warp_device)
    poses = np.linalg.inv(camera_path("left", 0.25, setting.video.frames))
    cache.render(poses[:2], lens)
    begin = time.perf_counter()
    cache.render(poses, lens)
    result.seconds = time.perf_counter() - begin


def video_step(setting: Setting, result: Result, vram_gb: float | None = None, **way: Any) -> None:
    """One denoising step, both evaluations, of a video."""
    network = random_network(setting)
    placement = Placement(setting.device, setting.kind, **way)
    if placement.offload:
        network = network.to("cpu")
        release()
    result.planned_gb = placement.bytes_needed(setting.budget()) / 1e9
    with working_on([placement], vram_gb if setting.device.type == "cuda" else None), placement.current():
        network = placement.place_network(network)
        release()
        first, warped, masks = (setting.random(1, 16, *setting.grid) for _ in range(3))
        text = torch.zeros(1, 512, 1024, device=setting.device)
        sampler, condition = Sampler(network, steps=1), Condition(first, warped, masks, text, text)
        # an offloaded network learns the order of its blocks in the first evaluation, which warms up
        measure(setting, result, lambda: sampler.sample(condition, seed=0), repeats=1)


def training_step(setting: Setting, result: Result) -> None:
    """One step of the last stage of the published training but for LPIPS: all views, nine pictures, forward, backward
    and AdamW, with bfloat16 and gradient checkpointing."""
    with setting.device:
        decoder = GaussianDecoder(**setting.decoder)
    decoder.enable_gradient_checkpointing()
    stage = replace(read_recipe("lyra_static").stages[-1], lpips=0.0, frames=0, height=0, width=0, views=setting.views)
    recipe = Recipe("one step", Optimiser(precision="bf16" if setting.device.type == "cuda" else "no"), (stage,))
    student = StudentObjective(decoder, OneScene(shown_scene(setting)), recipe, 0, str(setting.device))
    optimiser = decoder_optimisers(decoder, recipe)[0]

    def step() -> None:
        with torch.autocast(setting.device.type, torch.bfloat16, enabled=recipe.optimiser.precision == "bf16"):
            loss = student.loss(0)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    measure(setting, result, step, repeats=2)


@dataclass(frozen=True)
class OneScene:
    """All that a student learns from."""

    taught: Taught

    def __len__(self) -> int:
        return 1

    def scene(self, i: int) -> Taught:
        return self.taught


def shown_scene(setting: Setting) -> Taught:
    """Return a scene of random latents; its pictures are all of one memory, which has the size of one."""
    rng, (frames, *grid), video = np.random.default_rng(0), setting.grid, setting.video
    size = (setting.views, video.frames, video.height, video.width)
    latents, rays = (rng.standard_normal((setting.views, frames, c, *grid)).astype(np.float16) for c in (16, 32))
    paths = [camera_path(kind, 0.2, video.frames, video.centre_depth) for kind in DECODER_ORDER[: setting.views]]
    return Taught(
        "scene",
        0,
        latents,
        rays,
        np.broadcast_to(rng.integers(0, 255, size[2:] + (3,), np.uint8), (*size, 3)),
        np.stack(paths).astype(np.float32),
        np.array([video.width, video.width, video.width / 2, video.height / 2], np.float32),
        cache_depth=np.broadcast_to(rng.uniform(1, 3, size[2:]).astype(np.float16), size),
    )


#: What can be measured: title, and work that fills in a result.
WORKS: dict[str, tuple[str, Callable[[Setting, Result], None]]] = {
    "decoder": ("Gaussian decoder, all views of a scene", decoder),
    "encode": ("tokenizer, one video piece by piece", encode),
    "encode_whole": ("tokenizer, one video at once", encode_whole),
    "decode_whole": ("tokenizer, latents to a video at once", decode_whole),
    "warp": ("forward warp of one video", warp),
    "step": ("video model, one step of two evaluations", video_step),
    "offloaded": (
        "the same, weights visiting block by block, limited to 16 GB",
        partial(video_step, vram_gb=16.0, offload=True),
    ),
    "float8": ("the same, weights as 8-bit floats", partial(video_step, stored=torch.float8_e4m3fn)),
    "int8": ("the same, weights as 8-bit integers", partial(video_step, stored=torch.int8)),
    "training": ("training of the Gaussian decoder, one step", training_step),
}


def release() -> None:
    """Give back memory that nothing needs."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def guarded(result: Result) -> Iterator[None]:
    """Write down what goes wrong, and go on."""
    try:
        yield
    except Exception as error:  # whatever a device has to say: the other pieces of work are to be measured
        traceback.print_exc()
        result.error = f"{type(error).__name__}: {error}".partition("\n")[0][:200]


def write(out: Path | None, setting: Setting, results: list[Result]) -> None:
    """Write the table and results.json into a folder."""
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    found = {**about(setting), "results": [asdict(result) for result in results]}
    (out / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text("\n".join([HEAD, *(result.row for result in results)]) + "\n", encoding="utf-8")


def about(setting: Setting) -> dict[str, str]:
    on_gpu = setting.device.type == "cuda"
    name = torch.cuda.get_device_name(setting.device) if on_gpu else "CPU"
    return {"device": name, "torch": torch.__version__, "dtype": str(setting.kind), "video": str(setting.video)}


def main(arguments: list[str] | None = None) -> list[Result]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*WORKS, []], help="what to measure; all by default")
    parser.add_argument("--tiny", action="store_true", help="small networks, on a CPU if there is no CUDA")
    parser.add_argument("--out", type=Path, default=os.environ.get("OUT"), help="folder for results; by default $OUT")
    given = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not given.tiny:
        raise SystemExit("No CUDA device: the published size needs one. --tiny runs the same code anywhere.")
    setting, results = Setting.of(given.tiny), []
    out = Path(given.out) if given.out else None
    print(", ".join(about(setting).values()), f"\n\n{HEAD}", sep="")
    for name in given.what or WORKS:
        title, work = WORKS[name]
        result = Result(title)
        with guarded(result):
            work(setting, result)
        release()
        results.append(result)
        print(result.row, flush=True)
        write(out, setting, results)
    return results


if __name__ == "__main__":
    main()
