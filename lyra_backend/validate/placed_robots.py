"""Robots that stand in a stage are none of the scene: checks leave them out, whether their assets can be read or not.

Does: find the prims that are marked as robots, and open a stage, or have one opened, without what they refer to. Does
not: look at an asset; most are behind URLs that nothing here reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pxr import Sdf, Usd

from ..types import Finding, Severity

__all__ = ["empty_robots", "open_scene", "robot_assets", "robots_not_checked"]

#: Where robots are put, below the default prim, and the mark that tells them from what people put there themselves.
_ROBOTS = "Robots"
_MARK = "robot"


def open_scene(file: Path) -> Usd.Stage:
    """Open a stage without its robots; the file stays as it is.

    Raises:
        Tf.ErrorException: USD cannot open it.
    """
    root = Sdf.Layer.FindOrOpen(str(file))
    if root is None:
        return Usd.Stage.Open(str(file))  # which says why
    session = Sdf.Layer.CreateAnonymous()
    empty_robots(session, file)
    return Usd.Stage.Open(root, session)


def empty_robots(stronger: Sdf.Layer, file: Path) -> None:
    """Make a layer that is stronger than `file` take away what the robots of `file` refer to."""
    root = Sdf.Layer.FindOrOpen(str(file))
    for path in sorted({spec.path for layer in _stack(root) for spec in _robots(layer)}):
        prim = Sdf.CreatePrimInLayer(stronger, path)
        prim.referenceList.ClearEditsAndMakeExplicit()
        prim.active = False


def robot_assets(layer: Sdf.Layer) -> tuple[str, ...]:
    """Return what robots that a layer says something of refer to, one for each reference."""
    # a root layer for another version names other assets for robots that are marked below it
    marked = {spec.path for below in _stack(layer) for spec in _robots(below)}
    specs = (layer.GetPrimAtPath(path) for path in sorted(marked))
    return tuple(
        reference.assetPath
        for spec in specs
        if spec
        for reference in (*spec.referenceList.explicitItems, *spec.referenceList.prependedItems)
    )


def robots_not_checked(layer: Sdf.Layer, where: str) -> Iterator[Finding]:
    """Yield that the layer named `where` has robots that are read where it is opened."""
    if assets := robot_assets(layer):
        message = (
            f"{where}: {len(assets)} robots are left out of all checks. Their assets are read where the stage is "
            f"opened, the first from {assets[0]}."
        )
        yield Finding("usd.robots_not_checked", Severity.INFO, message, where=where)


def _stack(layer: Sdf.Layer | None) -> Iterator[Sdf.Layer]:
    """Yield a layer and its sublayers; one that cannot be opened is somebody else's finding."""
    if layer is None:
        return
    yield layer
    for path in layer.subLayerPaths:
        yield from _stack(Sdf.Layer.FindOrOpen(layer.ComputeAbsolutePath(path)))


def _robots(layer: Sdf.Layer) -> Iterator[Sdf.PrimSpec]:
    """Yield what a layer says of prims that it marks as robots."""
    scope = layer.GetPrimAtPath(f"/{layer.defaultPrim}/{_ROBOTS}") if layer.HasDefaultPrim() else None
    for spec in scope.nameChildren if scope else ():
        mark = spec.customData.get("lyra")
        if isinstance(mark, dict) and _MARK in mark:
            yield spec
