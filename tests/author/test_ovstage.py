"""NVIDIA's stage runtime, which Isaac Sim's renderers and physics read from, takes in our files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd

from lyra_backend import author
from lyra_backend.author.nurec import Params as NurecParams
from lyra_backend.author.particle_field import Params, run_sequence, write
from lyra_backend.io.nurec import middle
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianSequence, SceneBundle

from .fields import cloud_of, room_proxy
from .test_labels import classed

#: In a process of its own: the runtime brings its own build of USD.
_READ = """
import sys
import numpy as np
import ovstage

names = sys.argv[4:]
stage = ovstage.Stage("test")
ovstage.population.open_usd(stage, sys.argv[1], ordinal=1, domains=ovstage.PopulationDomain.ALL)
stage.advance_write_floor(ordinal=1).wait()
words = ovstage.PathDictionary(stage)
found = {}
with words.create_path_list_from_strings([sys.argv[3]]) as paths, stage.query_from_path_list(paths) as query:
    tokens = [words.intern_token(name) for name in names]
    with stage.read_attributes(query, tokens, ovstage.OrdinalRange(1)) as read:
        for group in read.groups():
            found[words.token_to_string(group.attribute).replace(":", "_")] = np.array(group.array(0))
            group.release()
np.savez(sys.argv[2], **found)
stage.destroy()
"""


FIELD = ("positions", "orientations", "scales", "opacities")
COEFFICIENTS, DEGREE = "radiance:sphericalHarmonicsCoefficients", "radiance:sphericalHarmonicsDegree"


def _read(file: Path, prim: str, *names: str) -> dict[str, np.ndarray]:
    arrays = file.with_suffix(".npz")
    command = [sys.executable, "-c", _READ, str(file), str(arrays), prim, *names]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return dict(np.load(arrays))


@pytest.mark.parametrize("half", [False, True])
def test_runtime_reads_what_was_written(tmp_path: Path, half: bool) -> None:
    cloud = cloud_of(40)
    write(cloud, tmp_path / "a.usdc", Params(half=half))
    got = _read(tmp_path / "a.usdc", "/Gaussians", *FIELD, COEFFICIENTS, DEGREE)
    tolerance = 4e-3 if half else 0
    sh = got["radiance_sphericalHarmonicsCoefficients"].reshape(40, 16, 3)
    assert np.abs(got["positions"] - cloud.positions).max() <= tolerance
    assert np.abs(got["orientations"][:, [3, 0, 1, 2]] - cloud.quats_wxyz).max() <= tolerance
    assert np.abs(got["scales"] - cloud.scales).max() <= tolerance
    assert np.abs(got["opacities"].reshape(-1) - cloud.opacities).max() <= tolerance
    assert np.abs(sh - cloud.sh).max() <= tolerance
    assert got["radiance_sphericalHarmonicsDegree"].tolist() == [3]


def test_runtime_takes_in_the_nurec_variant(tmp_path: Path) -> None:
    """What the schema of its volumes says comes through; of their payload only a renderer knows."""
    cloud = cloud_of(40)
    bundle = SceneBundle(cloud, room_proxy(), {"nurec": NurecParams()})
    author.run(bundle, tmp_path, author.Params(), Progress())
    bounds = ("omni:nurec:crop:minBounds", "omni:nurec:crop:maxBounds")
    got = _read(tmp_path / "scene.usda", "/World/Visual/Gaussians", "omni:nurec:isNuRecVolume", *bounds)
    assert got["omni_nurec_isNuRecVolume"].reshape(-1).tolist() == [1]
    low, high = (got[name.replace(":", "_")].reshape(3) for name in bounds)
    assert (low < cloud.positions.min(axis=0) - middle(cloud.positions)).all()
    assert (high > cloud.positions.max(axis=0) - middle(cloud.positions)).all()


def test_runtime_reads_a_scene_that_moves_at_its_first_time(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40), cloud_of(25, seed=1)), (0.0, 0.5), background=cloud_of(7, seed=2))
    run_sequence(sequence, tmp_path, Params(), Progress())
    for name, cloud in (("Moving", sequence.clouds[0]), ("Still", sequence.background)):
        got = _read(tmp_path / "gaussians.usdc", f"/Gaussians/{name}", "positions")
        np.testing.assert_array_equal(got["positions"], cloud.positions)


def test_runtime_reads_the_field_of_a_class_and_the_proxy(tmp_path: Path) -> None:
    for name, appearance in (("splats", "particleField"), ("meshes", "proxy")):
        (tmp_path / name).mkdir()
        bundle = SceneBundle(classed(), room_proxy(), {"particle_field": Params()})
        author.run(bundle, tmp_path / name, author.Params(appearance=appearance), Progress())
    got = _read(tmp_path / "splats/stage.usda", "/World/Visual/Gaussians/wall", "positions")
    np.testing.assert_array_equal(got["positions"], classed().positions[classed().class_ids == 3])
    stage = Usd.Stage.Open(str(tmp_path / "meshes/stage.usda"))
    proxy = stage.GetPrimAtPath("/World/Visual/Proxy").GetChildren()[0]
    got = _read(tmp_path / "meshes/stage.usda", str(proxy.GetPath()), "points", "primvars:displayColor")
    np.testing.assert_array_equal(got["points"], proxy.GetAttribute("points").Get())
    assert len(got["primvars_displayColor"]) > 0
