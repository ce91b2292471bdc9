"""A stage in all its variants, at a cost that grows with their number and not with that of their combinations.

Does: open a stage once as it is selected, and once more for each variant that is not selected, reduced to the prims
which that variant says something of. Does not: combine variants of different sets, or change a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from pxr import Sdf, Usd

__all__ = ["variations"]


def variations(stage: Usd.Stage) -> Iterator[Usd.Stage]:
    """Yield `stage` itself, then a masked stage for each variant that is not selected.

    Sets within variants are followed in the variant they are in. A masked stage also holds the prims that its own ones
    refer to, such as materials. A variant that only takes something away is left out.
    """
    yield stage
    yield from _others(stage, frozenset())


def _others(stage: Usd.Stage, known: frozenset[tuple[Sdf.Path, str]]) -> Iterator[Usd.Stage]:
    """Yield the variations by those sets of `stage` that are not `known`, by path and name."""
    own = [(prim.GetPath(), name) for prim in stage.Traverse() for name in prim.GetVariantSets().GetNames()]
    fresh = [one for one in own if one not in known]
    for path, name in fresh:
        variants = stage.GetPrimAtPath(path).GetVariantSet(name)
        for variant in sorted(variants.GetVariantNames()):
            if variant == variants.GetVariantSelection():
                continue
            if touched := _touched(stage.GetPrimAtPath(path), name, variant):
                other = _select(stage, path, name, variant, touched)
                yield other
                yield from _others(other, known.union(fresh))


def _select(stage: Usd.Stage, path: Sdf.Path, name: str, variant: str, shown: list[Sdf.Path]) -> Usd.Stage:
    """Return the stage with another variant at `path`, masked to the prims at `shown` and what these refer to."""
    session = Sdf.Layer.CreateAnonymous()
    session.TransferContent(stage.GetSessionLayer())
    Sdf.CreatePrimInLayer(session, path).variantSelections[name] = variant
    mask = Usd.StagePopulationMask(shown)
    other = Usd.Stage.OpenMasked(stage.GetRootLayer(), session, stage.GetPathResolverContext(), mask)
    other.ExpandPopulationMask()
    return other


def _touched(prim: Usd.Prim, name: str, variant: str) -> list[Sdf.Path]:
    """Return the topmost prims below `prim`, or itself, to which a variant adds more than a name in between."""
    found: list[Sdf.Path] = []
    for spec in prim.GetPrimStack():
        variants = spec.variantSets.get(name)
        chosen = variants.variants.get(variant) if variants else None
        if chosen is not None:
            found += _opinions(chosen.primSpec, prim.GetPath())
    return sorted(set(found))


def _opinions(spec: Sdf.PrimSpec, path: Sdf.Path) -> list[Sdf.Path]:
    """Return the paths of the topmost specs at or below `spec`, composed at `path`, that say something of their own."""
    if spec.specifier != Sdf.SpecifierOver or spec.properties or _adding(spec):
        return [path]
    return [found for child in spec.nameChildren for found in _opinions(child, path.AppendChild(child.name))]


def _adding(spec: Sdf.PrimSpec) -> list[str]:
    """Return the keys of a spec's metadata that do more than name it or switch it off."""
    return [key for key in spec.ListInfoKeys() if key != "specifier" and (key != "active" or spec.active)]
