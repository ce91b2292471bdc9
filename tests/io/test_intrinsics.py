"""Camera intrinsics from the command line and from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.intrinsics import intrinsics_text, parse_intrinsics
from lyra_backend.types import Intrinsics

WANT = Intrinsics(640, 480, 525.0, 526.5, 320.0, 240.0)


def test_four_numbers() -> None:
    assert parse_intrinsics(" 525, 526.5,320 ,240", 640, 480) == WANT


@pytest.mark.parametrize(
    "data",
    [
        {"fx": 525, "fy": 526.5, "cx": 320, "cy": 240},
        {"fx": 525, "fy": 526.5, "cx": 320, "cy": 240, "width": 640, "height": 480, "note": "ignored"},
        {"fl_x": 525, "fl_y": 526.5, "cx": 320, "cy": 240, "w": 640, "h": 480},
    ],
)
def test_json_files(tmp_path: Path, data: dict[str, Any]) -> None:
    (tmp_path / "c.json").write_text(json.dumps(data))
    assert parse_intrinsics(str(tmp_path / "c.json"), 640, 480) == WANT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("525,525,320", "must be FX,FY,CX,CY"),
        ("a,b,c,d", "must be FX,FY,CX,CY"),
        ("", "must be FX,FY,CX,CY"),
        ("525,525,900,240", r"principal point must lie in the image of 640 x 480 pixels, got \(900, 240\)"),
        ("4.2,4.2,320,240", "focal lengths must be .* Millimetres"),
        ("-525,525,320,240", "positive finite focal"),
        ("nan,525,320,240", "positive finite focal"),
        ("absent.json", "cannot be read"),
    ],
)
def test_numbers_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_intrinsics(text, 640, 480)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be JSON"),
        ("[1, 2]", "must be a JSON object"),
        ('{"fx": 1, "fY": 2}', "lack fy, cx, cy; known: fY, fx"),
        ('{"fx": "525", "fy": 525, "cx": 320, "cy": 240}', "fx must be a number of pixels up to 1e\\+09, got '525'"),
        pytest.param('{"fx": 1' + "0" * 400 + ', "fy": 5, "cx": 3, "cy": 2}', "fx must be a number of", id="long"),
        pytest.param('{"fx": 1' + "0" * 5000 + ', "fy": 5, "cx": 3, "cy": 2}', "must be JSON", id="longer"),
        ('{"fx": Infinity, "fy": 525, "cx": 320, "cy": 240}', "fx must be a number of pixels .* got inf"),
        ('{"fx": 525, "fy": 525, "cx": NaN, "cy": 240}', "cx must be a number of pixels .* got nan"),
        ('{"fx": -525, "fy": 525, "cx": 320, "cy": 240}', "positive finite focal lengths"),
        ('{"fx": [525], "fy": 525, "cx": 320, "cy": 240}', "fx must be a number"),
        pytest.param('{"a":' * 100_000, "must be JSON", id="nested"),
        ("null", "must be a JSON object"),
        ('{"fx": true, "fy": 525, "cx": 320, "cy": 240}', "fx must be a number"),
        (
            '{"fx": 1050, "fy": 1050, "cx": 640, "cy": 480, "width": 1280, "height": 960}',
            "for 1280 x 960 pixels, but the image has 640 x 480",
        ),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(InvalidRequest, match=message):
        parse_intrinsics(str(tmp_path / "c.json"), 640, 480)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"fx": 525, "fy": 526.5, "cx": 320, "cy": 240}', encoding="utf-8-sig")
    assert parse_intrinsics(str(tmp_path / "c.json"), 640, 480) == WANT


def test_a_request_holds_the_content_not_the_path(tmp_path: Path) -> None:
    content = '{"fx": 525, "fy": 526.5, "cx": 320, "cy": 240, "width": 640, "height": 480}'
    (tmp_path / "c.json").write_text(content + "\n")
    text = intrinsics_text(str(tmp_path / "c.json"))
    assert text == content
    assert parse_intrinsics(text, 640, 480) == WANT
    assert intrinsics_text("525,526.5,320,240") == "525,526.5,320,240"
    with pytest.raises(InvalidRequest, match="cannot be read"):
        intrinsics_text(str(tmp_path / "absent.json"))
    with pytest.raises(InvalidRequest, match="these intrinsics are for 640 x 480"):
        parse_intrinsics(text, 320, 240)
