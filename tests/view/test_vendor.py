"""Code of others in the page: as it came, with its licences."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import lyra_backend.view

VENDOR = Path(lyra_backend.view.__file__).parent / "page" / "vendor"
TABLE = tomllib.loads((VENDOR / "vendor.toml").read_text(encoding="utf-8"))["package"]


def test_not_a_byte_is_changed() -> None:
    for package in TABLE:
        for file in package["files"]:
            assert hashlib.sha256((VENDOR / file["path"]).read_bytes()).hexdigest() == file["sha256"], file["path"]


def test_every_file_is_listed() -> None:
    listed = {file["path"] for package in TABLE for file in package["files"]}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert there - {"vendor.toml"} == listed


def test_licences_are_there_and_allow_it() -> None:
    for package in TABLE:
        text = (VENDOR / package["licence_file"]).read_text(encoding="utf-8")
        assert package["licence"] == "MIT"
        assert "Permission is hereby granted, free of charge" in text
        assert package["version"] in package["source"]
