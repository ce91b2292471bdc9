"""The stage as a whole: all checks run, in order, on what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend import author, validate
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Event, Progress
from lyra_backend.types import CollisionProxy, GaussianCloud, SceneBundle, Severity

from ..author.fields import cloud_of, square


def _author(folder: Path, cloud: GaussianCloud) -> None:
    proxy = CollisionProxy((square("floor", 5.0),), "surface", {})
    author.run(SceneBundle(cloud, proxy, {"particle_field": FieldParams()}), folder, author.Params(), Progress())


def test_gaussians_usd_and_physics_are_checked_in_turn(tmp_path: Path) -> None:
    _author(tmp_path, cloud_of(400))
    events: list[Event] = []
    outcome = validate.run(tmp_path, None, validate.Params(), Progress(events.append))
    subjects = [f.code.partition(".")[0] for f in outcome.findings]
    assert subjects == sorted(subjects, key=["gaussians", "usd", "field", "collider", "depth", "physics"].index)
    assert {"gaussians", "depth", "physics"} == set(subjects)  # the random cloud reaches below the floor
    assert [f.code for f in outcome.findings if f.severity is Severity.ERROR] == []
    assert outcome.counts["gaussians"] == 400
    assert outcome.counts["collider_triangles"] == 2
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == pytest.approx(1.0)


def test_a_stage_that_cannot_be_read_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "stage.usda").write_text("this is no stage")
    outcome = validate.run(tmp_path, None, validate.Params(), Progress())
    assert [f.code for f in outcome.findings] == ["usd.unreadable", "physics.not_simulated"]


def test_what_is_no_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        validate.run(tmp_path / "picture.png", None, validate.Params(), Progress())
