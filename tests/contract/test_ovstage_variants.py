"""NVIDIA's stage runtime opens every variant of every root, and takes in what belongs to it and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom

from lyra_backend import author, registry
from lyra_backend.author import Params
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianSequence, Role, SceneBundle

from ..author.fields import cloud_of, room_proxy, square
from ..author.test_surface_mesh import SURFACE
from ..author.ways import with_classes

#: In a process of its own: the runtime brings its own build of USD. Says how many values attributes have, 0 for none.
_COUNT = """
import json, sys
import numpy as np
import ovstage

found = []
for file, asked in json.load(sys.stdin):
    stage = ovstage.Stage("test")
    ovstage.population.open_usd(stage, file, ordinal=1, domains=ovstage.PopulationDomain.ALL)
    stage.advance_write_floor(ordinal=1).wait()
    words, counts = ovstage.PathDictionary(stage), []
    for prim, name in asked:
        with words.create_path_list_from_strings([prim]) as paths, stage.query_from_path_list(paths) as query:
            with stage.read_attributes(query, [words.intern_token(name)], ovstage.OrdinalRange(1)) as read:
                counts.append(0)
                for group in read.groups():
                    counts[-1] += len(np.array(group.array(0)))
                    group.release()
    found.append(counts)
    stage.destroy()
print(json.dumps(found))
"""
GAUSSIANS, VISUAL, COLLISION = "/World/Visual/Gaussians", "/World/Visual", "/World/Collision"
MARK = "omni:nurec:isNuRecVolume"
#: What is asked for: a field, that of each class, the volume, the exact surface, the proxy, and all ways to collide.
ASKED = (
    *((f"{GAUSSIANS}{end}", "positions") for end in ("", "/unknown", "/floor", "/wall")),
    (GAUSSIANS, MARK),
    (f"{VISUAL}/Surface/wood_0_floor", "points"),
    (f"{VISUAL}/Surface/wood_0_table", "points"),
    *((f"{COLLISION}/{name}", "points") for name in ("Environment", "Structure", "Objects/crate/crate")),
    (f"{COLLISION}/Exact/slab", "points"),
)
#: How many values that is in each variant; the rest of the scene is there in all of them.
APPEARANCES = {
    "particleField": [0, 20, 20, 20, 0, 0, 0],
    "nurec": [0, 0, 0, 0, 1, 0, 0],
    "mesh": [0, 0, 0, 0, 0, 3, 3],
    "proxy": [0, 0, 0, 0, 0, 0, 0],
    "none": [0, 0, 0, 0, 0, 0, 0],
}
COLLISIONS = {"single": [8, 0, 0, 0], "parts": [0, 4, 8, 0], "exact": [0, 0, 0, 4], "none": [0, 0, 0, 0]}


def counted(*jobs: tuple[Path, list[tuple[str, str]]]) -> list[list[int]]:
    """Return the number of values of attributes of files, as the runtime has them."""
    asked = json.dumps([(str(file), attributes) for file, attributes in jobs])
    done = subprocess.run([sys.executable, "-c", _COUNT], input=asked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def root(folder: Path, name: str, **variants: str) -> Path:
    """Write a root layer over another, as users do in Kit, with variants chosen."""
    path = folder / f"{Path(name).stem}_{'_'.join(variants.values())}.usda"
    layer = Sdf.Layer.CreateNew(str(path))
    world = Sdf.PrimSpec(layer, "World", Sdf.SpecifierDef)
    world.referenceList.prependedItems.append(Sdf.Reference(f"./{name}"))
    for variant_set, variant in variants.items():
        world.variantSelections[variant_set] = variant
    layer.Save()
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with every variant there is."""
    folder = tmp_path_factory.mktemp("scene")
    params = {name: registry.get("author", name).Params() for name in ("particle_field", "nurec")}
    proxy = room_proxy()
    exact = square("slab", 2.0, role=Role.EXACT, semantic_class="floor")
    proxy = replace(proxy, parts=(*proxy.parts, exact))
    bundle = SceneBundle(with_classes(cloud_of(60)), proxy, params, truth=SURFACE)
    author.run(bundle, folder, Params(package="usdz"), Progress())
    return folder


@pytest.mark.parametrize("name", ["scene.usda", "stage.usda", "stage_isaac5.usda", "stage_isaac6.usda", "scene.usdz"])
def test_every_variant_has_what_it_says_and_nothing_else(folder: Path, name: str) -> None:
    stage = Usd.Stage.Open(str(folder / name))  # its prims live as long as it does
    sets = stage.GetDefaultPrim().GetVariantSets()
    assert set(sets.GetVariantSet("appearance").GetVariantNames()) == set(APPEARANCES)
    assert set(sets.GetVariantSet("collision").GetVariantNames()) == set(COLLISIONS)
    choices = [(appearance, "single") for appearance in APPEARANCES]
    choices += [("particleField", collision) for collision in COLLISIONS]
    files = [root(folder, name, appearance=a, collision=c) for a, c in choices]
    found = counted(*((file, list(ASKED)) for file in files))
    assert dict(zip(choices, found, strict=True)) == {(a, c): APPEARANCES[a] + COLLISIONS[c] for a, c in choices}


def test_proxies_are_taken_in_as_composed(folder: Path) -> None:
    path = root(folder, "scene.usda", appearance="proxy", collision="none")
    stage = Usd.Stage.Open(str(path))
    meshes = [p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh)]
    assert {p.GetParent().GetName() for p in meshes} == {"Proxy"}
    wanted = [len(UsdGeom.Mesh(p).GetPointsAttr().Get()) for p in meshes]
    assert counted((path, [(str(p.GetPath()), "points") for p in meshes])) == [wanted]
    assert min(wanted) > 0


def test_a_scene_that_moves_is_taken_in(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40), cloud_of(25, seed=1)), (0.0, 0.5), background=cloud_of(7, seed=2))
    params = {"particle_field": registry.get("author", "particle_field").Params()}
    author.run(SceneBundle(sequence.at(0), room_proxy(), params, sequence=sequence), tmp_path, Params(), Progress())
    asked = [(f"{GAUSSIANS}/{name}", "positions") for name in ("Moving", "Still")]
    assert counted((tmp_path / "stage.usda", asked)) == [[40, 7]]
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    assert np.array(stage.GetPrimAtPath(f"{GAUSSIANS}/Moving").GetAttribute("positions").Get(12.0)).shape == (25, 3)
