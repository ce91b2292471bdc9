"""The numbers of every finding have one unit."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import lyra_backend
from lyra_backend.types import Finding, Severity
from lyra_backend.types.units import _UNITS, unit_of
from lyra_backend.validate.limits import LIMITS_FILE, Params

ROOT = Path(lyra_backend.__file__).parent


def _calls() -> list[ast.Call]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py")))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Finding"]


def test_findings_with_numbers_and_a_plain_code_have_a_unit() -> None:
    checked = 0
    for call in _calls():
        numbers = len(call.args) > 3 or {"measured", "limit", "unit"} & {k.arg for k in call.keywords}
        code = call.args[0] if call.args else None
        if numbers and isinstance(code, ast.Constant):
            assert unit_of(code.value), f"{code.value}: add it to lyra_backend/types/units.py"
            checked += 1
    assert checked > 25


def test_every_code_in_the_table_is_one_that_somebody_writes() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py") if path.name != "units.py")
    unused = [code for code in _UNITS if f'"{code}"' not in source and f'"{code.partition(".")[2]}"' not in source]
    assert not unused


def test_a_limit_that_is_held_against_is_in_the_unit_of_the_finding() -> None:
    limits = Params.__dataclass_fields__
    pairs = {
        "physics.floor_area": "physics_floor_area_min_m2",
        "physics.penetration": "physics_penetration_max_m",
        "gaussians.extent": "extent_max_m",
        "physics.held": "physics_held_min",
        "collider.uncovered": "collider_uncovered_share_max",
    }
    plain = {"m2": "m2", "m²": "m2", "m": "m", "": "share"}
    assert LIMITS_FILE.is_file()
    for code, name in pairs.items():
        assert plain[limits[name].metadata["unit"]] == unit_of(code), code


def test_units_are_filled_in_kept_and_written() -> None:
    finding = Finding("refine.floor_tilt", Severity.INFO, "tilted", 2.0)
    assert finding.unit == "deg"
    assert Finding("refine.floor_tilt", Severity.INFO, "not tilted").unit == ""
    assert Finding("mine.own", Severity.INFO, "text", 2.0, unit="lux").unit == "lux"
    from dataclasses import asdict

    assert Finding.from_json(asdict(finding)) == finding


@pytest.mark.parametrize("far", [0.4, 0.8])
def test_depth_beyond_the_limit_is_measured_as_it_is_limited(far: float) -> None:
    import numpy as np

    from lyra_backend.generate.rgbd import _findings

    counts = {"gaussians": 10, "pixels": 100, "pixels_with_depth": 100, "dropped_far": int(100 * far)}
    found = {f.code: f for f in _findings(counts, np.ones((10, 10)))}
    assert ("rgbd.beyond_max_depth" in found) == (far > 0.5)
    if far > 0.5:
        assert found["rgbd.beyond_max_depth"].measured == pytest.approx(far)
