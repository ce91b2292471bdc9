"""The words of the command line: options that commands share, what their help names, and how values are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from .errors import InvalidRequest, nearest, shown

if TYPE_CHECKING:
    from .types import SceneRequest

__all__ = [
    "AcceptOption",
    "CameraHeightOption",
    "ColliderOption",
    "Command",
    "JsonFlag",
    "MemoryOption",
    "ReplaceFlag",
    "RulerOption",
    "ScaleOption",
    "SetOption",
    "SplatArgument",
    "UpOption",
    "VramOption",
    "add_measures",
    "add_memory_limit",
    "camera_sizes",
    "chosen_primitives",
    "device_names",
    "parse_settings",
    "size_bytes",
    "take_files",
    "with_generator_options",
]


#: What each version of Isaac Sim draws, by the words of ``--for``; of several primitives the first is selected.
PRIMITIVES_FOR = {
    "isaac5": ("nurec",),
    "isaac6": ("particle_field",),
    "both": ("particle_field", "nurec"),
}


class Command(TyperCommand):
    """A command whose help names what there is: {presets} and the like are looked up when help is shown."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        known = _known_words()
        for parameter in self.params:
            if getattr(parameter, "help", None):
                parameter.help = parameter.help.format_map(known)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="bodies|robots",
        help="What the scene is tried with: balls and boxes, or walking and standing robots, too. Default: bodies.",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
ReplaceFlag = Annotated[bool, typer.Option("--overwrite", help="Replace the output if there is such a file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="STAGE.FIELD=VALUE",
        help="Change a parameter; repeatable, and the last of one field holds. `lyra-scenegen generators` lists them.",
    ),
]
UpOption = Annotated[
    str | None,
    typer.Option(
        metavar="AXIS",
        help="Axis of the splat file that points up: z, -z, y, -y, x, -x. Captures mostly have -y, the default.",
    ),
]
ScaleOption = Annotated[float | None, typer.Option(help="Metres per unit of the splat file.")]
RulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="A length measured in the scene, instead of --scale: 'x1,y1,z1 x2,y2,z2 2.03', two points in the splat "
        "file's coordinates and the metres between them. Best 2 m or more, since ends are found to 2 cm.",
    ),
]
CameraHeightOption = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        help="Height above the ground [m] of the cameras, or of generate.viewpoint (X,Y,Z in the splat file's "
        "coordinates), from where the scene was seen.",
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="Memory the colliders may take, 4GB or 800MB: larger scenes get coarser voxels. Default: half of what is "
        "installed, at most 8GB.",
    ),
]
VramOption = Annotated[
    str | None,
    typer.Option(
        "--vram",
        metavar="GB",
        help="Memory of each GPU that a model may take, such as 16, 24, 48 or 80: less means that weights are brought "
        "there piece by piece. Default: all that is free.",
    ),
]
ColliderOption = Annotated[str, typer.Option(metavar="NAME", help="Collision method: {colliders}.")]
SplatArgument = Annotated[Path, typer.Argument(help="A splat file: {splats}, or a NuRec package (.usdz).")]


def _known_words() -> dict[str, str]:
    """Return what help texts name: plugins, presets and file formats."""
    from .catalog import known_names
    from .conversion import MESH_FORMATS, USD_FORMATS
    from .io.splats import READABLE

    formats = {"splats": READABLE, "usd": USD_FORMATS, "meshes": MESH_FORMATS}
    return known_names() | {kind: ", ".join(f".{f}" for f in known) for kind, known in formats.items()}


def with_generator_options(
    request: SceneRequest, *, up: str | None, scale: float | None, intrinsics: str | None, vram: str | None
) -> SceneRequest:
    """Return `request` with the options that stand for parameters of its generator; they beat --set.

    Raises:
        InvalidRequest: the generator has no such parameter, or cannot be chosen.
        MissingDependency: the generator needs a package that is not installed.
    """
    from .io.intrinsics import intrinsics_text

    lens = intrinsics_text(intrinsics) if intrinsics else None
    memory = vram and re.sub(r"\s*gi?b?$", "", vram.strip(), flags=re.IGNORECASE)
    options = {"up": up, "scale": scale, "intrinsics": lens, "vram": memory}
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return request
    _refuse_foreign(given, request)
    generate = {**request.params.get("generate", {}), **given}
    return replace(request, params={**request.params, "generate": generate})


def _refuse_foreign(options: Mapping[str, Any], request: SceneRequest) -> None:
    from .catalog import generator_fields

    generator, fields = generator_fields(request)
    for option, value in options.items():
        if option not in fields:
            raise InvalidRequest(
                f"--{option}: generator {generator!r} has no such parameter, got {shown(value)}. Leave it out, or "
                "choose another --generator."
            )


def take_files(params: dict[str, dict[str, Any]], given: dict[str, str | None]) -> dict[str, str | None]:
    """Return input files that describe a splat, by request field; ``--set generate.FIELD=FILE`` names them as well.

    Settings that do are taken out of `params`, for files are no parameters: a run keeps copies of them. Options beat
    them.
    """
    settings = params.get("generate", {})
    named = {field: settings.pop(field) for field in given if field in settings}
    return {field: file if file is not None else named.get(field) for field, file in given.items()}


def chosen_primitives(primitive: str | None, version: str | None) -> tuple[str, ...]:
    """Return the primitives that ``--primitive`` names, or those that the Isaac Sim of ``--for`` draws.

    Raises:
        InvalidRequest: both are given, or `version` is unknown.
    """
    if version is None and primitive is None:
        return PRIMITIVES_FOR["isaac6"]
    if version is None:
        return tuple(name.strip() for name in (primitive or "").split(","))
    if primitive is not None:
        raise InvalidRequest(
            f"--for and --primitive: both say how Gaussians are written, got {shown(version)} and {shown(primitive)}. "
            "Leave one out."
        )
    if version not in PRIMITIVES_FOR:
        raise InvalidRequest(f"--for {version}: no such version; {nearest(version, PRIMITIVES_FOR)}")
    return PRIMITIVES_FOR[version]


def add_memory_limit(params: dict[str, dict[str, Any]], size: str | None) -> None:
    """Add ``--memory-limit``, which is the parameter ``collide.memory_limit`` in other words; it beats --set.

    Raises:
        InvalidRequest: `size` is not a number and a unit.
    """
    if size is None:
        return
    params.setdefault("collide", {})["memory_limit"] = size_bytes("--memory-limit", size) / 1e9


def add_measures(params: dict[str, dict[str, Any]], ruler: str | None, camera_height: float | None) -> None:
    """Add ``--ruler`` and ``--camera-height``, parameters of `refine` in other words; they beat --set."""
    given = {"ruler": ruler, "camera_height": camera_height}
    if measured := {name: value for name, value in given.items() if value is not None}:
        params.setdefault("refine", {}).update(measured)


def size_bytes(option: str, text: str) -> int:
    """Return the size that ``4GB``, ``800MB`` or ``2GiB`` stands for [bytes].

    Raises:
        InvalidRequest: it is not a number and a unit.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?)b?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise InvalidRequest(f"{option}: must be a number and a unit such as 4GB or 800MB, got {shown(text)}.")
    number, unit = float(match[1]), match[2].lower()
    base = 1024 if unit.endswith("i") else 1000
    return round(number * base ** ("kmgt".index(unit[0]) + 1))


def device_names(text: str | None) -> tuple[str, ...]:
    """Return the CUDA devices that ``--devices 0,1`` names, by number or UUID.

    Raises:
        InvalidRequest: it reads otherwise.
    """
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    if not all(re.fullmatch(r"[0-9]+|(GPU|MIG)-[0-9A-Za-z/-]+", name) for name in names):
        raise InvalidRequest(f"--devices: must name CUDA devices, such as 0,1, got {shown(text)}.")
    return names


def camera_sizes(text: str | None) -> tuple[tuple[int, int], ...]:
    """Return the (width, height) [px] that ``--cameras 640x480,64x64`` names.

    Raises:
        InvalidRequest: it reads otherwise.
    """
    sizes = [re.fullmatch(r"\s*([0-9]{1,6})\s*x\s*([0-9]{1,6})\s*", part) for part in (text or "").split(",")]
    if text is None:
        return ()
    if not all(sizes):
        raise InvalidRequest(f"--cameras: must read WxH or WxH,WxH, such as 640x480, got {shown(text)}.")
    return tuple((int(size[1]), int(size[2])) for size in sizes if size)


def parse_settings(settings: list[str] | None) -> dict[str, dict[str, Any]]:
    """Turn ``["collide.voxel_size=0.04"]`` into ``{"collide": {"voxel_size": 0.04}}``; the last of one field holds.

    A number that is written in an unusual way stays text: it may be a name, such as 1.10, and is read later if not.

    Raises:
        InvalidRequest: a setting does not read STAGE.FIELD=VALUE.
    """
    parsed: dict[str, dict[str, Any]] = {}
    for setting in settings or []:
        match = re.fullmatch(r"([a-z_]+)\.([a-z0-9_]+)=(.*)", setting, re.DOTALL)
        if match is None:
            raise InvalidRequest(f"--set {setting}: must read STAGE.FIELD=VALUE, for example collide.voxel_size=0.04.")
        stage, name, text = match.groups()
        parsed.setdefault(stage, {})[name] = _value(text)
    return parsed


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
        unusual = isinstance(value, int | float) and json.dumps(value) != text
    except (ValueError, RecursionError):
        return text
    return text if unusual else value
