"""NVIDIA's stage runtime, which Isaac Sim's renderers and physics read from, takes in our files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.particle_field import Params, run_sequence, write
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianSequence

from .fields import cloud_of

#: In a process of its own: the runtime brings its own build of USD.
_READ = """
import sys
import numpy as np
import ovstage

names = ["positions", "orientations", "scales", "opacities", "radiance:sphericalHarmonicsCoefficients",
         "radiance:sphericalHarmonicsDegree"]
stage = ovstage.Stage("test")
ovstage.population.open_usd(stage, sys.argv[1], ordinal=1, domains=ovstage.PopulationDomain.ALL)
stage.advance_write_floor(ordinal=1).wait()
words = ovstage.PathDictionary(stage)
found = {}
with words.create_path_list_from_strings(["/Gaussians"]) as paths, stage.query_from_path_list(paths) as query:
    tokens = [words.intern_token(name) for name in names]
    with stage.read_attributes(query, tokens, ovstage.OrdinalRange(1)) as read:
        for group in read.groups():
            found[words.token_to_string(group.attribute).replace(":", "_")] = np.array(group.array(0))
            group.release()
np.savez(sys.argv[2], **found)
stage.destroy()
"""


@pytest.mark.parametrize("half", [False, True])
def test_runtime_reads_what_was_written(tmp_path: Path, half: bool) -> None:
    cloud = cloud_of(40)
    write(cloud, tmp_path / "a.usdc", Params(half=half))
    command = [sys.executable, "-c", _READ, str(tmp_path / "a.usdc"), str(tmp_path / "read.npz")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    got = dict(np.load(tmp_path / "read.npz"))
    tolerance = 4e-3 if half else 0
    sh = got["radiance_sphericalHarmonicsCoefficients"].reshape(40, 16, 3)
    assert np.abs(got["positions"] - cloud.positions).max() <= tolerance
    assert np.abs(got["orientations"][:, [3, 0, 1, 2]] - cloud.quats_wxyz).max() <= tolerance
    assert np.abs(got["scales"] - cloud.scales).max() <= tolerance
    assert np.abs(got["opacities"].reshape(-1) - cloud.opacities).max() <= tolerance
    assert np.abs(sh - cloud.sh).max() <= tolerance
    assert got["radiance_sphericalHarmonicsDegree"].tolist() == [3]


def test_runtime_reads_a_scene_that_moves_at_its_first_time(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40), cloud_of(25, seed=1)), (0.0, 0.5), background=cloud_of(7, seed=2))
    run_sequence(sequence, tmp_path, Params(), Progress())
    for name, cloud in (("Moving", sequence.clouds[0]), ("Still", sequence.background)):
        script = _READ.replace('"/Gaussians"', f'"/Gaussians/{name}"')
        command = [sys.executable, "-c", script, str(tmp_path / "gaussians.usdc"), str(tmp_path / "read.npz")]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        assert np.array_equal(np.load(tmp_path / "read.npz")["positions"], cloud.positions)
