"""From what a client may ask for to a request that is safe to run.

The body has the fields of a `SceneRequest`, but input files are ids of uploads, models are those that the operator
lists, and no parameter holds a text that could be the name of a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..errors import nearest
from ..types import SceneRequest
from ..types.request import INPUT_FIELDS, MAX_PROMPT_CHARACTERS
from .contents import FIELDS
from .refusal import Refused
from .uploads import Uploads

__all__ = ["SceneBody", "accepted_request", "needed_files"]

#: Numbers, lists of them and the words for devices: all that is text and no choice among given words.
_HARMLESS = re.compile(r"[-+0-9.,eE\s]*|none|auto|cpu|cuda(:[0-9]{1,2})?", re.ASCII)
_MAX_FRAMES = 1000

UploadId = Annotated[str, Field(pattern="^upload:[0-9a-f]{64}$", description="What POST /v1/uploads answered.")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Value = str | int | float | bool | None


class SceneBody(BaseModel):
    """What to make. Defaults and parameters are those of the command line; GET /v1/generators lists them."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"prompt": "a workshop with two benches", "preset": "draft", "seed": 3}]},
    )

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] | None = None
    image: UploadId | None = None
    depth: UploadId | None = None
    video: UploadId | None = None
    splat: UploadId | Annotated[list[UploadId], Field(min_length=2, max_length=_MAX_FRAMES)] | None = Field(
        None, description="A splat; or several, one for each time, with params.generate.times_s or fps."
    )
    world: UploadId | None = None
    collider_glb: UploadId | None = None
    generator: Name | None = None
    model: Name | None = Field(None, description="One of the models that GET /v1/generators lists.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    preset: Name = "standard"
    collider: Name = "surface"
    primitives: Annotated[list[Name], Field(min_length=1, max_length=10)] = ["particle_field"]
    params: dict[Name, dict[Name, Value]] = Field({}, description="Parameters by stage and name.")
    force: bool = False


def accepted_request(body: SceneBody, listing: Mapping[str, Any], models: Mapping[str, str]) -> dict[str, Any]:
    """Return a body as plain JSON data.

    Args:
        body: what came.
        listing: plugins and parameters, as `client.Worker.describe` gives them.
        models: what the operator lists.

    Raises:
        Refused: it names what is not there, or what it must not name.
        InvalidRequest: no run could use it.
    """
    request = body.model_dump()
    try:
        json.dumps(request, allow_nan=False)
    except ValueError:
        raise Refused(422, "request: numbers must be finite. Leave NaN and Infinity out.") from None
    _check_names(request, listing, models)
    for stage, values in request["params"].items():
        _check_params(stage, values, listing)
    SceneRequest.from_json({**request, **{field: field for field in INPUT_FIELDS if request[field]}})
    return request


def needed_files(request: Mapping[str, Any], owner: str, uploads: Uploads) -> dict[str, list[Path]]:
    """Return where the uploads of a request lie, by field.

    Raises:
        Refused: one is not there, or of another kind than its field takes.
    """
    found: dict[str, list[Path]] = {}
    for field in INPUT_FIELDS:
        given = request[field] or []
        for id in [given] if isinstance(given, str) else given:
            upload, path = uploads.find(owner, id.removeprefix("upload:"))
            if upload.kind not in FIELDS[field]:
                raise Refused(422, f"{field}: takes {', '.join(FIELDS[field])}, this upload is of kind {upload.kind}.")
            found.setdefault(field, []).append(path)
        if len({path.suffix for path in found.get(field, ())}) > 1:
            raise Refused(422, f"{field}: several files must be of one kind. Convert them.")
    return found


def _check_names(request: Mapping[str, Any], listing: Mapping[str, Any], models: Mapping[str, str]) -> None:
    """Refuse names that nothing has; that of a model could be a path or a repository."""
    known: Mapping[str, Any] = {
        "preset": listing["presets"],
        "generator": listing["generate"]["generators"],
        "collider": listing["collide"]["colliders"],
        "model": models,
    }
    for field, names in known.items():
        if request[field] is not None and request[field] not in names:
            raise Refused(422, f"{field} {request[field]!r} is unknown; {nearest(request[field], names)}")
    for name in request["primitives"]:
        if name not in listing["author"]["primitives"]:
            raise Refused(422, f"primitive {name!r} is unknown; {nearest(name, listing['author']['primitives'])}")


def _check_params(stage: str, values: Mapping[str, Value], listing: Mapping[str, Any]) -> None:
    stages = [name for name in listing if name not in ("presets", "models")]
    if stage not in stages:
        raise Refused(422, f"params.{stage}: no such stage; {nearest(stage, stages)}")
    known = list(_parameters(listing[stage]))
    for name, value in values.items():
        schemas = [parameters[name] for parameters in known if name in parameters]
        if not schemas:
            names = {known_name for parameters in known for known_name in parameters}
            raise Refused(422, f"params.{stage}.{name} is not a parameter; {nearest(name, names)}")
        is_free = any(schema["type"] == "string" and "enum" not in schema for schema in schemas)
        if is_free and isinstance(value, str) and not _HARMLESS.fullmatch(value):
            raise Refused(
                422,
                f"params.{stage}.{name}: must be numbers here, for other words could name a file or a model of the "
                "server. Leave it out.",
            )


def _parameters(stage: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of a stage itself and of each of its plugins."""
    yield stage.get("parameters", {})
    for kind, entries in stage.items():
        if kind != "parameters":
            yield from (entry.get("parameters", {}) for entry in entries.values())
