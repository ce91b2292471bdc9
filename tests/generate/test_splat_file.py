"""Splat files as generated scenes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from lyra_backend import params, registry
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate.splat_file import Params, run
from lyra_backend.io.ply import read_ply
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import UP_AXES, Frame, SceneRequest, Severity, Similarity

SPLAT = Path(__file__).parents[1] / "data" / "ref_1k_d3.ply"
REQUEST = SceneRequest(splat=str(SPLAT))


def test_the_plugin_is_found() -> None:
    assert "splat_file" in registry.names("generate")
    assert registry.get("generate", "splat_file").Params is Params
    assert registry.summary("generate", "splat_file").startswith("A Gaussian splat file")


@pytest.mark.parametrize("up", sorted(UP_AXES))
def test_the_named_axis_points_up(up: str) -> None:
    source = read_ply(SPLAT).value
    cloud = run(REQUEST, Params(up=up), Progress()).value.cloud
    axis, sign = "xyz".index(up[-1]), -1 if up.startswith("-") else 1
    np.testing.assert_allclose(cloud.positions[:, 2], sign * source.positions[:, axis], atol=1e-6)
    assert np.linalg.det(np.asarray(UP_AXES[up].rotation)) == pytest.approx(1)
    whole = source.transformed(UP_AXES[up], Frame.GENERATOR)
    np.testing.assert_allclose(cloud.sh, whole.sh, atol=1e-6)
    assert cloud.frame is Frame.GENERATOR


def test_an_unknown_scale_is_an_error_of_the_scene() -> None:
    outcome = run(REQUEST, Params(up="-y"), Progress())
    (finding,) = outcome.findings
    assert (finding.code, finding.severity) == ("scale.unknown", Severity.ERROR)
    assert "generate.scale" in finding.message
    assert not outcome.value.scale.is_metric
    assert outcome.value.geometry == "inferred"


def test_an_assumed_up_axis_is_said_and_a_given_one_is_not() -> None:
    assumed, given = (run(REQUEST, Params(up=up, scale=1.0), Progress()) for up in (None, "-y"))
    assert [(f.code, f.severity) for f in assumed.findings] == [("splat.up_assumed", Severity.WARNING)]
    assert not given.findings
    assert np.array_equal(assumed.value.cloud.positions, given.value.cloud.positions)


def test_a_given_scale_makes_it_metric() -> None:
    plain = run(REQUEST, Params(), Progress()).value.cloud
    outcome = run(REQUEST, Params(up="-y", scale=2.5, scale_uncertainty=4.0), Progress())
    assert not outcome.findings
    assert outcome.value.scale.uncertainty_percent == 4.0
    np.testing.assert_allclose(outcome.value.cloud.positions, 2.5 * plain.positions, rtol=1e-6)
    np.testing.assert_allclose(outcome.value.cloud.scales, 2.5 * plain.scales, rtol=1e-6)
    expected = read_ply(SPLAT).value.transformed(UP_AXES["-y"].then(Similarity(2.5)), Frame.GENERATOR)
    assert np.array_equal(outcome.value.cloud.quats_wxyz, expected.quats_wxyz)


def test_provenance_names_content_not_places() -> None:
    outcome = run(REQUEST, Params(), Progress())
    provenance = outcome.value.provenance
    assert provenance["source_sha256"] == hashlib.sha256(SPLAT.read_bytes()).hexdigest()
    assert provenance["source_format"] == "ply"
    assert provenance["licence"] == "unknown, as the source file"
    assert str(SPLAT.parent) not in json.dumps(provenance)
    assert outcome.counts["gaussians"] == 1000


def test_requests_that_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="--splat"):
        run(SceneRequest(prompt="a room"), Params(), Progress())
    with pytest.raises(InvalidRequest, match="no such file"):
        run(SceneRequest(splat=str(tmp_path / "absent.ply")), Params(), Progress())
    with pytest.raises(InvalidRequest, match="up must be one of its choices"):
        params.build(Params, "generate", {"up": "north"})
    with pytest.raises(InvalidRequest, match="scale must be from"):
        params.build(Params, "generate", {"scale": "0"})
    assert params.build(Params, "generate", {"scale": "none"}).scale is None


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(REQUEST, Params(), Progress(token=token))
