"""A whole scene as one file: scene.usdz, with scene.usda as its root layer and everything that it refers to.

Does: gather the files, unpack packages among them, and point the root layer at what was unpacked. Does not: change
anything else, or touch the files of the folder.

USD resolves a package within a package, and says so; Kit is not known to, and what its NuRec reader is known to take is
a layer with its payload beside it in one package, as 3DGRUT writes it. So packages are laid open.
"""

from __future__ import annotations

from pathlib import Path

from pxr import Sdf

from ..atomic import replacing
from .stage import SCENE_FILE
from .usdz import unpack, write_package

__all__ = ["PACKAGE_FILE", "write_scene_package"]

PACKAGE_FILE = "scene.usdz"


def write_scene_package(directory: Path) -> str:
    """Write ``scene.usdz`` beside ``scene.usda`` in `directory`; return its name.

    Same scene, same bytes. All variants are in it; the scene's own render settings are those of its root layer.

    Raises:
        InvalidRequest: it would pass what a zip with 32-bit numbers can hold.
        WriteFailed: nothing can be written there.
    """
    with replacing(directory / PACKAGE_FILE) as scratch:
        write_package(_members(directory / SCENE_FILE, scratch.parent), scratch)
    return PACKAGE_FILE


def _members(scene: Path, scratch: Path) -> list[Path]:
    """Return the files of the package, root layer first; what differs from the scene's folder is made in `scratch`."""
    source = Sdf.Layer.FindOrOpen(str(scene))
    root = Sdf.Layer.CreateNew(str(scratch / scene.name))
    root.TransferContent(source)
    members: list[Path] = []
    for reference in sorted(source.GetCompositionAssetDependencies()):
        file = scene.parent / reference
        if file.suffix == ".usdz":
            layer, *others = unpack(file, scratch)
            root.UpdateCompositionAssetDependency(reference, f"./{layer.name}")
            members += [layer, *others]
        else:
            members.append(file)
    root.Save()
    return [scratch / scene.name, *members]
