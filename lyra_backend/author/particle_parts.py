"""A cloud as particle fields: by class, large ones divided by place, each with its levels of detail as variants.

A cloud of one class that is not large is one field. Otherwise its prim is an Xform with a field for each class, and as
soon as one class passes `max_per_field`, or levels are asked for, the arrays of every field are behind a payload::

    /Gaussians                      variant set "detail" = full, quarter, ... if there are levels
        wall                        an Xform, if the class is divided, with a field for each part
            Part_000                extent, hints and label; payload -> /GaussianData/full/wall/Part_000
    /GaussianData                   a class, which is not drawn: the arrays

Payloads point within the file, so that one file stays one file, in packages too: USD reads arrays of a .usdc when they
are asked for, and of a field that is not loaded nobody asks for them. Does: hold one part and its levels in memory
beside the cloud. Does not: divide scenes that move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pxr import Sdf

from ..detail.levels import DETAIL_SET, FULL, VIEW_COUNT, VIEW_PX, level_psnrs, levels_of
from ..detail.partition import divide
from ..progress import Progress
from ..types import Finding, GaussianCloud, Outcome, Severity
from . import particle_field
from .labels import UNKNOWN_CLASS, classes_in, prim_names
from .layers import add_variant, add_variant_set, define

__all__ = ["author_cloud"]

_DATA_NAME = "GaussianData"
#: Of larger scenes one part is looked at, to bound memory.
_MOST_LOOKED_AT = 2_000_000


@dataclass(frozen=True)
class _Division:
    """How a cloud becomes fields.

    Attributes:
        kinds: classes that get fields of their own; none if there is one, or if all share theirs.
        most: Gaussians that a field may hold.
        largest: Gaussians of the largest class, or of all that share.
        levels: variants of the set "detail", the full one first; none without levels.
    """

    kinds: tuple[str, ...]
    most: int
    largest: int
    levels: tuple[str, ...]

    @staticmethod
    def of(cloud: GaussianCloud, params: particle_field.Params) -> _Division:
        classes = classes_in(cloud) if params.partition != particle_field.WHOLE else ()
        kinds = classes if len(classes) > 1 else ()
        largest = int(np.bincount(cloud.class_ids).max()) if kinds and cloud.class_ids is not None else cloud.count
        levels = particle_field.levels(params) if cloud.count else ()
        return _Division(kinds, params.max_per_field or max(cloud.count, 1), largest, levels)

    @property
    def is_large(self) -> bool:
        """Fields are behind payloads."""
        return bool(self.levels) or self.largest > self.most


@dataclass(frozen=True)
class _Part:
    """The Gaussians of one field: its path below the cloud's prim, their class, and which they are."""

    path: tuple[str, ...]
    kind: str
    own: npt.NDArray[np.integer]


def author_cloud(
    parent: Sdf.Layer | Sdf.PrimSpec,
    name: str,
    cloud: GaussianCloud,
    params: particle_field.Params,
    progress: Progress,
) -> Outcome[None]:
    """Author a cloud as the prim `name`; return counts of fields and of Gaussians of levels, and what levels cost.

    Fields of classes are named by them and come in the order of the cloud's table; Gaussians keep theirs within. The
    variant set is on `parent` if that is a prim.
    """
    division = _Division.of(cloud, params)
    if not division.is_large and not division.kinds:
        particle_field.author_field(parent, name, cloud, params, _only_class(cloud))
        return Outcome(None, {"fields": 1})
    homes, sizes, fields = _homes(parent, name, division.levels), Counter[str](), 0
    looked_at = _LookedAt(min(division.most, division.largest) // 2 if cloud.count > _MOST_LOOKED_AT else 0)
    for part in _parts(cloud, division):
        clouds = _levels(cloud.select(part.own), tuple(homes))
        for level, own in clouds.items():
            _author_part(homes[level], level, own, part, params, division.is_large)
            sizes[level] += own.count
        fields += 1
        progress(sizes[FULL] / cloud.count, f"wrote {sizes[FULL]:,} of {cloud.count:,} Gaussians")
        looked_at.keep(clouds)
        del clouds, own  # or they would still be there while the next part is made
    counts = {"fields": fields, **{f"{level}_gaussians": sizes[level] for level in division.levels}}
    return Outcome(None, counts, (*_divided(division, fields), *looked_at.findings(sizes)))


def _only_class(cloud: GaussianCloud) -> str:
    classes = classes_in(cloud)
    return classes[0] if len(classes) == 1 else UNKNOWN_CLASS


def _homes(parent: Sdf.Layer | Sdf.PrimSpec, name: str, variants: tuple[str, ...]) -> dict[str, Sdf.PrimSpec]:
    """Return where the fields of each level belong."""
    if not variants:
        return {FULL: define(parent, name, "Xform")}
    top = define(parent, name, "Xform") if isinstance(parent, Sdf.Layer) else parent
    levels = add_variant_set(top, DETAIL_SET, FULL)
    homes = {level: add_variant(levels, level) for level in variants}
    return homes if top is not parent else {level: define(home, name, "Xform") for level, home in homes.items()}


def _parts(cloud: GaussianCloud, division: _Division) -> Iterator[_Part]:
    """Yield the parts of a cloud, by class first if there are several."""
    most = division.most
    if not division.kinds:
        kind = _only_class(cloud)
        cells = divide(cloud.positions, most)
        yield from (_Part((_part_name(i),), kind, cell) for i, cell in enumerate(cells))
        return
    for kind, name in prim_names(division.kinds).items():
        own = np.flatnonzero(cloud.class_ids == cloud.class_names.index(kind))
        if len(own) <= most:
            yield _Part((name,), kind, own)
            continue
        cells = divide(cloud.positions[own], most)
        yield from (_Part((name, _part_name(i)), kind, own[cell]) for i, cell in enumerate(cells))


def _part_name(number: int) -> str:
    return f"Part_{number:03d}"


def _levels(cloud: GaussianCloud, names: tuple[str, ...]) -> dict[str, GaussianCloud]:
    """Return a part at each level, itself first."""
    return dict(zip(names, (cloud, *levels_of(cloud, len(names) - 1)), strict=True))


def _author_part(
    home: Sdf.PrimSpec, level: str, cloud: GaussianCloud, part: _Part, params: particle_field.Params, is_large: bool
) -> None:
    """Author one field of one level, its arrays behind a payload in large scenes."""
    for name in part.path[:-1]:
        home = home.nameChildren.get(name) or define(home, name, "Xform")
    if not is_large:
        particle_field.author_field(home, part.path[-1], cloud, params, part.kind)
        return
    path = home.path.StripAllVariantSelections().AppendChild(part.path[-1])
    stored = _storage(home.layer, level, path)
    prim = particle_field.author_field(home, part.path[-1], cloud, params, part.kind, stored)
    prim.payloadList.prependedItems.append(Sdf.Payload("", stored.path))


def _storage(layer: Sdf.Layer, level: str, path: Sdf.Path) -> Sdf.PrimSpec:
    """Return the prim for the arrays of the field at `path`, where nothing that draws looks for any."""
    root = layer.GetPrimAtPath(f"/{_DATA_NAME}") or Sdf.PrimSpec(layer, _DATA_NAME, Sdf.SpecifierClass)
    for name in (level, *path.pathString.split("/")[2:]):
        root = root.nameChildren.get(name) or define(root, name, "")
    return root


class _LookedAt:
    """The levels of what they are compared in: all of the scene or, if `least` is not 0, its first part so large."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._kept: list[dict[str, GaussianCloud]] = []
        self._psnrs: dict[str, float] = {}

    def keep(self, clouds: dict[str, GaussianCloud]) -> None:
        """Take the levels of a part in, if it is to be looked at."""
        if len(clouds) == 1:
            return
        if not self._least:
            self._kept.append(clouds)
        elif not self._psnrs and clouds[FULL].count >= self._least:
            self._psnrs = _compared(clouds)

    def findings(self, sizes: Mapping[str, int]) -> Iterator[Finding]:
        """Yield what each level costs; `sizes` are counts of Gaussians of the whole scene by level."""
        if self._kept:
            together = {
                level: GaussianCloud.concatenate([part[level] for part in self._kept]) for level in self._kept[0]
            }
            self._psnrs = _compared(together)
        where = "one of its parts" if self._least else "all of the scene"
        for level, psnr in self._psnrs.items():
            message = (
                f"The level {level} has {sizes[level]:,} of {sizes[FULL]:,} Gaussians; "
                f"its pictures differ from those of {FULL} by a PSNR of {psnr:.1f} dB ({VIEW_COUNT} views of {where}, "
                f"{VIEW_PX} x {VIEW_PX} px)."
            )
            yield Finding("author.level_error", Severity.INFO, message, measured=psnr, where=level)


def _compared(clouds: Mapping[str, GaussianCloud]) -> dict[str, float]:
    """Return the PSNR [dB] of each level against the full one."""
    levels = [level for level in clouds if level != FULL]
    return dict(zip(levels, level_psnrs(clouds[FULL], [clouds[level] for level in levels]), strict=True))


def _divided(division: _Division, fields: int) -> Iterator[Finding]:
    """Say that a scene is large, and what there is for it."""
    if division.largest <= division.most:
        return
    advice = " With author.levels=2 it also has levels of detail, a quarter and a sixteenth of it."
    message = (
        f"{division.largest:,} Gaussians of one class are more than {division.most:,} (author.max_per_field): the "
        f"scene is divided into {fields} fields that can be loaded one by one.{'' if division.levels else advice}"
    )
    yield Finding("author.divided", Severity.INFO, message, float(division.largest), float(division.most))
