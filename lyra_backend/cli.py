"""The command ``lyra-scenegen``."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import Cancelled, InvalidRequest, LyraError

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Text, an RGB-D photo or a splat file in; a stage that a robot can stand, walk and see in out.\n\n"
    'Start with: **lyra-scenegen generate --prompt "a workshop with two benches" --out outputs/workshop**\n\n'
    "Exit codes: 0 accepted or done, 1 not accepted or failed, 2 bad usage or input, 130 cancelled.",
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.FIELD=VALUE", help="Change a parameter; repeatable. See `generators`."),
]
UpOption = Annotated[
    str | None,
    typer.Option(
        metavar="AXIS",
        help="Axis of the splat file that points up: z, -z, y, -y, x, -x. Captures mostly have -y, the default.",
    ),
]
ScaleOption = Annotated[float | None, typer.Option(help="Metres per unit of the splat file.")]


class ExitCode(int, Enum):
    OK = 0
    NOT_ACCEPTED = 1
    USAGE = 2
    CANCELLED = 130


@app.command()
def generate(
    prompt: Annotated[str | None, typer.Option(help='What the scene shows, "a kitchen with a red table".')] = None,
    image: Annotated[Path | None, typer.Option(help="A colour image; with --depth it is lifted to 3D.")] = None,
    depth: Annotated[
        Path | None, typer.Option(help="Metric depth of the image: 16-bit PNG [mm], .npy or .npz [m].")
    ] = None,
    intrinsics: Annotated[
        str | None, typer.Option(metavar="FX,FY,CX,CY|FILE.json", help="Pinhole intrinsics of the image [px].")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="A video, for generators that take one.")] = None,
    splat: Annotated[Path | None, typer.Option(help="An existing 3D Gaussian splat file.")] = None,
    up: UpOption = None,
    scale: ScaleOption = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; made if needed. Default: outputs/WHAT-SEED.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Source of all randomness: same request and seed, same bytes.")] = 0,
    preset: Annotated[str, typer.Option(help="draft, standard or large.")] = "standard",
    generator: Annotated[str | None, typer.Option(help="Generator; by default the one for the given inputs.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME|DIR", help="Model for generators with weights.")] = None,
    collider: Annotated[str, typer.Option(help="Collision method.")] = "surface",
    primitive: Annotated[
        str, typer.Option(metavar="NAME[,NAME]", help="How Gaussians are written.")
    ] = "particle_field",
    settings: SetOption = None,
    overwrite: Annotated[bool, typer.Option(help="Replace another run in --out.")] = False,
    force: Annotated[
        bool, typer.Option(help="Exit with 0 even if the scene is not accepted; recorded in the report.")
    ] = False,
    as_json: JsonFlag = False,
    debug: Annotated[bool, typer.Option(help="Show log lines and tracebacks.")] = False,
) -> None:
    """Make a scene: Gaussians, colliders, USD stage, pictures and a report."""
    from .io.intrinsics import intrinsics_text
    from .types import SceneRequest

    extra = {"up": up, "scale": scale, "intrinsics": intrinsics_text(intrinsics) if intrinsics else None}
    params = _parse_settings(settings)
    generate_params = params.setdefault("generate", {})
    generate_params |= {k: v for k, v in extra.items() if v is not None}
    request = SceneRequest(
        prompt=prompt,
        image=_text(image),
        depth=_text(depth),
        video=_text(video),
        splat=_text(splat),
        generator=generator,
        model=model,
        seed=seed,
        preset=preset,
        collider=collider,
        primitives=tuple(p.strip() for p in primitive.split(",")),
        params={k: v for k, v in params.items() if v},
        force=force,
    )
    _generate(request, out or _default_out(request), overwrite, as_json)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A splat: .ply, .compressed.ply, .spz, .splat, .ksplat, .sog.")],
    target: Annotated[Path, typer.Argument(help="A splat, or .usdc, .usda, .usdz.")],
    primitive: Annotated[str, typer.Option(help="How Gaussians are written to USD.")] = "particle_field",
    up: Annotated[str | None, typer.Option(metavar="AXIS", help="Turn this axis of the file to Z up.")] = None,
    scale: Annotated[float | None, typer.Option(help="Multiply by this: metres per unit of the file.")] = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Turn a splat file into another format or into USD; no stage is made.

    Axes and units stay as they are without --up and --scale. USD files say Z up and metres, whatever was in them.
    """
    from . import api

    overrides = _parse_settings(settings).get("author", {})
    outcome = api.convert(source, target, primitive=primitive, up=up, scale=scale, overrides=overrides)
    _tell({"output": str(target), "counts": dict(outcome.counts), "findings": _plain(outcome.findings)}, as_json)


@app.command()
def collide(
    source: Annotated[Path, typer.Argument(help="A splat file.")],
    target: Annotated[
        Path, typer.Argument(help="A mesh: .obj, .ply, .glb; or .usdc with physics. All keep the splat's axes.")
    ],
    up: UpOption = None,
    scale: ScaleOption = None,
    collider: Annotated[str, typer.Option(help="Collision method.")] = "surface",
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make colliders for a splat file, in the splat's own axes and units so that the two overlay."""
    from . import api
    from .console import Console

    with Console(quiet=as_json) as console:
        outcome = api.make_collider(
            source,
            target,
            up=up or "-y",
            scale=1.0 if scale is None else scale,
            collider=collider,
            overrides=_parse_settings(settings),
            listener=console.show,
            token=console.token,
        )
    error = {k: round(v, 5) for k, v in outcome.value.error_m.items()}
    data = {"output": str(target), "counts": dict(outcome.counts), "error_m": error}
    _tell({**data, "findings": _plain(outcome.findings)}, as_json)


@app.command()
def validate(
    path: Annotated[Path, typer.Argument(help="A run directory, or any USD stage.")],
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a scene in USD's own validators and in a real physics engine. Changes nothing."""
    from . import api
    from .console import Console
    from .types import Severity

    with Console(quiet=as_json) as console:
        overrides = _parse_settings(settings).get("validate", {})
        findings = api.validate_scene(path, overrides=overrides, listener=console.show, token=console.token)
    passed = not any(f.severity is Severity.ERROR for f in findings)
    _tell({"passed": passed, "findings": _plain(findings)}, as_json)
    raise typer.Exit(ExitCode.OK if passed else ExitCode.NOT_ACCEPTED)


@app.command()
def repeat(
    directory: Annotated[Path, typer.Argument(help="A finished run directory.")], as_json: JsonFlag = False
) -> None:
    """Run a finished run's request again and compare the results byte by byte."""
    from . import api
    from .console import Console

    with Console(quiet=as_json) as console:
        verdicts = api.repeat(directory, listener=console.show, token=console.token)
    same = all(v == "same" for v in verdicts.values())
    _tell({"identical": same, "files": verdicts}, as_json)
    raise typer.Exit(ExitCode.OK if same else ExitCode.NOT_ACCEPTED)


@app.command()
def generators(as_json: JsonFlag = False) -> None:
    """List generators, colliders and primitives with their parameters (for --set), and the presets."""
    from .catalog import describe
    from .console import print_catalog

    if as_json:
        _tell(describe(), as_json)
    else:
        print_catalog(describe())


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Say what is installed, which device is used, what is missing, and the line that installs it."""
    from .doctor import examine

    _tell(examine(), as_json)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error becomes one clear message and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    logging.basicConfig(level=logging.INFO if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        app(words, standalone_mode=True)
    except (LyraError, KeyboardInterrupt) as error:
        if debug:
            logging.exception("Failed")
        sys.stderr.write(f"lyra-scenegen: {error or 'cancelled'}\n")
        sys.exit(_exit_code(error))


def _exit_code(error: BaseException) -> ExitCode:
    if isinstance(error, Cancelled | KeyboardInterrupt):
        return ExitCode.CANCELLED
    return ExitCode.USAGE if isinstance(error, InvalidRequest) else ExitCode.NOT_ACCEPTED


def _generate(request: Any, out: Path, overwrite: bool, as_json: bool) -> None:
    from . import api
    from .console import Console

    with Console(quiet=as_json) as console:
        result = api.generate_scene(request, out, overwrite=overwrite, listener=console.show, token=console.token)
        if not as_json:
            console.scene_summary(result.directory, result.report, result.reused)
    if as_json:
        sys.stdout.write(json.dumps({"directory": str(out), **result.report.to_json()}, indent=2) + "\n")
    accepted = result.report.accepted or request.force
    raise typer.Exit(ExitCode.OK if accepted else ExitCode.NOT_ACCEPTED)


def _tell(data: Any, as_json: bool) -> None:
    """Print a result: JSON for scripts, tables and sentences for people."""
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    from .console import print_result

    print_result(data)


def _plain(findings: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(f) for f in findings]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _parse_settings(settings: list[str] | None) -> dict[str, dict[str, Any]]:
    """Turn ``["collide.voxel_size=0.04"]`` into ``{"collide": {"voxel_size": 0.04}}``."""
    parsed: dict[str, dict[str, Any]] = {}
    for setting in settings or []:
        match = re.fullmatch(r"([a-z_]+)\.([a-z0-9_]+)=(.*)", setting)
        if match is None:
            raise InvalidRequest(f"--set {setting}: must read STAGE.FIELD=VALUE, for example collide.voxel_size=0.04.")
        stage, name, value = match.groups()
        try:
            parsed.setdefault(stage, {})[name] = json.loads(value)
        except json.JSONDecodeError:
            parsed.setdefault(stage, {})[name] = value
    return parsed


def _default_out(request: Any) -> Path:
    what = request.prompt or Path(request.splat or request.image or request.video).stem
    slug = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")[:40].strip("-") or "scene"
    return Path("outputs") / f"{slug}-{request.seed}"
