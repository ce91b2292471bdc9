"""Particle fields agree with those of 3DGRUT's exporter and of NVIDIA's usd-convert-gsplat, attribute by attribute.

The samples were made of the PLY files beside them (``tests/data/3dgrut_lightfield_*`` and ``ucg_d3_text.usda.gz``).
Each difference is named here and wanted; all else must be the same. That Isaac Sim opens those very files was not
tried either.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Sdf, Usd

from lyra_backend.author.particle_field import Params, write
from lyra_backend.io.ply import read_ply

DATA = Path(__file__).parents[1] / "data"
COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
DEGREE = "radiance:sphericalHarmonicsDegree"

#: 3DGRUT names a colour space that OpenUSD does not know, ``srgb_rec709_display``; ours names one on request alone.
ONLY_3DGRUT = {"colorSpace:name"}
#: NVIDIA's converter writes the base colour a second time, for viewers without particle fields: 12 bytes a Gaussian.
ONLY_CONVERTER = {"primvars:displayColor"}
#: NVIDIA's converter leaves the hints to their fallbacks, of which sorting is the coarser ``zDepth``.
NOT_CONVERTER = {"projectionModeHint", "sortingModeHint"}
#: Theirs are boxes of the centres; ours reach to where the kernels end.
OTHER_VALUES = {"extent"}
#: 3DGRUT leaves the interpolation out, which some checkers read.
OTHER_METADATA = {"interpolation"}
#: Theirs say Y up whatever the data has, one frame a second, and a name of their own; ours says kilograms as well.
OTHER_ROOT = {"upAxis", "timeCodesPerSecond", "defaultPrim", "kilogramsPerUnit", "comment", "subLayers"}

SAMPLES = [
    ("3dgrut_lightfield_d0.usdz", "ref_1k_d0.ply", False),
    ("3dgrut_lightfield_coordtf_d3.usdz", "ref_1k_d3.ply", False),  # the transform is on a prim above the field
    ("3dgrut_lightfield_half_d3.usdz", "ref_1k_d3.ply", True),
    ("ucg_d3_text.usda", "ref_1k_d3.ply", False),
]


@pytest.fixture(params=SAMPLES, ids=[name for name, _, _ in SAMPLES])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Usd.Stage, Usd.Stage]:
    """A stage of theirs, and ours of the same Gaussians in the same precision."""
    name, ply, half = request.param
    theirs = DATA / name
    if not theirs.exists():
        theirs = tmp_path / name
        theirs.write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    write(read_ply(DATA / ply).value, tmp_path / "ours.usdc", Params(half=half))
    return Usd.Stage.Open(str(theirs)), Usd.Stage.Open(str(tmp_path / "ours.usdc"))


def field_of(stage: Usd.Stage) -> Usd.Prim:
    """Return what Isaac Sim takes for Gaussians, by how the type's name begins, because builds lack the schema."""
    (found,) = (p for p in stage.Traverse() if str(p.GetTypeName()).startswith("ParticleField"))
    return found


def is_converters(stage: Usd.Stage) -> bool:
    return "usd-convert-gsplat" in stage.GetRootLayer().comment


def _attributes(prim: Usd.Prim) -> dict[str, tuple[str, str, bool]]:
    """Return type, variability and customness of every authored attribute."""
    return {
        a.GetName(): (str(a.GetTypeName()), str(a.GetVariability()), a.IsCustom()) for a in prim.GetAuthoredAttributes()
    }


def _metadata(attribute: Usd.Attribute) -> dict[str, Any]:
    found = {key: attribute.GetMetadata(key) for key in ("elementSize", "interpolation", "colorSpace")}
    return {key: value for key, value in found.items() if value is not None}


def test_the_type_is_the_same(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (field_of(stage) for stage in pair)
    assert ours.GetTypeName() == theirs.GetTypeName() == "ParticleField3DGaussianSplat"
    assert ours.GetAppliedSchemas() == [s for s in theirs.GetAppliedSchemas() if s != "ColorSpaceAPI"]


def test_attributes_have_the_same_names_and_types(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (_attributes(field_of(stage)) for stage in pair)
    extra, missing = (ONLY_CONVERTER, NOT_CONVERTER) if is_converters(pair[0]) else (ONLY_3DGRUT, set())
    assert extra | set(theirs) == set(theirs), "a difference that is no longer there"
    assert {n: v for n, v in ours.items() if n not in missing} == {n: v for n, v in theirs.items() if n not in extra}
    assert missing <= set(ours)


def test_attributes_have_the_same_values(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (field_of(stage) for stage in pair)
    shared = set(_attributes(theirs)) & set(_attributes(ours)) - OTHER_VALUES
    assert {DEGREE} < shared
    for name in sorted(shared):
        mine, other = ours.GetAttribute(name).Get(), theirs.GetAttribute(name).Get()
        if isinstance(mine, int | str):
            assert mine == other, name
            continue
        one, two = np.array(mine, np.float64), np.array(other, np.float64)
        assert one.shape == two.shape, name
        # activations are computed in 64 bits here and in 32 there: one step of the stored number at the most
        step = 2.0**-10 if name.endswith("h") else 2.0**-21
        assert (np.abs(one - two) <= step * np.maximum(np.abs(two), 2.0**-14)).all(), name


def test_quaternions_have_the_same_signs(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    """An orientation has two quaternions; a reader that interpolates by itself needs the same ones."""
    name = next(n for n in ("orientations", "orientationsh") if n in _attributes(field_of(pair[1])))
    one, two = (field_of(stage).GetAttribute(name).Get()[7] for stage in pair)
    assert one.GetReal() == pytest.approx(two.GetReal(), abs=1e-3)
    assert tuple(one.GetImaginary()) == pytest.approx(tuple(two.GetImaginary()), abs=1e-3)


def test_coefficients_have_the_same_metadata(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (field_of(stage) for stage in pair)
    for name in set(_attributes(theirs)) & set(_attributes(ours)):
        one, two = (_metadata(prim.GetAttribute(name)) for prim in (ours, theirs))
        if not name.startswith(COEFFICIENTS):
            assert one == two == {}, name
            continue
        wanted = set() if is_converters(pair[0]) else OTHER_METADATA
        assert {k: v for k, v in one.items() if k not in wanted} == two
        assert one == {"elementSize": (ours.GetAttribute(DEGREE).Get() + 1) ** 2, "interpolation": "vertex"}


def test_extents_hold_theirs(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (field_of(stage) for stage in pair)
    mine, other = (np.array(prim.GetAttribute("extent").Get(), np.float64) for prim in (ours, theirs))
    scales = next(a for a in ours.GetAuthoredAttributes() if a.GetName().startswith("scales"))
    grown = (mine - other) * [[-1], [1]]
    assert (grown >= -1e-2 * (scales.GetName() == "scalesh")).all()  # halves of the centres are up to 4 mm off
    assert (grown <= 3 * np.array(scales.Get(), np.float64).max() + 1e-2).all()


def test_root_layers_say_the_same(pair: tuple[Usd.Stage, Usd.Stage]) -> None:
    theirs, ours = (stage.GetRootLayer().pseudoRoot for stage in pair)
    keys = {*ours.ListInfoKeys(), *theirs.ListInfoKeys()} - OTHER_ROOT
    if is_converters(pair[0]):  # writes no settings, so Kit's tone mapper bends the colours of what it wrote
        keys -= {"customLayerData"}
    assert "metersPerUnit" in keys
    for key in keys:
        assert ours.GetInfo(key) == theirs.GetInfo(key), key
    assert Sdf.Layer.FindOrOpen(pair[1].GetRootLayer().identifier).customLayerData["renderSettings"] == {
        "rtx:post:tonemap:op": 2
    }
