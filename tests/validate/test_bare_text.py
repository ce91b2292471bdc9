"""Texts in reports name no folder of the machine they were made on."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend.validate.bare_text import bare


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('File "/home/me/.venv/lib/python3.11/site-packages/ovphysx/api.py", line 3', 'File "api.py", line 3'),
        ("cannot open @/scratch/trial-1/drop.usda@.", "cannot open @drop.usda@."),
        (r"cannot open C:\Users\me\scan\stage.usda here", "cannot open stage.usda here"),
        ("cannot open D:/scans/stage.usda", "cannot open stage.usda"),
        (r"read \\server\share\stage.usda", "read stage.usda"),
        ("at line 12 in file /opt/USD/pxr/usd/usd/stage.cpp : 'no'", "at line 12 in file stage.cpp : 'no'"),
        ("on stage @a.usda@ <0x55ba9593c740>)", "on stage @a.usda@)"),
        (
            "In </World/Chair>: ./gone.usd is not there... really.",
            "In </World/Chair>: ./gone.usd is not there... really.",
        ),
        # exporters like to name the default prim "root", which is a folder elsewhere
        ("/World/Room.points and /root/Mesh", "/World/Room.points and /root/Mesh"),
        ("see https://example.org/a/b.usd", "see https://example.org/a/b.usd"),
        ("3 and/or 4 m/s", "3 and/or 4 m/s"),
    ],
)
def test_paths_become_names_and_prims_stay(text: str, wanted: str) -> None:
    assert bare(text) == wanted


def test_known_folders_may_hold_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "my scans"
    assert bare(f"'{folder}/stage one.usda' in {folder}.", folder) == "'stage one.usda' in my scans."


def test_what_is_there_on_this_machine_is_a_path_whatever_its_ending(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    assert bare(f"left {tmp_path}/cache behind, and {tmp_path}/gone") == "left cache behind, and gone"


def test_the_folder_of_a_relative_path_takes_no_dots_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert bare("broken. See a.usda v. 1.0", Path("stage.usda").parent) == "broken. See a.usda v. 1.0"
