"""Gaussians in USD files, read in a process of its own.

USD is native code that ends its process on some damaged files, and only the authoring part of this package knows its
prims. The child is ``python -m lyra_backend.author.splat_reader``.
"""

from __future__ import annotations

from pathlib import Path

from ..types.gaussians import GaussianCloud
from ..types.report import Outcome
from .child_process import run_module, temporary_folder
from .stage_files import load_generation, load_outcome

__all__ = ["USD_READABLE", "read_usd_splats"]

#: Endings of USD files, without the dot.
USD_READABLE = ("usdz", "usdc", "usda")
_READER = "lyra_backend.author.splat_reader"


def read_usd_splats(path: Path, *, base_colors_only: bool = False) -> Outcome[GaussianCloud]:
    """Read the Gaussians of a USD stage, where the stage has them.

    The frame is WORLD if the file says that it is this package's own and was WORLD.

    Args:
        path: a package (.usdz) or layer.
        base_colors_only: leave view-dependent colours out.

    Raises:
        InvalidRequest: USD cannot open the file, or it holds no Gaussians that can be used.
    """
    with temporary_folder() as folder:
        arguments = [str(path.resolve()), folder, "base" if base_colors_only else "all"]
        run_module(_READER, arguments, path, str(path), "read")
        done, generation = load_outcome(Path(folder)), load_generation(Path(folder))
    return Outcome(generation.cloud, done.counts, done.findings)
