"""See whether tilted, scaled and shifted copies of known scenes come back, and whether the stated uncertainty is right.

    python tools/alignment_trials.py --seed 11 --copies 50                  every family of rooms and terrains
    python tools/alignment_trials.py --seed 11 --copies 20 --scenes kitchen,terrain
    python tools/alignment_trials.py --seed 11 --axes 1                     which of six axes is up, where none is given

Copies are tilted by up to 20 degrees, turned about the vertical, scaled by 0.2 to 5 and shifted, at random. The scenes
are procedural ones and those of tools/known_scenes, with few Gaussians. Cues, each by itself: `points` (two points of
the scene 2 to 4 m apart, as the documents ask for, each picked 1 cm beside along every axis, and a length read to
0.5 %; standard deviations), `short` (the same 0.5 to 2 m apart), `class` (the height of a labelled door, read to 1 %),
`height` (one camera 1.2 to 1.8 m above the ground, read to 1 cm), `usual` (labels of doors, ceilings: nothing said),
`none` (no labels, nothing said).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.refine.alignment import AlignmentParams, levelled
from lyra_backend.refine.cues import FusedLength
from lyra_backend.refine.gravity import Gravity
from lyra_backend.refine.scale import find_scale, ruler_of
from lyra_backend.types import (
    UP_AXES,
    Camera,
    Frame,
    GaussianCloud,
    Generation,
    Intrinsics,
    Scale,
    SceneRequest,
    Similarity,
    look_at,
)
from lyra_backend.types.rotations import matrix_from_quat

Floats = npt.NDArray[np.float64]

PROMPTS = {
    "kitchen": "a kitchen",
    "living_room": "a living room",
    "office": "an office",
    "corridor": "a corridor",
    "workshop": "a workshop",
    "warehouse": "a warehouse",
    "bathroom": "a bathroom",
    "bedroom": "a bedroom",
    "street": "a street",
    "terrain": "a forest path",
}
KNOWN = ("known_room", "known_rooms", "known_optimised", "known_street", "known_terrain")
OUTDOORS = ("street", "terrain", "known_street", "known_terrain")
#: Within 0.3 m and on the whole: what is higher than a kerb in a street is a thing and not ground [m].
_RELIEF = {"street": (0.2, 0.3), "known_street": (0.2, 0.3), "terrain": (0.2, 1.0), "known_terrain": (0.2, 1.0)}
CUES = ("points", "short", "class", "height", "usual", "none")
#: How far apart the ends of rulers are [m]: of users who know that 2 m are needed for 2 %, and of those who do not.
RULERS = {"points": (2.0, 4.0), "short": (0.5, 2.0)}
GAUSSIANS = 20_000
#: With fewer Gaussians on doors a ruler by class is refused.
LEAST_LABELS = 60
#: What is near enough.
NEAR_DEG, NEAR_SHARE = 0.5, 0.02
_LENS = Intrinsics.from_fov(64, 64, 90.0)


@dataclass(frozen=True)
class Known:
    """A scene in metres, Z up: Gaussians, and vertices (V, 3) and triangles (F, 3) of its surface.

    `door_m` is how high its labelled doors are, None without any.
    """

    cloud: GaussianCloud
    vertices: Floats
    triangles: npt.NDArray[np.integer]
    door_m: float | None


@dataclass(frozen=True)
class Trial:
    """What came out of one copy: errors, what was stated (None: unknown), and whether it would be accepted."""

    tilt_error_deg: float
    tilt_stated_deg: float
    scale_error: float
    scale_stated: float | None
    accepted: bool


def procedural_scene(family: str, seed: int) -> Known:
    """Return a scene of the procedural generator, without baked light."""
    from lyra_backend.generate import procedural

    params = procedural.Params(gaussian_count=GAUSSIANS, bake_light=False)
    made = procedural.run(SceneRequest(prompt=PROMPTS[family], seed=seed), params, Progress()).value
    mesh = made.truth
    assert mesh is not None
    starts = np.cumsum([0, *(len(part.vertices) for part in mesh.parts)])
    vertices = np.concatenate([part.vertices for part in mesh.parts]).astype(np.float64)
    triangles = np.concatenate([p.triangles + start for p, start in zip(mesh.parts, starts, strict=False)])
    kinds = np.concatenate([part.class_ids for part in mesh.parts])
    doors = [k for k, name in enumerate(mesh.class_names) if name == "door"]
    own = vertices[triangles[np.isin(kinds, doors)].ravel(), 2]
    labels = made.cloud.class_ids
    if labels is None or np.isin(labels, doors).sum() < LEAST_LABELS:
        own = own[:0]
    cloud = replace(made.cloud, sh=made.cloud.sh[:, :1], frame=Frame.GENERATOR)
    return Known(cloud, vertices, triangles, float(np.ptp(own)) if len(own) else None)


def known_scene(kind: str, seed: int) -> Known:
    """Return a scene of tools/known_scenes: with noise, holes and floaters, and no labels."""
    import trimesh
    from known_scenes import files

    from lyra_backend.io.ply import read_ply

    with TemporaryDirectory() as folder:
        files.make(Path(folder), "scene", kind.removeprefix("known_"), np.random.default_rng([seed, KNOWN.index(kind)]))
        cloud = read_ply(Path(folder) / "scene.ply").value
        mesh = trimesh.load_mesh(Path(folder) / "scene_gt.ply", process=False)
    some = np.random.default_rng(seed).choice(cloud.count, min(cloud.count, GAUSSIANS), replace=False)
    return Known(cloud.select(np.sort(some)), np.asarray(mesh.vertices), np.asarray(mesh.faces), None)


def random_similarity(rng: np.random.Generator) -> Similarity:
    """Return a tilt of up to 20 degrees after any turn about the vertical, a scale of 0.2 to 5, and a shift."""
    tilt, way, turn = np.radians(rng.uniform(0, 20)), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    tilting = matrix_from_quat(
        np.array([np.cos(tilt / 2), *(np.sin(tilt / 2) * np.array([np.cos(way), np.sin(way), 0]))])
    )
    turning = matrix_from_quat(np.array([np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)]))
    scale = float(np.exp(rng.uniform(np.log(0.2), np.log(5.0))))
    return Similarity.build(scale, tilting @ turning, rng.normal(size=3) * 3)


def trials(scene: Known, rng: np.random.Generator, copies: int, name: str) -> Iterator[tuple[str, Trial]]:
    """Yield what came out of each copy, by cue."""
    spots = free_spots(scene, rng, name)
    for _ in range(copies):
        similarity = random_similarity(rng)
        cloud = scene.cloud.transformed(similarity, Frame.GENERATOR)
        plain = replace(cloud, class_ids=None, class_names=("unknown",))
        level = levelled(Generation(plain, from_source=np.eye(4)), AlignmentParams(), True, None)
        for cue, generation, params in _cues(scene, plain, cloud, similarity, spots, rng):
            try:
                fused = find_scale(level.scene(generation), Scale(), params, ruler_of(params, 1.0))
            except InvalidRequest:  # doors are too small, or there is no ground: the scale stays unknown
                fused = None
            yield cue, _trial(similarity, level.gravity, fused)


def _two_points(scene: Known, rng: np.random.Generator, least: float, most: float) -> tuple[Floats, Floats]:
    """Return two Gaussians' centres that are `least` to `most` apart [m]."""
    points = scene.cloud.positions.astype(np.float64)
    while True:
        start = points[rng.integers(len(points))]
        apart = np.linalg.norm(points - start, axis=1)
        there = np.flatnonzero((apart > least) & (apart < most))
        if len(there):
            return start, points[rng.choice(there)]


def _cues(
    scene: Known,
    plain: GaussianCloud,
    labelled: GaussianCloud,
    similarity: Similarity,
    spots: Floats,
    rng: np.random.Generator,
) -> Iterator[tuple[str, Generation, AlignmentParams]]:
    """Yield what each cue gives: its name, the scene, parameters."""
    for cue, lengths in RULERS.items():
        yield cue, Generation(plain), AlignmentParams(ruler=_ruler(scene, similarity, rng, *lengths))
    if scene.door_m is not None:
        yield (
            "class",
            Generation(labelled),
            AlignmentParams(ruler=f"door {scene.door_m * (1 + rng.normal() * 0.01):.4f}"),
        )
    if len(spots):
        height, turn = rng.uniform(1.2, 1.8), rng.uniform(0, 2 * np.pi)
        eye = spots[rng.integers(len(spots))] + (0.0, 0.0, height)
        seen = Camera(_LENS, look_at(eye, eye + (np.cos(turn), np.sin(turn), 0.0))).transformed(similarity)
        yield "height", Generation(plain, (seen,)), AlignmentParams(camera_height=height + rng.normal() * 0.01)
    yield "usual", Generation(labelled), AlignmentParams()
    yield "none", Generation(plain), AlignmentParams()


def _ruler(scene: Known, similarity: Similarity, rng: np.random.Generator, least: float, most: float) -> str:
    """Return a ruler of `least` to `most` metres between two points of the copy, with the errors of a hand."""
    start, end = _two_points(scene, rng, least, most)
    length = float(np.linalg.norm(end - start)) * (1 + rng.normal() * 0.005)
    picked = similarity.apply(np.array([start, end]) + rng.normal(size=(2, 3)) * 0.01)
    return f"{' '.join(','.join(f'{v:.6g}' for v in point) for point in picked)} {length:.4f}"


def _trial(similarity: Similarity, gravity: Gravity, fused: FusedLength | None) -> Trial:
    truth = np.asarray(similarity.rotation)[:, 2]
    tilt = float(np.degrees(np.arccos(np.clip(gravity.up @ truth, -1.0, 1.0))))
    limits = AlignmentParams()
    upright = gravity.uncertainty_deg <= limits.max_gravity_uncertainty
    if fused is None:
        return Trial(tilt, gravity.uncertainty_deg, np.inf, None, False)
    wrong = abs(float(np.log(fused.scale * similarity.scale)))
    sure = fused.percent <= limits.max_scale_uncertainty
    return Trial(tilt, gravity.uncertainty_deg, wrong, fused.percent / 100, sure and upright)


def free_spots(scene: Known, rng: np.random.Generator, name: str) -> Floats:
    """Return up to 40 points of the ground (P, 3) with nothing within 0.3 m beside them up to 1.9 m."""
    # how much ground goes up and down within 0.3 m and on the whole: rooms are flat, streets have kerbs
    steepest, farthest = _RELIEF.get(name, (0.01, 0.02))
    low, high = np.quantile(scene.vertices, (0.02, 0.98), axis=0)
    spots = rng.uniform(low[:2] + 0.4, high[:2] - 0.4, (400, 2))
    ground = _ground_below(scene, spots)
    # not on furniture, crates or rocks: it goes on around
    around = [_ground_below(scene, spots + (x, y))[:, 2] for x, y in ((0.3, 0.0), (-0.3, 0.0), (0.0, 0.3), (0.0, -0.3))]
    step = np.abs(np.array(around) - ground[:, 2]).max(axis=0)
    off = np.abs(ground[:, 2] - np.nanmedian(ground[:, 2]))
    ground = ground[(step < steepest) & (off < farthest)]
    points = scene.cloud.positions
    free: list[Floats] = []
    for spot in ground:
        beside = np.linalg.norm(points[:, :2] - spot[:2], axis=1) < 0.3
        above = (points[:, 2] > spot[2] + 0.25) & (points[:, 2] < spot[2] + 1.9)
        if not (beside & above).any():
            free.append(spot)
    return np.asarray(free[:40], np.float64).reshape(-1, 3)


def _ground_below(scene: Known, spots: Floats) -> Floats:
    """Return the first points (P, 3) of the surface below 2 m at places (P, 2); their z is NaN where there is none."""
    from lyra_backend.kernels.mesh_distance import mesh_rays

    starts = np.concatenate([spots, np.full((len(spots), 1), 2.0)], axis=1)
    down = np.tile(np.array([0.0, 0.0, -1.0], np.float32), (len(spots), 1))
    hits = mesh_rays(
        scene.vertices.astype(np.float32), scene.triangles.astype(np.int32), starts.astype(np.float32), down
    )
    heights = np.where(hits.triangle >= 0, 2.0 - hits.distance, np.nan)
    return np.concatenate([spots, heights[:, None]], axis=1)


def table(rows: list[tuple[str, str, Trial]]) -> Iterator[str]:
    """Yield lines of a Markdown table: by cue, indoors and outdoors."""
    columns = ("cue", "scenes", "copies", "vertical within 0.5 deg", "covered", "scale within 2 %", "covered")
    yield f"| {' | '.join((*columns, 'median +-', 'unknown', 'accepted'))} |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for cue in CUES:
        for place in ("indoors", "outdoors"):
            some = [t for name, c, t in rows if c == cue and (name in OUTDOORS) == (place == "outdoors")]
            if some:
                yield _row(cue, place, some)


def _row(cue: str, place: str, some: list[Trial]) -> str:
    tilts = [t.tilt_error_deg < NEAR_DEG for t in some]
    covered = [t.tilt_error_deg <= t.tilt_stated_deg for t in some]
    known = [t for t in some if t.scale_stated is not None]
    near = [t.scale_error < NEAR_SHARE for t in known]
    held = [t.scale_error <= np.log1p(t.scale_stated or 0.0) for t in known]
    stated = f"{100 * np.median([t.scale_stated for t in known if t.scale_stated is not None]):.1f} %" if known else "-"
    shares = [_share(values) for values in (tilts, covered, near, held)]
    last = [_share([t.scale_stated is None for t in some]), _share([t.accepted for t in some])]
    return f"| {' | '.join([cue, place, str(len(some)), *shares, stated, *last])} |"


def _share(values: list[bool]) -> str:
    return f"{100 * np.mean(values):.0f} %" if values else "-"


def axis_trials(scene: Known, rng: np.random.Generator, copies: int) -> Iterator[tuple[str, str, float]]:
    """Yield (true axis, axis found, its probability) for copies that lie on a random side."""
    from lyra_backend.refine.upright import find_up_axis

    plain = replace(scene.cloud, class_ids=None, class_names=("unknown",))
    for _ in range(copies):
        axis = tuple(UP_AXES)[int(rng.integers(6))]
        lying = plain.transformed(random_similarity(rng).then(UP_AXES[axis].inverse()), Frame.GENERATOR)
        found = find_up_axis(lying, (), AlignmentParams().max_tilt)
        yield axis, found.axis, found.probability


def _load(name: str, seed: int) -> Known:
    return known_scene(name, seed) if name in KNOWN else procedural_scene(name, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seed", type=int, default=11, help="of scenes and copies")
    parser.add_argument("--copies", type=int, default=50, help="of each scene")
    parser.add_argument("--scenes", default=",".join((*PROMPTS, *KNOWN)))
    parser.add_argument("--axes", type=int, default=0, metavar="N", help="instead, N copies that lie on any side")
    options = parser.parse_args()
    rows: list[tuple[str, str, Trial]] = []
    axes: list[tuple[str, str, float]] = []
    every = (*PROMPTS, *KNOWN)
    for name in options.scenes.split(","):
        scene, rng = _load(name, options.seed), np.random.default_rng([options.seed, every.index(name)])
        if options.axes:
            axes += (found := list(axis_trials(scene, rng, options.axes)))
            print(f"{name}: {found}", file=sys.stderr, flush=True)
            continue
        own = [(name, cue, trial) for cue, trial in trials(scene, rng, options.copies, name)]
        rows += own
        worst = max(trial.tilt_error_deg for _, _, trial in own)
        print(f"{name}: {len(own)} trials, worst vertical {worst:.2f} deg", file=sys.stderr, flush=True)
    if axes:
        right, sure = [a == b for a, b, _ in axes], [p >= 0.9 for _, _, p in axes]
        wrong = sum(1 for (a, b, p) in axes if a != b and p >= 0.9)
        print(f"{len(axes)} copies: axis right {_share(right)}, sure {_share(sure)}, sure and wrong {wrong}")
    if rows:
        print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
