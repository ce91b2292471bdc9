"""How the words of a command line are read."""

from __future__ import annotations

from typing import Any

import pytest

from lyra_backend import registry
from lyra_backend.errors import InvalidRequest
from lyra_backend.options import (
    PRIMITIVES_FOR,
    add_memory_limit,
    chosen_primitives,
    device_names,
    parse_settings,
    with_generator_options,
)
from lyra_backend.plan import make_plan
from lyra_backend.types import SceneRequest


def test_settings_are_json_or_text_and_the_last_holds() -> None:
    given = [
        "a.number=0.5",
        "a.truth=true",
        "a.text=z",
        "b.list=1,2",
        f"b.long={'9' * 5000}",
        "b.equal=x=y",
        "a.text=y",
    ]
    assert parse_settings(given) == {
        "a": {"number": 0.5, "truth": True, "text": "y"},
        "b": {"list": "1,2", "long": "9" * 5000, "equal": "x=y"},
    }
    assert parse_settings(None) == {}


@pytest.mark.parametrize("setting", ["", "a", "a=1", "a.b", "A.b=1", "a..b=1", ".b=1"])
def test_other_settings_are_refused(setting: str) -> None:
    with pytest.raises(InvalidRequest, match=r"must read STAGE\.FIELD=VALUE"):
        parse_settings([setting])


def test_deeply_nested_settings_are_text() -> None:
    assert parse_settings([f"a.b={'[' * 100_000}"]) == {"a": {"b": "[" * 100_000}}


@pytest.mark.parametrize("text", ["1.10", "007", "1e3", "0.50", "-0.0e0", "1E400", "none"])
def test_numbers_that_are_written_oddly_stay_as_they_are(text: str) -> None:
    assert parse_settings([f"generate.depth_model={text}"]) == {"generate": {"depth_model": text}}


def options(**given: Any) -> dict[str, Any]:
    return {"up": None, "scale": None, "intrinsics": None, "vram": None, **given}


def test_options_of_the_generator_beat_its_settings() -> None:
    request = SceneRequest(splat="a.ply", params={"generate": {"up": "x", "opacity": 1}, "collide": {"voxel_size": 1}})
    changed = with_generator_options(request, **options(up="z"))
    assert changed.params == {"generate": {"up": "z", "opacity": 1}, "collide": {"voxel_size": 1}}
    assert request.params["generate"]["up"] == "x"
    assert with_generator_options(request, **options()) is request


@pytest.mark.parametrize(
    ("inputs", "takes"),
    [
        ({"splat": "a.ply"}, {"up", "scale"}),
        ({"image": "a.png", "depth": "a.npy"}, {"intrinsics"}),
        ({"image": "a.png"}, {"scale", "intrinsics", "vram"}),
        ({"prompt": "a room", "generator": "lyra"}, {"scale", "intrinsics", "vram"}),
        ({"video": "a.mp4"}, {"scale", "intrinsics", "vram"}),
        ({"prompt": "a room"}, set()),
    ],
)
def test_options_work_wherever_the_generator_has_such_a_parameter(inputs: dict[str, str], takes: set[str]) -> None:
    request = SceneRequest(**inputs)  # type: ignore[arg-type]
    for name, value in {"up": "z", "scale": 2.0, "intrinsics": "50,50,32,24", "vram": "24GB"}.items():
        if name in takes:
            changed = with_generator_options(request, **options(**{name: value}))
            built = make_plan(changed).params["generate"]
            assert getattr(built, name) != getattr(type(built)(), name)
        else:
            with pytest.raises(InvalidRequest, match=rf"--{name}: generator '\w+' has no such parameter, got .*Leave"):
                with_generator_options(request, **options(**{name: value}))


@pytest.mark.parametrize(
    ("size", "gigabytes"), [("4GB", 4.0), ("800MB", 0.8), ("1.5 gb", 1.5), ("2GiB", 2.147483648), ("6g", 6.0)]
)
def test_a_memory_limit_is_a_number_and_a_unit(size: str, gigabytes: float) -> None:
    params: dict[str, dict[str, Any]] = {"collide": {"memory_limit": 1.0, "budget": "detail"}}
    add_memory_limit(params, size)
    assert params == {"collide": {"memory_limit": pytest.approx(gigabytes), "budget": "detail"}}


@pytest.mark.parametrize("size", ["", "4", "GB", "four GB", "-1GB", "1e3MB", "4 bananas", "4GB 2"])
def test_other_memory_limits_are_refused(size: str) -> None:
    with pytest.raises(InvalidRequest, match="4GB or 800MB"):
        add_memory_limit({}, size)


def test_no_memory_limit_leaves_parameters_alone() -> None:
    params: dict[str, dict[str, Any]] = {}
    add_memory_limit(params, None)
    assert params == {}


def test_a_version_stands_for_the_primitives_it_draws() -> None:
    assert chosen_primitives(None, None) == ("particle_field",)
    assert chosen_primitives("nurec, particle_field", None) == ("nurec", "particle_field")
    assert chosen_primitives(None, "both") == ("particle_field", "nurec")
    for word, version in (("isaac5", 5), ("isaac6", 6)):
        assert chosen_primitives(None, word) == PRIMITIVES_FOR[word]
        assert [registry.get("author", name).ISAAC_SIM for name in PRIMITIVES_FOR[word]] == [version]


def test_a_version_and_a_primitive_are_one_too_many() -> None:
    with pytest.raises(InvalidRequest, match=r"--for and --primitive.*'isaac5' and 'nurec'.*Leave one out"):
        chosen_primitives("nurec", "isaac5")
    with pytest.raises(InvalidRequest, match="--for isaac7: no such version"):
        chosen_primitives(None, "isaac7")


def test_devices_are_numbers_or_uuids() -> None:
    assert device_names(None) == ()
    assert device_names("0, 1") == ("0", "1")
    assert device_names("GPU-5d2a-77,MIG-0/1/2") == ("GPU-5d2a-77", "MIG-0/1/2")
    for text in ("", "0,,1", "cuda:0", "0;1", "-1"):
        with pytest.raises(InvalidRequest, match="--devices: must name CUDA devices, such as 0,1"):
            device_names(text)
