"""Gaussians of any USD stage, by the primitive that knows its prims; the kinds are told apart by content, not by name.

A primitive can be read back if its module has ``holds(prim)``, which says whether a prim is one of its own, and
``read(path, progress, base_colors_only=...)``. ``python -m lyra_backend.author.splat_reader FILE FOLDER all|base``
writes the Gaussians into a folder, see :mod:`lyra_backend.io.usd_splats`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from pxr import Usd

from .. import registry
from ..errors import InvalidRequest, LyraError
from ..io.child_process import REFUSED
from ..io.stage_files import save_generation, save_outcome
from ..types import GaussianCloud, Generation, Outcome
from .field_reader import open_stage, prims_of

__all__ = ["read"]


def read(path: Path, *, base_colors_only: bool = False) -> Outcome[GaussianCloud]:
    """Read the Gaussians of the stage `path`.

    Raises:
        InvalidRequest: USD cannot open it, or it holds no Gaussians that a primitive can read.
    """
    stage = open_stage(path)
    for name in registry.names("author"):
        plugin = registry.get("author", name)
        if hasattr(plugin, "holds") and any(plugin.holds(prim) for prim in prims_of(stage)):
            return _read_by(plugin, path, base_colors_only)
    raise InvalidRequest(
        f"{path}: {_nothing_known(stage)}. Export it again, or convert it to .ply where it comes from."
    )


def _read_by(plugin: ModuleType, path: Path, base_colors_only: bool) -> Outcome[GaussianCloud]:
    outcome: Outcome[GaussianCloud] = plugin.read(path, base_colors_only=base_colors_only)
    return outcome


def _nothing_known(stage: Usd.Stage) -> str:
    """Say what the stage holds instead of Gaussians that can be read."""
    kinds = sorted({str(prim.GetTypeName()) for prim in prims_of(stage)} - {""})
    found = f"a USD file with {', '.join(kinds[:6])}" if kinds else "an empty USD stage"
    lost = [str(error) for error in stage.GetCompositionErrors()]
    missing = f"; parts of it were not found ({lost[0]})" if lost else ""
    return f"{found}, without Gaussians (a ParticleField3DGaussianSplat or a NuRec volume){missing}"


def _main(source: str, folder: str, colors: str) -> int:
    path = Path(source)
    try:
        outcome = read(path, base_colors_only=colors == "base")
    except LyraError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return REFUSED
    save_generation(Path(folder), Generation(outcome.value))
    save_outcome(Path(folder), outcome)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
