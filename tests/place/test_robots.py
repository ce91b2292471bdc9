"""The catalog of robots, and entries of users' own."""

from __future__ import annotations

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.place.robots import as_toml, known_robots, read_robots, robot
from lyra_backend.types import Locomotion

OWN = """
[rover]
locomotion = "wheels"
asset = "/data/rover.usd"
radius_m = 0.4
height_m = 1
"""


def test_catalog_holds_the_robots_that_people_ask_for() -> None:
    assert set(known_robots()) == {"go2", "anymal", "g1", "h1", "carter", "jetbot", "franka"}
    kinds = {name: robot(name).locomotion for name in known_robots()}
    assert kinds["g1"] is kinds["h1"] is Locomotion.BIPED
    assert kinds["go2"] is kinds["anymal"] is Locomotion.QUADRUPED
    assert kinds["carter"] is kinds["jetbot"] is Locomotion.WHEELS
    assert kinds["franka"] is Locomotion.FIXED


@pytest.mark.parametrize("name", known_robots())
def test_sizes_of_a_robot_fit_together(name: str) -> None:
    one = robot(name)
    assert one.asset.startswith("Isaac/Robots/")
    assert one.asset.endswith(".usd")
    assert 0 < one.eye_height_m < one.height_m
    assert one.root_height_m < one.height_m
    assert one.step_m < one.height_m / 2
    # nothing is dropped from higher than a leg can take
    assert one.clearance_m <= 0.15


def test_maker_sizes_are_kept() -> None:
    assert robot("carter").radius_m >= (0.607**2 + 0.25**2) ** 0.5
    assert robot("g1").height_m == pytest.approx(1.32, abs=0.02)
    # with straight legs the soles are this far below the root (measured, see robots.toml)
    for name, straight in (("go2", 0.449), ("anymal", 0.632), ("g1", 0.793), ("h1", 1.045)):
        assert robot(name).root_height_m + robot(name).clearance_m > straight


def test_own_entry_needs_only_what_cannot_be_guessed() -> None:
    rover = robot("rover", OWN)
    assert (rover.title, rover.radius_m, rover.height_m, rover.eye_height_m) == ("rover", 0.4, 1.0, 1.0)
    assert known_robots(OWN)[-1] == "rover"
    assert "rover" not in known_robots()


def test_own_entry_beats_the_catalog() -> None:
    assert robot("go2", OWN.replace("rover]", "go2]")).asset == "/data/rover.usd"
    assert robot("go2").asset.startswith("Isaac/")


@pytest.mark.parametrize("name", known_robots())
def test_written_entries_read_back(name: str) -> None:
    assert read_robots(as_toml(robot(name)), "text") == {name: robot(name)}


def test_text_with_quotes_reads_back() -> None:
    odd = read_robots(OWN.replace('"/data/rover.usd"', "'/data/a \"b\"\\c.usd'"), "text")["rover"]
    assert odd.asset == '/data/a "b"\\c.usd'
    assert read_robots(as_toml(odd), "text")["rover"] == odd


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rover", "must be TOML"),
        ("rover = 3", "must be a table"),
        ("[Rover]\n", "lower-case"),
        ("[rover]\nasset = 'a'", "locomotion, radius_m, height_m"),
        (OWN + "radius = 3", "'radius' is unknown.*Did you mean 'radius_m'"),
        (OWN.replace("wheels", "wings"), "'wings' is unknown"),
        (OWN.replace("0.4", "'wide'"), "radius_m must be a number"),
        (OWN.replace("0.4", "true"), "radius_m must be a number"),
        (OWN.replace("0.4", "nan"), "radius_m must lie between"),
        (OWN.replace("0.4", "-1"), r"my\.toml: \[rover\]: radius_m must lie between 0 and 100 m, got -1\.0\. Correct"),
        (OWN.replace('"/data/rover.usd"', '""'), "asset must be a line of text"),
        (OWN + "slope_deg = 95", "slope_deg"),
    ],
)
def test_entries_that_cannot_be_used_are_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_robots(text, "my.toml")


def test_unknown_robot_names_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match=r"robot 'go3' is unknown; known: .*Did you mean 'go2'"):
        robot("go3")
