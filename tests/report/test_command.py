"""The command on a report makes the request again, whatever was asked for."""

from __future__ import annotations

import pytest

from lyra_backend.report.command import command_of
from lyra_backend.types import SceneRequest

from .commands import parsed

REQUESTS = {
    "defaults": SceneRequest(prompt="an office"),
    "quotes": SceneRequest(prompt='the cook\'s "kitchen" $HOME `x` \\ 5 %', seed=7, preset="draft"),
    "all": SceneRequest(
        image="a b.png",
        depth="depth.npy",
        generator="rgbd",
        collider="convex",
        primitives=("particle_field", "nurec"),
        params={
            "generate": {"intrinsics": "1,2,3,4"},
            "collide": {"voxel_size": 0.04, "close_holes": False, "tolerance": None},
            "place": {"robots": "go2,g1"},
            "author": {"package": "usdz"},
            "refine": {"ruler": "door 2.03"},
        },
        force=True,
    ),
    "text that reads as a number": SceneRequest(prompt="a hall", params={"place": {"robots": "12"}}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_command_asks_for_the_same(name: str) -> None:
    assert parsed(command_of(REQUESTS[name], {})) == REQUESTS[name]


def test_files_are_called_what_the_user_called_them() -> None:
    request = SceneRequest(splat="inputs/0123456789abcdef.ply")
    command = command_of(request, {"0123456789abcdef.ply": "my scan.ply"})
    assert command == "lyra-scenegen generate --splat 'my scan.ply'"
