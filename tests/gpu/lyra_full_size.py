"""Measure the networks of Lyra at published size with random weights on a CUDA device; prints a Markdown table.

    python tests/gpu/lyra_full_size.py                    decoder, one step of the video model, the 24 GB plan
    python tests/gpu/lyra_full_size.py decoder --tiny     the same code on a CPU at tiny size, to see that it runs

Times are medians of 3 after one warm-up, memory is the peak that torch allocated. Needs about 30 GB of GPU memory for
all three.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from diffusers import CosmosTransformer3DModel

from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.gen3c import Condition, Sampler
from lyra_backend.models.placement import Placement

#: Views, latent frames, rows and columns of latents; and the networks.
FULL, TINY = (6, 16, 88, 160), (2, 2, 8, 12)
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


def measured(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Return the median time [s] of a piece of work and the memory [GB] at its peak."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begin)
    peak = torch.cuda.max_memory_allocated(device) / 1e9 if on_gpu else float("nan")
    return statistics.median(seconds[1:]), peak


def decoder(device: torch.device, kind: torch.dtype, tiny: bool) -> tuple[str, float, float]:
    """All views of a scene to Gaussians, pruned."""
    views, frames, height, width = TINY if tiny else FULL
    with device:
        model = GaussianDecoder(**(TINY_DECODER if tiny else {})).eval()
        model = torch.nn.Module.to(model, kind)
        latents, plucker = (
            torch.randn(1, views * frames, channels, height, width, dtype=kind) for channels in (16, 32)
        )
        shape = (1, views * (8 * frames - 7), 3, height, width)
        origins, directions = torch.zeros(shape), torch.nn.functional.normalize(torch.randn(shape), dim=2)
    seconds, peak = measured(lambda: model.decode(latents, plucker, origins, directions, view_count=views), device)
    return f"Gaussian decoder, {views} views, {kind}", seconds, peak


def video_step(device: torch.device, kind: torch.dtype, tiny: bool, offload: bool = False) -> tuple[str, float, float]:
    """One denoising step, both evaluations, of a video of the published size."""
    _, frames, height, width = TINY if tiny else FULL
    placement = Placement(device, kind, offload=offload)
    torch.set_default_dtype(kind)
    network = CosmosTransformer3DModel(in_channels=82, concat_padding_mask=False, **(TINY_NETWORK if tiny else {}))
    torch.set_default_dtype(torch.float32)
    network = placement.place_network(network)
    first, warped, masks = (torch.randn(1, 16, frames, height, width, device=device) for _ in range(3))
    text = torch.zeros(1, 512, 1024, device=device)
    sampler = Sampler(network, steps=1)
    condition = Condition(first, warped, masks, text, text)
    seconds, peak = measured(lambda: sampler.sample(condition, seed=0), device)
    return f"video model, one step of two evaluations, {'offloaded' if offload else 'resident'}, {kind}", seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = ("decoder", "step", "offloaded")
    parser.add_argument("what", nargs="*", choices=[*what, []], help="what to measure; all by default")
    parser.add_argument("--tiny", action="store_true", help="small networks, on a CPU if there is no CUDA")
    given = parser.parse_args()
    if not torch.cuda.is_available() and not given.tiny:
        raise SystemExit("No CUDA device: the published size needs one. --tiny runs the same code anywhere.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}\n\n| what | s | peak GB |\n|---|---|---|")
    works = {
        "decoder": lambda: decoder(device, kind, given.tiny),
        "step": lambda: video_step(device, kind, given.tiny),
        "offloaded": lambda: video_step(device, kind, given.tiny, offload=True),
    }
    for each in given.what or what:
        title, seconds, peak = works[each]()
        print(f"| {title} | {seconds:.3f} | {'-' if math.isnan(peak) else f'{peak:.1f}'} |", flush=True)


if __name__ == "__main__":
    main()
