"""NuRec packages agree with those of 3DGRUT's exporter (``tests/data/3dgrut_nurec_*``), and these can be read.

3DGRUT's own reader and Isaac Sim cannot be run here. So key set, configuration and types of the payload, and names,
types and values of the prims, are held against files that the exporter wrote; each difference is named here and
wanted. That Isaac Sim opens those very files was not tried either.
"""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from pxr import Sdf, Usd

from lyra_backend.author.nurec import Params, read, write
from lyra_backend.io.ply import read_ply
from lyra_backend.types import Frame, Similarity

DATA = Path(__file__).parents[1] / "data"
NODES = ".gaussians_nodes.gaussians."
#: Centres are about the middle of the scene, which the transform adds; theirs are about the origin. Clipping at the
#: centres' box, as theirs do, cuts Gaussians at the edge, so ours adds where the kernel ends.
OTHER_VALUES = {"extent", "omni:nurec:crop:minBounds", "omni:nurec:crop:maxBounds", "xformOp:transform"}
#: Theirs is named after the package; ours is always the same, so that bytes do not depend on the file's name.
NAMED_OTHERWISE = {"filePath"}
#: Root metadata: kilograms are said in every file of this package; 24 times a second is what USD takes anyway.
OTHER_METADATA = {"defaultPrim", "kilogramsPerUnit", "timeCodesPerSecond"}


@pytest.fixture(params=["d3", "d0"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A package of theirs, and ours of the same Gaussians."""
    write(read_ply(DATA / f"ref_1k_{request.param}.ply").value, tmp_path / "ours.usdz", Params())
    return DATA / f"3dgrut_nurec_{request.param}.usdz", tmp_path / "ours.usdz"


def _payload(package: Path) -> tuple[bytes, dict[str, Any]]:
    with zipfile.ZipFile(package) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".nurec"))
        data = archive.read(name)
    return data, msgpack.unpackb(gzip.decompress(data))


def _leaves(data: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(data, dict):
        return {key: value for name, part in data.items() for key, value in _leaves(part, (*path, name)).items()}
    return {path: data}


def test_payloads_have_the_same_keys_in_the_same_order_and_the_same_types(pair: tuple[Path, Path]) -> None:
    (their_head, theirs), (our_head, ours) = (_payload(package) for package in pair)
    assert list(_leaves(ours)) == list(_leaves(theirs))
    assert [type(v) for v in _leaves(ours).values()] == [type(v) for v in _leaves(theirs).values()]
    assert _leaves(ours["nre_data"]["config"]) == _leaves(theirs["nre_data"]["config"])
    for key in ("version", "model"):
        assert ours["nre_data"][key] == theirs["nre_data"][key]
    # both are stored without compression; ours leaves out the time of writing, which begins at byte 4
    assert our_head[:4] + our_head[8:10] == their_head[:4] + their_head[8:10]


def test_tensors_have_the_same_types_and_values(pair: tuple[Path, Path]) -> None:
    theirs, ours = (_payload(package)[1]["nre_data"]["state_dict"] for package in pair)
    stage = Usd.Stage.Open(str(pair[1]))
    offset = np.array(_volume(stage).GetAttribute("xformOp:transform").Get().ExtractTranslation())
    for name in ("positions", "rotations", "scales", "densities", "extra_signal", "features_albedo"):
        assert ours[f"{NODES}{name}.shape"] == theirs[f"{NODES}{name}.shape"]
        mine, other = (np.frombuffer(s[NODES + name], "<f2").astype(np.float64) for s in (ours, theirs))
        if name == "positions":
            mine = (mine.reshape(-1, 3) + offset).reshape(-1)
        if name == "rotations":  # theirs are of any length, as trained; readers normalise
            other = (other.reshape(-1, 4) / np.linalg.norm(other.reshape(-1, 4), axis=1, keepdims=True)).reshape(-1)
        assert np.abs(mine - other).max(initial=0) < 8e-3, name
    assert ours[NODES + "n_active_features.shape"] == theirs[NODES + "n_active_features.shape"] == []
    degree = int.from_bytes(theirs[NODES + "n_active_features"], "little")
    # Ours are always of degree 3, filled up with zeros, so that the three places that tell the degree agree.
    assert ours[NODES + "n_active_features"] == (3).to_bytes(8, "little")
    specular = np.frombuffer(ours[NODES + "features_specular"], "<f2")
    assert ours[NODES + "features_specular.shape"] == [1000, 45]
    if degree == 3:
        assert specular.tobytes() == theirs[NODES + "features_specular"]
    else:
        assert (degree, specular.any()) == (0, False)


def _opened(pair: tuple[Path, Path]) -> list[Usd.Stage]:
    return [Usd.Stage.Open(str(package)) for package in pair]


def _volume(stage: Usd.Stage) -> Usd.Prim:
    """Return what Isaac Sim takes for a NuRec volume: a Volume that says so, of which a package has one."""
    (found,) = (
        p for p in stage.Traverse() if p.GetTypeName() == "Volume" and p.GetAttribute("omni:nurec:isNuRecVolume").Get()
    )
    return found


def _properties(prim: Usd.Prim) -> dict[str, tuple[Any, ...]]:
    """Return type, variability and customness of every authored property of a prim and its children, by name."""
    found: dict[str, tuple[Any, ...]] = {}
    for part in Usd.PrimRange(prim):
        where = str(part.GetPath().MakeRelativePath(prim.GetPath()))
        found[where] = (str(part.GetTypeName()), part.GetAppliedSchemas())
        for a in part.GetAuthoredAttributes():
            found[f"{where}.{a.GetName()}"] = (str(a.GetTypeName()), str(a.GetVariability()), a.IsCustom())
        for r in part.GetAuthoredRelationships():
            targets = [str(t.MakeRelativePath(prim.GetPath())) for t in r.GetTargets()]
            found[f"{where}.{r.GetName()}"] = ("rel", targets, r.IsCustom())
    return found


def test_prims_and_attributes_have_the_same_names_types_and_targets(pair: tuple[Path, Path]) -> None:
    theirs, ours = (_properties(_volume(stage)) for stage in _opened(pair))
    assert ours == theirs


def test_attributes_have_the_same_values(pair: tuple[Path, Path]) -> None:
    stages = _opened(pair)
    theirs, ours = (_volume(stage) for stage in stages)
    for mine in Usd.PrimRange(ours):
        other = stages[0].GetPrimAtPath(mine.GetPath().ReplacePrefix(ours.GetPath(), theirs.GetPath()))
        for attribute in mine.GetAuthoredAttributes():
            name = attribute.GetName()
            if name not in OTHER_VALUES | NAMED_OTHERWISE:
                assert attribute.Get() == other.GetAttribute(name).Get(), name
    assert ours.GetChild("density_field").GetAttribute("filePath").Get().path == "./gaussians.nurec"
    # what differs holds what theirs hold, and no more than what it is grown by
    offset = ours.GetAttribute("xformOp:transform").Get().ExtractTranslation()
    mine, other = (np.array(p.GetAttribute("extent").Get()) for p in (ours, theirs))
    grown = (mine + offset - other) * [[-1], [1]]
    assert (grown >= 0).all()
    assert (grown < 3 * read_ply(DATA / f"ref_1k_{pair[0].stem[-2:]}.ply").value.scales.max() + 0.1).all()


def test_root_layers_say_the_same(pair: tuple[Path, Path]) -> None:
    theirs, ours = (Sdf.Layer.FindOrOpen(str(package)) for package in pair)
    keys = {*ours.pseudoRoot.ListInfoKeys(), *theirs.pseudoRoot.ListInfoKeys()} - OTHER_METADATA - {"subLayers"}
    assert {"customLayerData", "metersPerUnit", "upAxis"} <= keys
    for key in keys:
        assert ours.pseudoRoot.GetInfo(key) == theirs.pseudoRoot.GetInfo(key), key
    settings = [layer.customLayerData["renderSettings"] for layer in (ours, theirs)]
    assert [{k: type(v) for k, v in s.items()} for s in settings] == [{k: type(v) for k, v in settings[0].items()}] * 2


@pytest.mark.parametrize(
    ("name", "ply", "rows"),
    [
        ("3dgrut_nurec_d3", "ref_1k_d3", np.eye(3)),
        ("3dgrut_nurec_d0", "ref_1k_d0", np.eye(3)),
        # --apply-coordinate-transform: from y down and z forward to z up, in the volume's transform
        ("3dgrut_nurec_coordtf_d3", "ref_1k_d3", [[-1, 0, 0], [0, 0, -1], [0, -1, 0]]),
    ],
)
def test_their_packages_are_read(name: str, ply: str, rows: Any) -> None:
    outcome = read(DATA / f"{name}.usdz")
    truth = read_ply(DATA / f"{ply}.ply").value.transformed(Similarity.build(rotation=rows), Frame.GENERATOR)
    cloud = outcome.value
    assert outcome.findings == ()
    assert cloud.sh.shape == truth.sh.shape
    assert np.abs(cloud.positions - truth.positions).max() < 4e-3  # halves between 8 and 16 m
    assert np.abs(np.log(cloud.scales / truth.scales)).max() < 4e-3
    assert np.abs(cloud.opacities - truth.opacities).max() < 1e-3
    assert np.abs(cloud.sh - truth.sh).max() < 2e-3
    assert np.abs(np.einsum("nk,nk->n", cloud.quats_wxyz, truth.quats_wxyz)).min() > 1 - 1e-5
