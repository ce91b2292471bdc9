"""USD files as splats: read in a process of their own, and refused in words when they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.particle_field import Params, write
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.splats import read_splats
from lyra_backend.io.usd_splats import USD_READABLE
from lyra_backend.types import Frame, Similarity

from ..conftest import make_random_cloud
from .plys import write as write_bytes

DATA = Path(__file__).parents[1] / "data"


def test_a_package_there_and_back(tmp_path: Path) -> None:
    truth = make_random_cloud(40, 2).transformed(Similarity(), Frame.WORLD)
    write(truth, tmp_path / "a.usdz", Params())
    outcome = read_splats(tmp_path / "a.usdz")
    np.testing.assert_allclose(outcome.value.positions, truth.positions)
    assert (outcome.value.sh_degree, outcome.value.frame, outcome.counts["gaussians"]) == (2, Frame.WORLD, 40)
    assert read_splats(tmp_path / "a.usdz", base_colors_only=True).value.sh_degree == 0


@pytest.mark.parametrize("ending", USD_READABLE)
def test_damaged_files_are_refused_by_name(tmp_path: Path, ending: str) -> None:
    write(make_random_cloud(40, 0), tmp_path / f"good.{ending}", Params())
    good = (tmp_path / f"good.{ending}").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, 900, np.uint8).tobytes()
    for broken in (good[: len(good) // 2], noise):
        with pytest.raises(InvalidRequest, match=rf"damaged\.{ending}: "):
            read_splats(write_bytes(tmp_path / f"damaged.{ending}", broken))


def test_a_stage_without_gaussians_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.usda"
    path.write_text('#usda 1.0\ndef Volume "V" {}\ndef Mesh "M" {}\n')
    with pytest.raises(InvalidRequest, match=r"a\.usda: a USD file with Mesh, Volume, without Gaussians"):
        read_splats(path)


def test_nurec_is_told_from_fields_by_its_mark(tmp_path: Path) -> None:
    outcome = read_splats(DATA / "3dgrut_nurec_d3.usdz")
    assert (outcome.value.count, outcome.value.sh_degree) == (1000, 3)
    path = tmp_path / "a.usda"
    path.write_text('#usda 1.0\ndef Volume "V" {\ncustom bool omni:nurec:isNuRecVolume = 1\n}\n')
    with pytest.raises(InvalidRequest, match=r"a\.usda: the payload of /V is not there"):
        read_splats(path)
