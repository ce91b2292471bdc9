"""A rotation baked into Gaussians takes their view-dependent colours along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from lyra_backend.author.particle_field import Params, write
from lyra_backend.types import Frame, Similarity

from .fields import cloud_of, read_arrays


def _basis(directions: np.ndarray) -> np.ndarray:
    """Real SH up to degree 3 in the signs of 3D Gaussian splatting, made from SciPy's complex ones."""
    x, y, z = directions.T
    theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    columns = []
    for band in range(4):
        for order in range(-band, band + 1):
            value = sph_harm_y(band, abs(order), theta, phi)
            part = value.imag if order < 0 else value.real
            # SciPy carries the Condon-Shortley phase, which gives the signs of the splatting basis by itself.
            columns.append(part if order == 0 else np.sqrt(2) * part)
    return np.stack(columns, axis=1)


def test_colours_turn_with_the_gaussians(tmp_path: Path) -> None:
    cloud = cloud_of(12, frame=Frame.GENERATOR)
    turn = Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix()
    write(cloud.transformed(Similarity.build(rotation=turn), Frame.WORLD), tmp_path / "turned.usdc", Params())
    turned = read_arrays(tmp_path / "turned.usdc")["radiance:sphericalHarmonicsCoefficients"].reshape(12, 16, 3)
    directions = np.random.default_rng(1).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    before = np.einsum("dk,nkc->dnc", _basis(directions), cloud.sh)
    after = np.einsum("dk,nkc->dnc", _basis(directions @ turn.T), turned)
    assert np.abs(cloud.sh[:, 1:] - turned[:, 1:]).max() > 0.1
    assert np.abs(before - after).max() < 1e-5
