"""Measure speed, memory and size of the commands users run; prints a Markdown table for docs/benchmarks.md.

    python tools/bench.py                     everything
    python tools/bench.py convert generate    some of it
    python tools/bench.py --runs 5 rate       more repeats

Each command runs in a process of its own; CPU seconds and peak memory are the operating system's figures for it
(POSIX only). Medians are quoted: on a shared machine wall seconds say little, CPU seconds more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

PROMPT = "a narrow warehouse aisle with six pallets and a red barrel"


@dataclass(frozen=True)
class Cost:
    """What one process used: wall and CPU time [s], peak resident memory [MB]."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    cost: Cost | None
    note: str = ""


#: Starts a command and writes down what it used. A process inherits the peak of memory of the one that starts it, and
#: this one has held whole clouds by then.
_STARTER = """
import json, os, sys, time
begin = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ), 0)
figures = (time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
with open(sys.argv[1], "w") as file:
    json.dump(figures, file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(arguments: list[str], environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end and return what it used.

    Raises:
        SystemExit: the command failed; benchmarks of failures are worth nothing.
    """
    with tempfile.NamedTemporaryFile() as used:
        starter = [sys.executable, "-c", _STARTER, used.name, *arguments]
        done = subprocess.run(
            starter, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")
        return Cost(*json.load(used))


def median(measure: Callable[[], Cost], runs: int) -> Cost:
    """Return the median of each figure over `runs` repeats."""
    costs = [measure() for _ in range(runs)]
    return Cost(*(statistics.median(getattr(c, f) for c in costs) for f in ("wall_s", "cpu_s", "peak_mb")))


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "lyra_backend", *words]


def write_random_ply(path: Path, count: int, sh_degree: int) -> None:
    """Write `count` Gaussians in a 6 x 5 x 3 m box as a 3DGS PLY."""
    from lyra_backend.io.ply import write_ply
    from lyra_backend.types import GaussianCloud
    from lyra_backend.types.rotations import normalise_quats

    rng = np.random.default_rng(0)
    sh = rng.normal(0, 0.2, (count, (sh_degree + 1) ** 2, 3)).astype(np.float32)
    cloud = GaussianCloud(
        rng.uniform(0, (6, 5, 3), (count, 3)).astype(np.float32),
        rng.lognormal(-4.6, 0.4, (count, 3)).astype(np.float32),
        normalise_quats(rng.normal(size=(count, 4)).astype(np.float32)),
        rng.uniform(0.1, 0.99, count).astype(np.float32),
        sh,
    )
    write_ply(path, cloud)


def bench_import(_: Path, runs: int) -> list[Row]:
    bare = median(lambda: run([sys.executable, "-c", "import numpy"]), runs)
    ours = median(lambda: run([sys.executable, "-c", "import lyra_backend"]), runs)
    return [Row("import lyra_backend", ours, f"import numpy alone: {bare.cpu_s:.2f} s CPU")]


def bench_convert(folder: Path, runs: int) -> list[Row]:
    source, package, rows = folder / "million.ply", folder / "million_nurec.usdz", []
    write_random_ply(source, 1_000_000, 3)
    back = folder / "back.ply"
    for title, start, target, options in (
        ("PLY to .usdc", source, folder / "million.usdc", ()),
        ("PLY to .usdz", source, folder / "million.usdz", ()),
        ("PLY to NuRec .usdz", source, package, ("--primitive", "nurec")),
        ("NuRec .usdz to PLY", package, back, ()),
    ):
        words = command("convert", str(start), str(target), "--overwrite", *options)
        cost = median(lambda words=words: run(words), runs)  # type: ignore[misc]
        rows.append(Row(f"convert 1 M SH-3 {title}, whole command", cost, f"{target.stat().st_size / 1e6:.0f} MB"))
    for file in (source, package, back):
        file.unlink()
    return rows


def bench_large(folder: Path, runs: int) -> list[Row]:
    """20 M Gaussians once, for they take gigabytes of disk; levels of detail of a room of 1 M."""
    source, target, rows = folder / "large.ply", folder / "large.usdc", []
    write_random_ply(source, 20_000_000, 0)
    for what, options in (("", ()), (" with two levels", ("--set", "author.levels=2"))):
        cost = run(command("convert", str(source), str(target), "--overwrite", *options))
        note = f"{target.stat().st_size / 1e6:.0f} MB; the Gaussians alone are 1120 MB"
        rows.append(Row(f"convert 20 M SH-0 PLY to .usdc{what}, whole command", cost, note))
    source.unlink()
    write_rooms(source, 4)
    for what, options in (("", ()), (" with two levels", ("--set", "author.levels=2"))):
        words = command("convert", str(source), str(target), "--overwrite", *options)
        cost = median(lambda words=words: run(words), runs)  # type: ignore[misc]
        rows.append(Row(f"convert rooms of 1 M SH-0 to .usdc{what}, whole command", cost))
    for file in (source, target):
        file.unlink()
    return rows


def bench_generate(folder: Path, runs: int) -> list[Row]:
    """Cold processes; once with an empty kernel cache to tell what compiling adds."""
    seeds = iter(range(1000))

    def once(**environment: str) -> Cost:
        out = folder / f"scene{next(seeds)}"
        return run(command("generate", "--prompt", PROMPT, "--out", str(out)), environment)

    first = once(WARP_CACHE_PATH=str(folder / "kernels"))
    warm = median(once, runs)
    size = sum(p.stat().st_size for p in (folder / "scene1").rglob("*") if p.is_file()) / 1e6
    stages = json.loads((folder / "scene1" / "timings.json").read_text())["stages"]
    parts = ", ".join(f"{s['stage']} {s['wall_s']:.1f}" for s in stages)
    return [
        Row("generate, procedural, 500 k Gaussians", warm, f"{size:.1f} MB on disk; wall s by stage: {parts}"),
        Row("the same with an empty kernel cache", first, f"compiling adds {first.wall_s - warm.wall_s:.0f} s wall"),
    ]


def bench_rate(folder: Path, runs: int) -> list[Row]:
    """Scenes per hour of one process in a loop; acceptance is counted, not assumed."""
    rows = []
    for what, settings in (("with splats", "{}"), ("collider only", '{"author": {"appearance": "none"}}')):
        script = (
            "import json, sys, time, lyra_backend as lyra\n"
            f"done = []\nfor seed in range({max(3, runs)}):\n"
            "    begin = time.perf_counter()\n"
            f"    request = {{'prompt': {PROMPT!r}, 'seed': seed, 'params': json.loads({settings!r})}}\n"
            f"    result = lyra.generate_scene(request, sys.argv[1] + f'/rate{{seed}}', overwrite=True)\n"
            "    done.append((time.perf_counter() - begin, result.report.accepted))\n"
            "open(sys.argv[1] + '/rate.json', 'w').write(json.dumps(done))\n"
        )
        cost = run([sys.executable, "-c", script, str(folder)])
        done = json.loads((folder / "rate.json").read_text())
        accepted = sum(ok for _, ok in done)
        rate = 3600 * accepted / sum(seconds for seconds, _ in done)
        typical = 3600 / statistics.median(seconds for seconds, _ in done)
        counted = f"{accepted} of {len(done)} accepted; median pace {typical:.0f} per hour"
        note = f"{rate:.0f} accepted scenes per hour ({counted})"
        rows.append(Row(f"{len(done)} scenes in a loop, {what}", cost, note))
    return rows


def bench_collide(folder: Path, runs: int) -> list[Row]:
    scene = folder / "collide-scene"
    run(command("generate", "--prompt", PROMPT, "--preset", "large", "--out", str(scene)))
    source = folder / "room.ply"
    script = (
        "import sys; from pathlib import Path; from lyra_backend.io.ply import write_ply\n"
        "from lyra_backend.validate.usd_cloud import read_cloud as read\n"
        "write_ply(Path(sys.argv[2]), read(Path(sys.argv[1])))"
    )
    run([sys.executable, "-c", script, str(scene / "gaussians.usdc"), str(source)])
    cost = median(
        lambda: run(command("collide", str(source), str(folder / "room.obj"), "--up", "z", "--overwrite")), runs
    )
    return [Row("collide, 1 M Gaussians, 5 cm voxels", cost)]


def write_rooms(path: Path, rooms: int, per_room: int = 250_000) -> None:
    """Write a row of rooms of 6 x 5 x 3 m with a crate in each as a 3DGS PLY; 2 % of the Gaussians float."""
    from lyra_backend.io.ply import write_ply
    from lyra_backend.types import GaussianCloud
    from lyra_backend.types.rotations import normalise_quats

    rng, half = np.random.default_rng(1), np.sqrt(0.5)
    solids = [((0.0, 0.0, 0.0), (6.0, 5.0, 3.0)), ((2.0, 2.0, 0.0), (3.0, 2.8, 0.7))]
    turns = {0: (half, 0.0, half, 0.0), 1: (half, half, 0.0, 0.0), 2: (1.0, 0.0, 0.0, 0.0)}
    # corner, two sides and the axis across of every face
    faces = []
    for low, high in np.asarray(solids):
        x, y, z = np.diag(high - low)
        faces += [(low, x, y, 2), (low + z, x, y, 2), (low, x, z, 1), (low + y, x, z, 1), (low, y, z, 0)]
        faces += [(low + x, y, z, 0)]
    areas = np.array([np.linalg.norm(np.cross(u, v)) for _, u, v, _ in faces])
    spacing = np.sqrt(areas.sum() / per_room)
    clouds = []
    for room in range(rooms):
        face = rng.choice(len(faces), per_room, p=areas / areas.sum())
        corner, u, v = (np.array([f[k] for f in faces])[face] for k in range(3))
        across = np.array([f[3] for f in faces])[face]
        points = corner + rng.random((per_room, 1)) * u + rng.random((per_room, 1)) * v
        points += np.eye(3)[across] * rng.normal(0, 0.003, (per_room, 1))
        quats = np.array([turns[axis] for axis in range(3)])[across]
        scales = np.column_stack([spacing * rng.lognormal(-0.1, 0.35, (per_room, 2)), np.full(per_room, 0.003)])
        floats = slice(0, per_room // 50)
        points[floats] = rng.uniform(0, (6.0, 5.0, 3.0), (per_room // 50, 3))
        scales[floats] = rng.lognormal(-4.4, 0.6, (per_room // 50, 3))
        opacities = np.clip(rng.normal(0.9, 0.08, per_room), 0.05, 0.99)
        opacities[floats] = rng.uniform(0.02, 0.6, per_room // 50)
        points += (room * 6.2, 0, 0)
        cloud = GaussianCloud(
            positions=points.astype(np.float32),
            scales=scales.astype(np.float32),
            quats_wxyz=normalise_quats(quats).astype(np.float32),
            opacities=opacities.astype(np.float32),
            sh=np.zeros((per_room, 1, 3), np.float32),
        )
        clouds.append(cloud)
    write_ply(path, GaussianCloud.concatenate(clouds))


def bench_bounds(folder: Path, runs: int) -> list[Row]:
    """CPU seconds and memory of `collide` for each million Gaussians, and whether they grow in proportion."""
    source, costs = folder / "rooms.ply", {}
    for millions in (0.5, 1, 2):
        write_rooms(source, round(4 * millions))
        costs[millions] = median(
            lambda: run(command("collide", str(source), str(folder / "rooms.obj"), "--up", "z", "--overwrite")), runs
        )
    source.unlink()
    rows = [Row(f"collide, {m:g} M Gaussians in {4 * m:.0f} rooms", cost) for m, cost in costs.items()]
    low, middle, high = costs.values()

    def slope(figure: str) -> str:
        first = 2 * (getattr(middle, figure) - getattr(low, figure))
        return f"{first:.2f} from 0.5 to 1 M, {getattr(high, figure) - getattr(middle, figure):.2f} from 1 to 2 M"

    note = f"CPU s: {slope('cpu_s')}; MB: {slope('peak_mb')}"
    return [*rows, Row("each further million", None, note)]


def write_moving_room(folder: Path, frames: int, moving: int = 40_000) -> None:
    """Write a room of 200 k Gaussians with a box that is carried 1 m along x, a 3DGS PLY for each of `frames` times."""
    from lyra_backend.io.ply import read_ply, write_ply
    from lyra_backend.types import GaussianCloud

    folder.mkdir()
    write_rooms(folder / "room.ply", 1, 200_000 - moving)
    room = read_ply(folder / "room.ply").value
    (folder / "room.ply").unlink()
    rng = np.random.default_rng(2)
    places = rng.random((moving, 3)).astype(np.float32)
    side = np.arange(moving) % 6
    places[np.arange(moving), side // 2] = side % 2  # onto the sides of a cube
    box = GaussianCloud(
        np.array([1.0, 3.5, 0.3], np.float32) + np.float32(0.6) * places,
        np.full((moving, 3), 0.004, np.float32),
        np.tile(np.array([1, 0, 0, 0], np.float32), (moving, 1)),
        np.full(moving, 0.9, np.float32),
        np.full((moving, 1, 3), 0.5, np.float32),
    )
    for frame in range(frames):
        carried = replace(box, positions=box.positions + np.array([frame / (frames - 1), 0, 0], np.float32))
        write_ply(folder / f"frame_{frame:04d}.ply", GaussianCloud.concatenate([room, carried]))


def bench_sequence(folder: Path, runs: int) -> list[Row]:
    """A moving scene of 30 times, followed through time and not; samples are compared with what was moved."""
    frames, rows = folder / "frames", []
    write_moving_room(frames, 30)
    for followed in ("true", "false"):
        scene = folder / f"moving-{followed}"
        settings = ("--set", "generate.fps=30", "--set", f"generate.stable_identity={followed}", "--overwrite")
        words = ("generate", "--splat", str(frames), "--up", "z", "--scale", "1", *settings, "--out", str(scene))
        cost = median(lambda words=words: run(command(*words)), runs)  # type: ignore[misc]
        size = (scene / "gaussians.usdc").stat().st_size / 1e6
        stages = json.loads((scene / "timings.json").read_text())["stages"]
        parts = ", ".join(f"{s['stage']} {s['wall_s']:.1f}" for s in stages)
        note = f"gaussians.usdc {size:.0f} MB, wall s by stage: {parts}; {_sampled(scene / 'gaussians.usdc')}"
        what = "followed" if followed == "true" else "not followed"
        rows.append(Row(f"generate, 30 times of 200 k Gaussians, {what}", cost, note))
    shutil.rmtree(frames)
    return rows


def _sampled(file: Path) -> str:
    """Say how far the middle of the carried box lies from where it was carried, at samples and between them."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(file))
    positions = stage.GetAttributeAtPath("/Gaussians/Moving.positions")

    def off(time: float, expected: float) -> float:
        middle = np.median(np.array(positions.Get(time)), axis=0) - np.median(np.array(positions.Get(0.0)), axis=0)
        return float(np.abs(middle - (expected, 0, 0)).max())

    at, between = (max(off(k + shift, (k + shift) / 29) for k in range(29)) for shift in (0.0, 0.5))
    return f"opened; box within {at * 1000:.2f} mm at samples, {between * 1000:.2f} mm between"


def bench_labels(folder: Path, runs: int) -> list[Row]:
    """Author a scene of 1 M Gaussians of SH degree 3 in a room, of 12 classes and of none; each is read and checked."""
    source, rows = folder / "million.ply", []
    write_random_ply(source, 1_000_000, 3)
    script = (
        "import json, sys, time\nfrom dataclasses import replace\nfrom pathlib import Path\nimport numpy as np\n"
        "from lyra_backend import author\nfrom lyra_backend.author.particle_field import Params\n"
        "from lyra_backend.io.ply import read_ply\nfrom lyra_backend.progress import Progress\n"
        "from lyra_backend.types import CollisionPart, CollisionProxy, Frame, SceneBundle\n"
        "count, out = int(sys.argv[2]), Path(sys.argv[3])\nout.mkdir(exist_ok=True)\n"
        "cloud = replace(read_ply(Path(sys.argv[1])).value, frame=Frame.WORLD)\n"
        "if count:\n    ids = np.minimum(cloud.positions[:, 0] / 6 * count, count - 1).astype(np.uint16) + 1\n"
        "    names = ('unknown', *(f'class {i}' for i in range(count)))\n"
        "    cloud = replace(cloud, class_ids=ids.astype(np.uint16), class_names=names)\n"
        "corners = np.array([(x, y, z) for x in (0, 6) for y in (0, 5) for z in (0, 3)], np.float32)\n"
        "quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]\n"
        "faces = np.array([t for a, b, c, d in quads for t in ((a, c, b), (a, d, c))])\n"
        "proxy = CollisionProxy((CollisionPart('room', corners, faces),), 'surface', {})\n"
        "begin = time.process_time()\n"
        "done = author.run(SceneBundle(cloud, proxy, {'particle_field': Params()}), out, author.Params(), Progress())\n"
        "figures = {'author_s': time.process_time() - begin, **done.counts}\n"
        "(out / 'figures.json').write_text(json.dumps(figures))"
    )
    for count in (12, 0):
        out = folder / f"labels-{count}"
        words = [sys.executable, "-c", script, str(source), str(count), str(out)]
        cost = median(lambda words=words: run(words), runs)  # type: ignore[misc]
        done = json.loads((out / "figures.json").read_text())
        sizes = " + ".join(f"{(out / name).stat().st_size / 1e6:.1f}" for name in ("gaussians.usdc", "proxy.usdc"))
        note = (
            f"{done['author_s']:.1f} CPU s of it to author; {sizes} MB of Gaussians and proxy, "
            f"{done['particleField_fields']} fields, {done['proxy_triangles']} triangles"
        )
        rows.append(Row(f"scene of 1 M SH-3 Gaussians of {count or 'no'} classes, read and authored", cost, note))
        shutil.rmtree(out)
    source.unlink()
    return rows


def bench_render(folder: Path, runs: int) -> list[Row]:
    """Seconds of one 960x540 picture of 500 k Gaussians inside a running process."""
    script = (
        "import json, sys, time\nfrom pathlib import Path\n"
        "from lyra_backend.validate.usd_cloud import read_cloud as read\n"
        "from lyra_backend.render.splats import render\n"
        "from lyra_backend.render.viewpoints import scene_viewpoint\n"
        "cloud = read(Path(sys.argv[1]))\ncamera = scene_viewpoint(cloud, ())\nrender(cloud, camera)\nseconds = []\n"
        "for _ in range(5):\n    begin = time.process_time(); render(cloud, camera)\n"
        "    seconds.append(time.process_time() - begin)\n"
        "Path(sys.argv[2]).write_text(json.dumps(seconds))"
    )
    scene = folder / "render-scene"
    run(command("generate", "--prompt", PROMPT, "--out", str(scene)))
    run([sys.executable, "-c", script, str(scene / "gaussians.usdc"), str(folder / "render.json")])
    seconds = statistics.median(json.loads((folder / "render.json").read_text()))
    return [Row("one picture, 500 k Gaussians, 960x540", None, f"{seconds:.2f} s CPU after compilation")]


def bench_scan(_: Path, __: int) -> list[Row]:
    """CPU seconds and memory of a Mamba-2 block of Lyra's decoder, published width, over all tokens of a scene."""
    script = (
        "import sys, torch\nfrom lyra_backend.models.mamba import Mamba2Block\n"
        "torch.manual_seed(0)\nblock = Mamba2Block(512, 1024, 16, 256, 4).eval()\n"
        "tokens = torch.randn(1, int(sys.argv[1]), 512)\n"
        "with torch.no_grad():\n    block(tokens)"
    )
    counts = (33_792, 337_920)
    costs = [run([sys.executable, "-c", script, str(n)]) for n in counts]
    return [
        Row(f"Mamba-2 block of Lyra's decoder, {n:,} tokens", cost, f"{n * 2048 / 1e6:.0f} MB of it is the input")
        for n, cost in zip(counts, costs, strict=True)
    ]


def bench_train(folder: Path, runs: int) -> list[Row]:
    """CPU milliseconds of a view, forward and with gradients, of as many Gaussians and pixels as the tiny model has."""
    script = (
        "import json, sys, time, numpy as np, torch\nfrom pathlib import Path\n"
        "from lyra_backend.train.rendering import render_views\n"
        "rng, count, views = np.random.default_rng(0), 9_792, 6\n"
        "drawn = (rng.normal((0, 0, 2.6), (1.0, 0.7, 0.5), (count, 3)),\n"
        "    rng.lognormal(-2.5, 0.6, (count, 3)).clip(0, 0.3), rng.normal(size=(count, 4)),\n"
        "    1 / (1 + np.exp(rng.normal(1.0, 1.5, count))), rng.random((count, 3)))\n"
        "fields = [torch.from_numpy(a.astype(np.float32)).requires_grad_(True) for a in drawn]\n"
        "poses = torch.eye(4).repeat(views, 1, 1)\n"
        "poses[:, 0, 3] = torch.linspace(-0.3, 0.3, views)\n"
        "def once(back):\n    begin = time.process_time()\n    with torch.set_grad_enabled(back):\n"
        "        seen = render_views(*fields, poses, (76.8, 76.8, 48.0, 32.0), (96, 64))\n"
        "        if back:\n            (seen.rgb.square().sum() + seen.depth.sum()).backward()\n"
        "    return 1e3 * (time.process_time() - begin) / views\n"
        "once(True)\n"
        "figures = [[once(back) for _ in range(int(sys.argv[2]))] for back in (False, True)]\n"
        "Path(sys.argv[1]).write_text(json.dumps(figures))"
    )
    out = folder / "train.json"
    run([sys.executable, "-c", script, str(out), str(3 * runs)], {"OMP_NUM_THREADS": "1"})
    forward, both = (statistics.median(figures) for figures in json.loads(out.read_text()))
    note = f"{forward:.1f} ms CPU a view, {both:.1f} ms with gradients, after compilation, on one thread"
    return [Row("one of six 96x64 views for learning, 9 792 Gaussians", None, note)]


def bench_pages(folder: Path, runs: int) -> list[Row]:
    """Size of a report, and seconds until Chromium shows the gallery of a thousand scenes and has filtered it."""
    run(command("generate", "--prompt", PROMPT, "--out", str(folder / "pages"), "--overwrite"))
    report = (folder / "pages" / "report.html").stat().st_size / 1e6
    stage = json.loads((folder / "pages" / "timings.json").read_text())["stages"][-1]
    times = str(Path(__file__).with_name("page_times.py"))
    program = [sys.executable, times, str(folder / "pages"), "--runs", str(runs)]
    seconds = json.loads(subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True).stdout)
    shown = f"shown after {seconds['shown']:.2f} s, filtered in {seconds['filtered']:.2f} s"
    return [
        Row("report.html, 500 k Gaussians", None, f"{report:.2f} MB; its stage takes {stage['cpu_s']:.1f} s CPU"),
        Row("gallery.html, 1000 scenes, in Chromium", None, shown),
    ]


BENCHES: dict[str, Callable[[Path, int], list[Row]]] = {
    "import": bench_import,
    "convert": bench_convert,
    "large": bench_large,
    "generate": bench_generate,
    "rate": bench_rate,
    "collide": bench_collide,
    "bounds": bench_bounds,
    "sequence": bench_sequence,
    "labels": bench_labels,
    "render": bench_render,
    "pages": bench_pages,
    "scan": bench_scan,
    "train": bench_train,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []], help="benches to run; all by default")
    parser.add_argument("--runs", type=int, default=3, help="repeats of each command; the median is quoted")
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {given.runs} runs\n")
    print("| what | wall s | CPU s | peak MB | note |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="lyra-bench-") as folder:
        for name in given.what or BENCHES:
            for row in BENCHES[name](Path(folder), given.runs):
                figures = (
                    f"{row.cost.wall_s:.1f} | {row.cost.cpu_s:.1f} | {row.cost.peak_mb:.0f}" if row.cost else "| | "
                )
                print(f"| {row.what} | {figures} | {row.note} |", flush=True)


if __name__ == "__main__":
    main()
