"""Drawings of a report: the map from above, and how far colliders are from what is seen, and times."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..types import Navigation, RobotSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["error_views", "histogram_of", "map_of", "times_of"]

Floats = npt.NDArray[np.floating]

#: Distances beyond this share one colour and one bar [mm].
_MOST_MM = 50.0
_BAR_MM = 2.0
#: Free, occupied and unknown cells of a map.
_CELLS = np.array([[255, 255, 255], [70, 76, 86], [226, 229, 233]], np.uint8)
#: One colour for each robot; told apart also by people who see fewer colours (Okabe and Ito 2008).
_ROBOTS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: The first starts are those that stages use; hundreds of arrows would hide the map.
_STARTS, _WAYS = 40, 12
_STAGE = "#3d6fb4"
_STYLE: Any = {
    "svg.hashsalt": "lyra",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def map_of(navigation: Navigation) -> bytes:
    """Return the occupancy map as SVG, with the outline of the floor, and starts and ways of each robot."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        grid = navigation.map
        rows, columns = grid.cells.shape
        (x0, y0), side = grid.corner, grid.resolution_m
        tall = float(np.clip(6.4 * rows / columns, 2.5, 8.0))
        figure, axes = _figure(6.4, tall)
        extent = (x0, x0 + columns * side, y0, y0 + rows * side)
        axes.imshow(_CELLS[grid.cells], extent=extent, interpolation="nearest")
        for polygon in navigation.bounds:
            axes.plot(*np.vstack([polygon, polygon[:1]]).T, color="#888888", linewidth=0.8, linestyle=":")
        for space, colour in zip(navigation.spaces, _ROBOTS * len(navigation.spaces), strict=False):
            _draw_robot(axes, space, colour)
        axes.set_xlabel("x [m]")
        axes.set_ylabel("y [m]")
        if any(space.spawn_points.count for space in navigation.spaces):
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)
        return _as_svg(figure)


def _draw_robot(axes: Axes, space: RobotSpace, colour: str) -> None:
    points = space.spawn_points
    if not points.count:
        return
    for task in space.tasks[:_WAYS]:
        axes.plot(*task.path[:, :2].T, color=colour, linewidth=0.9, alpha=0.45)
    x, y = points.positions[:_STARTS, :2].T
    yaw = points.yaws_rad[:_STARTS]
    label = f"{space.robot.title}: {points.count} starts, {len(space.tasks)} ways"
    # an arrow is as long as two robots are wide
    reach = 2 * space.robot.radius_m
    axes.quiver(
        x,
        y,
        reach * np.cos(yaw),
        reach * np.sin(yaw),
        color=colour,
        angles="xy",
        scale_units="xy",
        scale=1.0,
        width=0.004,
        label=label,
    )


def histogram_of(error_m: Floats) -> bytes:
    """Return a histogram of signed distances (N,) [m] as SVG; what is beyond the last bars is in them."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        figure, axes = _figure(6.4, 2.4)
        edges = np.arange(-_MOST_MM, _MOST_MM + _BAR_MM, _BAR_MM)
        millimetres = np.clip(1000.0 * error_m, -_MOST_MM, _MOST_MM)
        share = 100.0 * np.histogram(millimetres, edges)[0] / len(error_m)
        middles = (edges[:-1] + edges[1:]) / 2
        axes.bar(
            middles, share, width=0.92 * _BAR_MM, color=_colours()(0.5 + 0.5 * middles / _MOST_MM), ec="#666", lw=0.3
        )
        axes.axvline(0.0, color="#333333", linewidth=0.8)
        axes.set_xlabel("collider before what is seen  <  mm  <  behind it")
        axes.set_ylabel("% of pixels")
        return _as_svg(figure)


def error_views(views: Sequence[tuple[str, Floats]]) -> npt.NDArray[np.uint8]:
    """Return signed distances [m] as one picture (H, W, 3); `views` are names and arrays (h, w), NaN is grey."""
    import matplotlib as mpl

    columns = 1 if len(views) == 1 else 2
    rows = -(-len(views) // columns)
    with mpl.rc_context(_STYLE):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3.2 * columns, 2.05 * rows + 0.7), dpi=150, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, (name, error) in zip(grid.flat, views, strict=False):
            axes.set_facecolor("#9aa0a6")
            drawn = axes.imshow(1000.0 * error, cmap=_colours(), vmin=-_MOST_MM, vmax=_MOST_MM, interpolation="nearest")
            axes.set_title(name.replace("_", " "), fontsize=8, pad=3)
        bar = figure.colorbar(drawn, ax=grid, orientation="horizontal", fraction=0.05, aspect=60, extend="both")
        bar.set_label("collider behind (+) or before (-) what is seen [mm]; grey: nothing to compare")
        return _as_pixels(figure)


def times_of(stages: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the seconds of stages, entries of ``timings.json``, as SVG."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        figure, axes = _figure(6.4, 0.28 * len(stages) + 0.6)
        seconds = [float(stage["wall_s"]) for stage in stages]
        names = [stage["stage"] + (" (kept)" if stage["reused"] else "") for stage in stages]
        bars = axes.barh(names, seconds, color=_STAGE)
        axes.bar_label(bars, [f"{s:.1f} s" for s in seconds], padding=3)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.12 * max(max(seconds), 0.1))
        axes.set_xlabel("seconds")
        return _as_svg(figure)


def _figure(wide: float, tall: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, tall), layout="constrained")
    return figure, figure.subplots()


def _colours() -> Any:
    """Return blue, white, red for values in front, right and behind; what has none is grey."""
    import matplotlib as mpl

    return mpl.colormaps["coolwarm"].with_extremes(bad="#9aa0a6")


def _as_svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # no date: the same scene gives the same drawing
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _as_pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
