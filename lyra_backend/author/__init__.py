"""Write a scene as USD: Gaussians, colliders, a stage to open, and where everything comes from.

Does: write the files a run leaves behind, the same bytes for the same scene. Does not: compute or change anything of
the scene. Ways to write Gaussians are plugins of this package, one file each; one whose file has a variant set "detail"
names its variants by ``levels(params)``, all of the Gaussians first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .. import registry
from ..errors import InvalidRequest, shown
from ..io.navigation_files import save_navigation
from ..io.ply import write_ply
from ..io.splat_sequence import SEQUENCE_FILE
from ..params import param
from ..progress import Progress
from ..types import Finding, Frame, GaussianSequence, Outcome, SceneBundle, Severity
from .appearance import (
    AUTO,
    MESH_VARIANT,
    NONE,
    PROXY,
    catcher_settings,
    check_catcher,
    check_shown,
    looks,
    selected,
    wanted,
    written_as,
)

if TYPE_CHECKING:
    from .robots import PlacedRobot
    from .stage import ProxyLook
    from .time_codes import TimeCodes

__all__ = ["SPLAT_FILE", "Params", "check_shown", "run"]

#: The Gaussians once more, where a user asked for them.
SPLAT_FILE = "gaussians.ply"
_ALL, _TRAIN = "all", "train"
#: What a scene to train in should take on disk; thousands of them are copied to every machine.
_TRAIN_MB = 10.0


@dataclass(frozen=True)
class Params:
    """What the stage shows, and the friction of its colliders."""

    appearance: str = param(
        AUTO,
        "What is shown: the first primitive (auto), particleField, nurec, the exact surface where it is known (mesh), "
        "labelled meshes in place of the Gaussians, for depth, normals, segmentation and lidar (proxy), or none; with "
        "none no Gaussians are written at all.",
        choices=(AUTO, "particleField", "nurec", "mesh", PROXY, NONE),
    )
    static_friction: float = param(1.0, "Static friction of every collider.", min=0.0, max=10.0)
    dynamic_friction: float = param(1.0, "Dynamic friction of every collider.", min=0.0, max=10.0)
    keep_splat: bool = param(
        False,
        "Also leave the Gaussians as gaussians.ply (3DGS, Z up, metres), for other programs and for convert; those of "
        "a scene that moves at every time.",
    )
    light_variants: int = param(
        0,
        "Lights to make up beside the scene's own, in the variant set light of stage.usda, for randomisation.",
        min=0,
        max=256,
    )
    shadow_catcher: bool = param(
        False,
        "With the primitive nurec: let the collider catch shadows as a matte object of Kit, which NuRec volumes do "
        "not. Never run; it hides a dome's picture. Particle fields need none.",
    )
    package: str = param(
        NONE,
        "The whole scene once more as one file: usdz (scene.usdz), or none.",
        choices=(NONE, "usdz"),
    )
    keep: str = param(
        _ALL,
        "What a run leaves: all, or what training without pictures of the scene needs (train): no Gaussians, no exact "
        "surface, no proxy unless it is what is shown, one preview.",
        choices=(_ALL, _TRAIN),
    )
    robots: str = param(
        "",
        "Robots that stand in stage.usda: names, separated by commas, of those that place looks for; none without.",
    )
    robot_count: int = param(1, "How many of each of these robots.", min=1, max=4096)
    assets_root: str = param(
        "",
        "What the robots' assets are relative to: a URL, or the absolute path of a folder on the machine that opens "
        "the stage. Empty: where NVIDIA publishes the assets of the version of Isaac Sim that the stage is for.",
    )
    mjcf: bool = param(
        False,
        "Also leave scene.xml for MuJoCo: convex pieces, made where the collider has none, and a height field "
        "of ground that rolls; of the collider heightfield that alone.",
    )
    restitution: float = param(0.0, "Bounce of every collider: 0 none, 1 full.", min=0.0, max=1.0)

    def __post_init__(self) -> None:
        asked = "keep_splat" if self.keep_splat else f"appearance={self.appearance}"
        if self.trains and (self.keep_splat or self.appearance not in (AUTO, PROXY, NONE)):
            raise InvalidRequest(f"author.keep: train leaves no Gaussians, but {asked} asks for them. Leave one out.")
        if self.assets_root and "://" not in self.assets_root and not Path(self.assets_root).is_absolute():
            raise InvalidRequest(
                f"author.assets_root must be a URL or an absolute path, got {shown(self.assets_root)}: it is read "
                "where the stage is opened. Write it out in full."
            )

    @property
    def robot_names(self) -> tuple[str, ...]:
        """The robots that stand in the stage, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.robots.split(",") if name.strip()))

    @property
    def trains(self) -> bool:
        """Only what training needs is left."""
        return self.keep == _TRAIN


def run(bundle: SceneBundle, directory: Path, params: Params, progress: Progress) -> Outcome[tuple[str, ...]]:
    """Write everything about the scene into `directory`; return the names of the files.

    Raises:
        InvalidRequest: the cloud is not in the WORLD frame, or `params.appearance` names something that is not there,
            or shadows are to be caught where nothing can.
    """
    from . import collision, isaac_lab, mjcf, package, provenance, stage, surface_mesh
    from .time_codes import TimeCodes

    if bundle.cloud.frame is not Frame.WORLD:
        raise InvalidRequest(
            f"the scene must be in the WORLD frame (Z up, metres) to be authored, got {bundle.cloud.frame.value!r}; "
            "align and scale it first."
        )
    shown_as, files = wanted(params), written_as(params, bundle.primitives)
    colliders = collision.collider_paths(bundle.proxy) if bundle.proxy.parts else ()
    truth = bundle.truth if files else None
    appearance = selected(shown_as, looks(files, truth is not None), bool(colliders))
    check_catcher(params, files.values(), bool(collision.welded_paths(colliders)))
    gaussians = _write_gaussians(bundle, directory, files, progress.child(0.0, 0.8))
    counts, findings = dict(gaussians.counts), list(gaussians.findings)
    written = list(gaussians.value.values())
    proxy: stage.ProxyLook | None = None
    if colliders:
        material = collision.PhysicsMaterial(params.static_friction, params.dynamic_friction, params.restitution)
        path = directory / collision.FILE_NAME
        counts |= collision.write(bundle.proxy, path, material, progress.child(0.8, 0.87))
        written.append(collision.FILE_NAME)
        written += mjcf.write_mjcf(bundle.proxy, material, directory) if params.mjcf else ()
        if not params.trains or shown_as == PROXY:  # several times the size of all else that training needs
            proxy, proxy_counts = _write_proxy(bundle, directory, progress.child(0.87, 0.95))
            counts |= proxy_counts
            written += [proxy.file] if proxy.file else []
    else:
        findings.append(_no_colliders(bundle.proxy.method))
    progress(0.95, "writing the stage")
    if params.keep_splat:
        write_ply(directory / SPLAT_FILE, bundle.cloud)
        written.append(SPLAT_FILE)
        written += _write_sequence(bundle.sequence, directory) if bundle.sequence else []
    times = TimeCodes.of(bundle.sequence.times_s) if bundle.sequence else None
    shown = files.get(appearance) or next(iter(files.values()), "")
    settings = _render_settings(shown, params.shadow_catcher) if shown else {}
    switches = collision.variants(bundle.proxy) if colliders else {}
    visuals = {
        variant: stage.Visual(
            file,
            getattr(_primitive(files[variant]), "PROXY_RELATIONSHIP", ""),
            params.shadow_catcher,
            levels=_levels(files[variant], bundle.primitives[files[variant]]),
        )
        for variant, file in gaussians.value.items()
    }
    if truth is not None:
        written.append(surface_mesh.write_surface(truth, directory))
        visuals[MESH_VARIANT] = stage.Visual(written[-1], prim_name=surface_mesh.PRIM_NAME)
    written.append(
        stage.write_scene(
            directory, visuals, colliders, switches, appearance, settings, times, proxy, bundle.navigation
        )
    )
    lights = stage.Lights(bundle.light, bundle.environment, params.light_variants, bundle.seed)
    robots = _placed_robots(bundle, params)
    counts |= robots.counts
    findings += robots.findings
    root = _assets_root(bundle.primitives, params)  # also where no Gaussians are left, to train in
    written += stage.write_stage(directory, settings, lights, times, robots=robots.value, assets_root=root)
    written += _write_version_stages(directory, files, params, times, robots.value)
    written += isaac_lab.write_isaac_lab(directory) if colliders else ()
    if params.package != NONE:
        progress(0.97, "writing the package")
        written.append(package.write_scene_package(directory))
    made_with = {"collider": bundle.proxy.method, "primitives": list(bundle.primitives)}
    written.append(provenance.write_provenance({**bundle.provenance, **made_with}, directory))
    written.append(provenance.write_licenses(bundle.provenance, directory))
    if bundle.navigation is not None:
        written += save_navigation(bundle.navigation, directory)
    if params.trains:
        findings += _train_size(directory, written)
    progress(1.0, f"wrote {len(written)} files")
    return Outcome(tuple(written), {**counts, "files": len(written)}, tuple(findings))


def _placed_robots(bundle: SceneBundle, params: Params) -> Outcome[tuple[PlacedRobot, ...]]:
    """Choose places for the robots that are asked for, and say what cannot be put down."""
    from .robots import choose_places, missing_assets

    if not params.robot_names:
        return Outcome(())
    chosen = choose_places(bundle.navigation, params.robot_names, params.robot_count)
    # what is behind a URL is not looked for, so the version does not matter here
    absent = missing_assets(chosen.value, _assets_root((), params))
    return replace(chosen, findings=(*chosen.findings, *absent))


def _assets_root(primitives: Iterable[str], params: Params, version: int = 0) -> str:
    """Return what assets of robots are relative to, by default in the version that the first primitive is for."""
    from .robots import ASSETS_ROOTS

    first = next((getattr(_primitive(name), "ISAAC_SIM", 0) for name in primitives), 0)
    return params.assets_root or ASSETS_ROOTS.get(version or first, ASSETS_ROOTS[max(ASSETS_ROOTS)])


def _write_version_stages(
    directory: Path,
    files: Mapping[str, str],
    params: Params,
    times: TimeCodes | None,
    robots: tuple[PlacedRobot, ...],
) -> list[str]:
    """Write a root layer for each version of Isaac Sim that one of the primitives, given by variant, is for."""
    from .stage import EXPOSURE_SETTINGS
    from .version_stage import write_version_stage

    versions = {getattr(_primitive(name), "ISAAC_SIM", 0): (variant, name) for variant, name in files.items()}
    written = []
    for version, (variant, name) in sorted(versions.items()):
        if version:
            settings = _render_settings(name, params.shadow_catcher) | EXPOSURE_SETTINGS
            root = _assets_root(files.values(), params, version)
            others = robots if root != _assets_root(files.values(), params) else ()
            written.append(write_version_stage(directory, version, variant, settings, times, others, root))
    return written


def _write_gaussians(
    bundle: SceneBundle, directory: Path, primitives: Mapping[str, str], progress: Progress
) -> Outcome[dict[str, str]]:
    """Let each primitive write its file; `primitives` and the result go by variant."""
    files: dict[str, str] = {}
    counts: dict[str, int | float] = {"gaussians": bundle.cloud.count}
    findings: list[Finding] = []
    for i, (variant, name) in enumerate(primitives.items()):
        part = progress.child(i / len(primitives), (i + 1) / len(primitives))
        outcome = _write_primitive(bundle, name, directory, part)
        files[variant] = outcome.value
        counts |= {f"{variant}_{key}": value for key, value in outcome.counts.items()}
        findings += outcome.findings
    return Outcome(files, counts, tuple(findings))


def _write_primitive(bundle: SceneBundle, name: str, directory: Path, progress: Progress) -> Outcome[str]:
    """Let a primitive write the scene at all times, or what it shows of it if it knows no time."""
    plugin, params = _primitive(name), bundle.primitives[name]
    if bundle.sequence is None:
        still: Outcome[str] = plugin.run(bundle.cloud, directory, params, progress)
        return still
    if hasattr(plugin, "run_sequence"):
        moving: Outcome[str] = plugin.run_sequence(bundle.sequence, directory, params, progress)
        return moving
    first: Outcome[str] = plugin.run(bundle.cloud, directory, params, progress)
    return replace(first, findings=(*first.findings, _static(name)))


def _write_proxy(bundle: SceneBundle, directory: Path, progress: Progress) -> tuple[ProxyLook, dict[str, int]]:
    """Write what shows surfaces in place of the Gaussians; return what the scene has to know of it, and counts."""
    from . import collision, proxy_mesh
    from .stage import ProxyLook
    from .surface_samples import SurfaceSamples

    samples = SurfaceSamples(bundle.cloud)
    counts = proxy_mesh.write(bundle.proxy, samples, directory / proxy_mesh.FILE_NAME, progress)
    moving = proxy_mesh.colors_of(collision.moving_shapes(bundle.proxy), samples)
    return ProxyLook(proxy_mesh.FILE_NAME if counts else "", moving), counts


def _write_sequence(sequence: GaussianSequence, directory: Path) -> list[str]:
    """Write the Gaussians of every time after the first as a splat file, and when all are so."""
    names = [SPLAT_FILE, *(f"gaussians_t{i:03d}.ply" for i in range(1, len(sequence.clouds)))]
    for i, name in enumerate(names[1:], 1):
        write_ply(directory / name, sequence.at(i))
    times = [{"file": name, "time_s": round(time, 6)} for name, time in zip(names, sequence.times_s, strict=True)]
    data = {"stable_identity": sequence.stable_identity, "times": times}
    (directory / SEQUENCE_FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return [*names[1:], SEQUENCE_FILE]


def _static(primitive: str) -> Finding:
    message = (
        f"The scene moves and {primitive!r} cannot: its variant shows the first time alone, whatever the others show. "
        "Moving scenes need the primitive particle_field."
    )
    return Finding("sequence.static_primitive", Severity.WARNING, message)


def _primitive(name: str) -> ModuleType:
    return registry.get("author", name)


def _levels(primitive: str, params: object) -> tuple[str, ...]:
    """Return the levels of detail that a primitive writes, all of the Gaussians first; none if it knows no levels."""
    plugin = _primitive(primitive)
    return tuple(plugin.levels(params)) if hasattr(plugin, "levels") else ()


def _render_settings(primitive: str, shadow_catcher: bool) -> dict[str, bool | int | str]:
    """Return what a primitive wants from the renderer of the root layer it is shown in."""
    own = dict(getattr(_primitive(primitive), "RENDER_SETTINGS", {}))
    return own | (catcher_settings(primitive) if shadow_catcher else {})


def _train_size(directory: Path, names: Iterable[str]) -> tuple[Finding, ...]:
    """Say how large the files for training are, where that is more than it should be."""
    size = sum((directory / name).stat().st_size for name in names) / 1e6
    if size <= _TRAIN_MB:
        return ()
    message = f"The files to train with take {size:.1f} MB; fewer triangles (collide.max_triangles) make them smaller."
    return (Finding("author.train_size", Severity.WARNING, message, size, _TRAIN_MB),)


def _no_colliders(method: str) -> Finding:
    message = f"The scene has no colliders (collider {method!r}): robots fall through it."
    return Finding("author.no_colliders", Severity.WARNING, message)
