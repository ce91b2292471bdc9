"""The command ``lyra-scenegen``."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .atlas_cli import atlas
from .batch_cli import batch
from .errors import InvalidRequest
from .exits import ExitCode, explain
from .options import (
    AcceptOption,
    CameraHeightOption,
    ColliderOption,
    Command,
    JsonFlag,
    MemoryOption,
    ReplaceFlag,
    RulerOption,
    ScaleOption,
    SetOption,
    SplatArgument,
    UpOption,
    VramOption,
    add_measures,
    add_memory_limit,
    camera_sizes,
    chosen_primitives,
    parse_settings,
    take_files,
    with_generator_options,
)
from .robots_cli import AssetsOption, CountOption, RobotFileOption, RobotOption, add_robots, robots
from .service_cli import serve, watch
from .usage import PROGRAM, is_help, refusal
from .vary_cli import varied_json, vary
from .view_cli import view
from .weights_cli import app as weights_app

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


def _print_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        sys.stdout.write(f"lyra-scenegen {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show log lines and tracebacks. May stand after the command too.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")


@app.command(cls=Command)
def generate(
    prompt: Annotated[str | None, typer.Option(help='What the scene shows, "a kitchen with a red table".')] = None,
    image: Annotated[Path | None, typer.Option(help="A colour image; with --depth it is lifted to 3D.")] = None,
    depth: Annotated[
        Path | None, typer.Option(help="Metric depth of the image: 16-bit PNG [mm], .npy or .npz [m].")
    ] = None,
    intrinsics: Annotated[
        str | None, typer.Option(metavar="FX,FY,CX,CY|FILE.json", help="Pinhole intrinsics of the image or video [px].")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="A video, for generators that take one.")] = None,
    splat: Annotated[
        Path | None, typer.Option(help="An existing 3D Gaussian splat file: {splats}; or a folder, one for each time.")
    ] = None,
    up: UpOption = None,
    scale: Annotated[
        float | None, typer.Option(help="Metres per unit of the splat file, or of the depth of an image or video.")
    ] = None,
    ruler: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="A length measured in the scene of a file: 'x1,y1,z1 x2,y2,z2 2.03' (two points in the file's "
            "coordinates and metres; best 2 m or more), or 'door 2.03' (a labelled class and its height).",
        ),
    ] = None,
    camera_height: CameraHeightOption = None,
    world: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="What Marble's API says of the splat: scale and ground.")
    ] = None,
    collider_glb: Annotated[
        Path | None,
        typer.Option(metavar="FILE.glb", help="A collider of the splat, to compare with or for --collider supplied."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; made if needed. Default: outputs/WHAT-SEED.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Source of all randomness: same request and seed, same bytes.")] = 0,
    preset: Annotated[str, typer.Option(metavar="NAME", help="Named defaults: {presets}.")] = "standard",
    generator: Annotated[
        str | None, typer.Option(metavar="NAME", help="{generators}; by default the one for the given inputs.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Model for generators with weights: {models}, or a folder.")
    ] = None,
    collider: ColliderOption = "surface",
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="Things that stand free are rigid bodies that can be pushed (experimental)."),
    ] = False,
    primitive: Annotated[
        str | None,
        typer.Option(metavar="NAME[,NAME]", help="How Gaussians are written: {primitives}. Default: particle_field."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="isaac5|isaac6|both", help="The Isaac Sim to open it in, instead of --primitive."
        ),
    ] = None,
    keep_splat: Annotated[
        bool, typer.Option("--keep-splat", help="Also leave the Gaussians as gaussians.ply, Z up and in metres.")
    ] = False,
    mjcf: Annotated[
        bool,
        typer.Option("--mjcf", help="Also leave scene.xml for MuJoCo: convex pieces, or heights of ground that rolls."),
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="all|train", help="What to leave: train is what training without splats needs, below 10 MB."
        ),
    ] = None,
    package: Annotated[
        str | None, typer.Option(metavar="usdz", help="Also the whole scene as one file, scene.usdz.")
    ] = None,
    light_variants: Annotated[
        int, typer.Option(metavar="N", help="Also N random lights, in the variant set light of stage.usda.")
    ] = 0,
    variations: Annotated[
        int, typer.Option(metavar="N", help="Also N variations of the scene, as `lyra-scenegen vary` makes them.")
    ] = 0,
    robot: RobotOption = None,
    count: CountOption = None,
    robot_file: RobotFileOption = None,
    assets_root: AssetsOption = None,
    memory_limit: MemoryOption = None,
    accept: AcceptOption = None,
    settings: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another run in --out.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Exit with 0 even if the scene is not accepted; recorded in the report.")
    ] = False,
    vram: VramOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check request, models and devices, say what it will take, make nothing."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a scene: Gaussians, colliders, USD stage, pictures and a report."""
    from .types import SceneRequest

    params = parse_settings(settings)
    files = take_files(params, {"world": _text(world), "collider_glb": _text(collider_glb)})
    add_memory_limit(params, memory_limit)
    add_measures(params, ruler, camera_height)
    if dynamic:
        params.setdefault("collide", {})["dynamic"] = True
    if keep_splat:
        params.setdefault("author", {})["keep_splat"] = True
    if mjcf:
        params.setdefault("author", {})["mjcf"] = True
    given = {"package": package, "keep": keep}
    if author := {name: value for name, value in given.items() if value is not None}:
        params.setdefault("author", {}).update(author)
    if light_variants:
        params.setdefault("author", {})["light_variants"] = light_variants
    if accept is not None:
        params.setdefault("validate", {})["accept"] = accept
    add_robots(params, robot, count, robot_file, assets_root)
    request = SceneRequest(
        prompt=prompt,
        image=_text(image),
        depth=_text(depth),
        video=_text(video),
        splat=_text(splat),
        **files,
        generator=generator,
        model=model,
        seed=seed,
        preset=preset,
        collider=collider,
        primitives=chosen_primitives(primitive, version),
        params=params,
        force=force,
    )
    request = with_generator_options(request, up=up, scale=scale, intrinsics=intrinsics, vram=vram)
    if dry_run:
        _show_plan(request, as_json, variations)
    else:
        _generate(request, out or _default_out(request), overwrite, as_json, variations)


@app.command(cls=Command)
def convert(
    source: SplatArgument,
    target: Annotated[Path, typer.Argument(help="A splat file, or USD: {usd}.")],
    primitive: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How Gaussians are written to USD: {primitives}. Default: particle_field."),
    ] = None,
    up: Annotated[str | None, typer.Option(metavar="AXIS", help="Turn this axis of the file to Z up.")] = None,
    scale: Annotated[float | None, typer.Option(help="Multiply by this: metres per unit of the file.")] = None,
    ruler: RulerOption = None,
    settings: SetOption = None,
    overwrite: ReplaceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Turn a splat file into another format or into USD; no stage is made.

    Axes and units stay as they are without --up and --scale. USD files say Z up and metres, whatever was in them.
    """
    from . import api

    overrides = parse_settings(settings)
    outcome = api.convert(
        source,
        target,
        primitive=primitive,
        up=up,
        scale=scale,
        ruler=ruler,
        overwrite=overwrite,
        overrides=overrides,
    )
    _tell({"output": str(target), "counts": dict(outcome.counts), "findings": _plain(outcome.findings)}, as_json)


@app.command(cls=Command)
def collide(
    source: SplatArgument,
    target: Annotated[
        Path, typer.Argument(help="A file for the colliders: {meshes}; .usdc has physics. All keep the splat's axes.")
    ],
    up: UpOption = None,
    scale: ScaleOption = None,
    ruler: RulerOption = None,
    collider: ColliderOption = "surface",
    memory_limit: MemoryOption = None,
    settings: SetOption = None,
    overwrite: ReplaceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make colliders for a splat file, in the splat's own axes and units so that the two overlay.

    What `generate` adds for a stage (kerbs where the world ends, linings of solids, the floor below them) is left out.
    """
    from . import api
    from .console import Console

    overrides = parse_settings(settings)
    add_memory_limit(overrides, memory_limit)
    with Console(quiet=as_json) as console:
        outcome = api.make_collider(
            source,
            target,
            up=up,
            scale=scale,
            ruler=ruler,
            collider=collider,
            overwrite=overwrite,
            overrides=overrides,
            listener=console.show,
            token=console.token,
        )
    error = {k: round(v, 5) for k, v in outcome.value.error_m.items()}
    data = {"output": str(target), "counts": dict(outcome.counts), "error_m": error}
    _tell({**data, "findings": _plain(outcome.findings)}, as_json)


@app.command(cls=Command)
def validate(
    path: Annotated[Path, typer.Argument(help="A run directory, or any USD stage.")],
    accept: AcceptOption = None,
    settings: SetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a scene in USD's own validators and in a real physics engine. Changes nothing."""
    from . import api
    from .console import Console
    from .types import Severity

    overrides = parse_settings(settings)
    if accept is not None:
        overrides.setdefault("validate", {})["accept"] = accept
    with Console(quiet=as_json) as console:
        findings = api.validate_scene(path, overrides=overrides, listener=console.show, token=console.token)
    passed = not any(f.severity is Severity.ERROR for f in findings)
    _tell({"passed": passed, "findings": _plain(findings)}, as_json)
    raise typer.Exit(ExitCode.OK if passed else ExitCode.NOT_ACCEPTED)


@app.command(cls=Command)
def plan(
    path: Annotated[Path, typer.Argument(help="A run directory, or any USD stage.")],
    envs: Annotated[int, typer.Option(metavar="N", help="Environments side by side on one GPU.")],
    cameras: Annotated[
        str | None, typer.Option(metavar="WxH[,WxH]", help="Cameras of each environment [px]; none without.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what training in a scene will take of a GPU's memory, and how to set it up. Changes nothing."""
    from . import api
    from .console import print_training

    made = api.plan_training(path, envs=envs, cameras=camera_sizes(cameras))
    if as_json:
        _tell({**asdict(made), "counted_bytes": made.counted_bytes, "most_bytes": made.most_bytes}, as_json)
    else:
        print_training(made)


@app.command(cls=Command)
def repeat(
    directory: Annotated[Path, typer.Argument(help="A finished run directory.")], as_json: JsonFlag = False
) -> None:
    """Run a finished run's request again and compare the results byte by byte."""
    from . import api
    from .console import Console

    with Console(quiet=as_json) as console:
        outcome = api.repeat(directory, listener=console.show, token=console.token)
    same = all(verdict == "same" for verdict in outcome.value.values())
    files = outcome.value if as_json else {n: v for n, v in outcome.value.items() if v != "same"} or "all the same"
    _tell(
        {"identical": same, "compared": len(outcome.value), "files": files, "findings": _plain(outcome.findings)},
        as_json,
    )
    raise typer.Exit(ExitCode.OK if same else ExitCode.NOT_ACCEPTED)


@app.command(cls=Command)
def generators(as_json: JsonFlag = False) -> None:
    """List generators, colliders and primitives with their parameters (for --set), and the presets."""
    from .catalog import describe
    from .console import print_catalog

    if as_json:
        _tell(describe(), as_json)
    else:
        print_catalog(describe())


@app.command(cls=Command)
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Make the environment that workers run in, if it is missing or outdated.")
    ] = False,
    extra: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --fix: also install lyra-backend[NAME] there; repeatable."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what is installed, which device is used, what is missing, and the line that installs it."""
    from .doctor import examine

    if fix:
        _fix_workers(extra or [])
    elif extra:
        raise InvalidRequest("--extra: says what --fix shall install. Add --fix.")
    _tell(examine(), as_json)


def _fix_workers(extras: list[str]) -> None:
    from . import worker_environment as workers

    folder = workers.default_folder()
    if workers.is_current(folder) and not extras:
        return
    workers.make_environment(folder, _say, extras=sorted({"physics", "formats", *extras}))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


for face in (view, robots, vary, batch, atlas, serve, watch):  # after what people begin with
    app.command(cls=Command)(face)
app.add_typer(weights_app, name="weights")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error becomes one clear message and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    # One option of the whole program, which people write where the thought comes to them: at the end.
    words = [*(["--debug"] if debug else []), *(word for word in words if word != "--debug")]
    try:
        try:
            code = app(words, prog_name=PROGRAM, standalone_mode=False)
        finally:
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if is_help(error):
            sys.exit(ExitCode.USAGE)
        if debug:
            traceback.print_exc()
        sys.exit(explain(refusal(error, words), as_json="--json" in words))
    sys.exit(code or ExitCode.OK)


def _generate(request: Any, out: Path, overwrite: bool, as_json: bool, variations: int = 0) -> None:
    from .console import Console, print_scene

    with Console(quiet=as_json) as console:
        from . import api  # takes longer than anybody should wait for the first sign of life

        if variations:
            api.check_count(variations)
        result = api.generate_scene(request, out, overwrite=overwrite, listener=console.show, token=console.token)
        accepted = result.report.accepted or request.force
        varied = None
        if variations and accepted:
            varied = api.vary_scene(out, variations, overwrite=True, listener=console.show, token=console.token)
    if as_json:
        state = {"directory": str(out), "reused": result.reused, "outdated": result.outdated}
        own = {"variations": varied_json(out, varied)} if varied else {}
        _tell({**state, **result.report.to_json(), **own}, as_json)
    else:
        print_scene(result.directory, result.report, reused=result.reused, outdated=result.outdated)
        if varied:
            _tell(varied_json(out, varied), as_json)
    accepted = accepted and (varied is None or varied_json(out, varied)["accepted"])
    raise typer.Exit(ExitCode.OK if accepted else ExitCode.NOT_ACCEPTED)


def _show_plan(request: Any, as_json: bool, variations: int) -> None:
    from . import api
    from .console import print_plan

    if variations:
        api.check_count(variations)
    plan = api.plan_scene(request)
    if as_json:
        _tell({"plugins": dict(plan.plugins), "parts": [asdict(part) for part in plan.parts]}, as_json)
    else:
        print_plan(plan.plugins, plan.parts)


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


def _default_out(request: Any) -> Path:
    what = request.prompt or Path(request.splat or request.image or request.video).stem
    slug = re.sub(r"[^a-z0-9]+", "-", what.lower()).strip("-")[:40].strip("-") or "scene"
    return Path("outputs") / f"{slug}-{request.seed}"
