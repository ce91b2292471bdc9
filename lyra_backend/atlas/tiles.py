"""What is known of the tiles of an atlas: ``tiles.json``, sums, and who may pass it on.

Does: put together what others found out. Does not: read or write geometry.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..io.run_inputs import file_digest
from .layout import Layout
from .sources import Source

__all__ = ["TILES_FILE", "provenance_of", "relative", "tiles_json", "worst_errors"]

TILES_FILE = "tiles.json"
#: The program that wrote the scenes; it is added again for the atlas.
_OWN_NAME = "lyra-backend"


def relative(path: Path, directory: Path) -> str | None:
    """Return `path` as seen from `directory`, with slashes; None if there is no way, as from one drive to another."""
    try:
        return Path(os.path.relpath(path.resolve(), directory.resolve())).as_posix()
    except ValueError:
        return None


def tiles_json(layout: Layout, margin_m: float, directory: Path) -> str:
    """Return ``tiles.json``: sums, then an object for each tile; lengths in metres, frame of the atlas."""
    from ..author.atlas import ATLAS_FILE
    from ..author.welded import ENVIRONMENT_PATH

    tiles = [
        {
            "index": i,
            "name": source.name,
            "scene": relative(source.directory, directory),
            "prompt": source.request.prompt,
            "seed": source.request.seed,
            "origin": _numbers(layout.origins[i]),
            "lower": _numbers(layout.mesh.boxes[i, 0]),
            "upper": _numbers(layout.mesh.boxes[i, 1]),
            "triangles": layout.mesh.ranges[i].tolist(),
            "error_m": dict(layout.welded[i].error_m),
            "spawn_points": [_numbers(point) for point in layout.spawns[i]],
        }
        for i, source in enumerate(layout.sources)
    ]
    place = {"atlas": ATLAS_FILE, "mesh": ENVIRONMENT_PATH, "pitch_m": layout.pitch_m, "margin_m": margin_m}
    return json.dumps({**place, **layout.counts(), "tiles": tiles}, indent=2, ensure_ascii=False) + "\n"


def worst_errors(errors: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the largest measured error of each name [m]."""
    worst: dict[str, float] = {}
    for one in errors:
        worst |= {name: max(value, worst.get(name, value)) for name, value in one.items()}
    return dict(sorted(worst.items()))


def provenance_of(sources: Sequence[Source]) -> dict[str, Any]:
    """Return what the atlas was made from: the sources of all scenes once each, and the scenes with their requests.

    Raises:
        InvalidRequest: a scene does not say what it was made from.
    """
    from ..author.collision import FILE_NAME

    summed: dict[str, dict[str, Any]] = {}
    scenes = []
    for source in sources:
        data = _provenance(source.directory)
        for one in data["sources"]:
            if one["name"] != _OWN_NAME:
                summed.setdefault(json.dumps(one, sort_keys=True), one)
        scenes.append(
            {
                "name": source.name,
                "request": source.request.to_json(),
                "versions": data.get("versions", {}),
                "collider_sha256": file_digest(source.directory / FILE_NAME),
            }
        )
    return {"sources": list(summed.values()), "scenes": scenes}


def _provenance(directory: Path) -> dict[str, Any]:
    """Return what a scene says of where it comes from."""
    from ..author.provenance import PROVENANCE_FILE

    path = directory / PROVENANCE_FILE
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if all(one["name"] for one in data["sources"]):
            return data
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidRequest(
            f"{path}: must say what the scene was made from, but is missing or damaged; generate it again."
        ) from error
    raise InvalidRequest(f"{path}: its sources must have names; generate the scene again.")


def _numbers(values: Iterable[float]) -> list[float]:
    """Return lengths rounded to a hundredth of a millimetre, without negative zeros."""
    return [round(float(value), 5) + 0.0 for value in values]
