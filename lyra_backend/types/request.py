"""The one description of a job: the command line's, the panel's, the service's and the manifest's."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..errors import InvalidRequest, nearest, shown

__all__ = ["MAX_PROMPT_CHARACTERS", "SceneRequest"]

MAX_PROMPT_CHARACTERS = 2000
#: Request fields that name input files.
INPUT_FIELDS = ("image", "depth", "video", "splat", "world", "collider_glb")
#: Those of them that may name a folder instead: one file for each time.
FOLDER_FIELDS = ("splat",)


@dataclass(frozen=True)
class SceneRequest:
    """What to generate, as pure JSON data.

    Attributes:
        prompt: what the scene shows, in words.
        image, depth, video, splat: input files; splat may be a folder with a file for each time.
        world: what a world generator's service says about a splat it made, as a JSON file.
        collider_glb: triangles to compare colliders with, or to collide with, as a binary glTF file.
        generator: registry name; None picks the one that takes the given inputs.
        model: model name or folder for generators with weights.
        seed: source of every random number of the run.
        preset: named set of defaults, see ``lyra_backend/presets``.
        collider: registry name of the collision plugin.
        primitives: registry names of the ways Gaussians are written to USD.
        params: overrides by stage and field, ``{"collide": {"voxel_size": 0.04}}``.
        force: keep going past findings of severity error; never changes "accepted".

    Raises:
        InvalidRequest: a field has the wrong type or a value no run could use.
    """

    prompt: str | None = None
    image: str | None = None
    depth: str | None = None
    video: str | None = None
    splat: str | None = None
    world: str | None = None
    collider_glb: str | None = None
    generator: str | None = None
    model: str | None = None
    seed: int = 0
    preset: str = "standard"
    collider: str = "surface"
    primitives: tuple[str, ...] = ("particle_field",)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    force: bool = False

    def __post_init__(self) -> None:
        for name in ("prompt", *INPUT_FIELDS, "generator", "model"):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        for name in ("preset", "collider"):
            _check_text(name, getattr(self, name))
        if self.prompt is not None:
            _check_prompt(self.prompt)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InvalidRequest(f"seed must be a whole number from 0 to 2^63 - 1, got {shown(self.seed)}.")
        if not isinstance(self.force, bool):
            raise InvalidRequest(f"force must be true or false, got {shown(self.force)}.")
        _check_primitives(self.primitives)
        _check_params(self.params)
        object.__setattr__(self, "primitives", tuple(self.primitives))
        object.__setattr__(self, "params", {stage: dict(values) for stage, values in self.params.items()})
        if not any(getattr(self, name) for name in ("prompt", "image", "video", "splat")):
            raise InvalidRequest("a request needs an input: give a prompt, an image, a video or a splat.")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data with every field."""
        return {**asdict(self), "primitives": list(self.primitives)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> SceneRequest:
        """Build a request from JSON data; null stands for a field's default.

        Raises:
            InvalidRequest: not an object, unknown fields or wrong values.
        """
        if not isinstance(data, Mapping):
            raise InvalidRequest(f'a request must be a JSON object like {{"prompt": "a room"}}, got {shown(data)}.')
        known = [f.name for f in fields(SceneRequest)]
        for name in data:
            if name not in known:
                raise InvalidRequest(f"request field {shown(name)} is unknown; {nearest(str(name), known)}")
        return SceneRequest(**{name: value for name, value in data.items() if value is not None})

    def canonical(self) -> str:
        """Return the one text form that equal requests share; hash this."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _check_text(subject: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidRequest(f"{subject} must be text, got {type(value).__name__}.")
    odd = next((c for c in value if _is_control(c) and (c == "\0" or subject not in INPUT_FIELDS)), None)
    if odd is not None:
        raise InvalidRequest(
            f"{subject} must be text without control characters, got {shown(odd)} at character "
            f"{value.index(odd) + 1}. Leave it out."
        )
    # Names of input files are the system's own and may hold what UTF-8 cannot; they are never written down.
    if subject not in INPUT_FIELDS:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidRequest(f"{subject} must be text that UTF-8 can hold, got {shown(value)}.") from None


def _is_control(character: str) -> bool:
    """Return whether a character is one that no text has; blanks of all kinds are text."""
    return unicodedata.category(character) == "Cc" and character not in "\t\n\r"


def _check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise InvalidRequest(
            'prompt must say what to generate, got an empty text. Try: --prompt "a warehouse aisle with pallets"'
        )
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            f"prompt must be at most {MAX_PROMPT_CHARACTERS} characters, got {len(prompt)}. "
            "Shorten it to what the scene shows."
        )


def _check_primitives(primitives: Any) -> None:
    if not isinstance(primitives, list | tuple) or not all(isinstance(name, str) for name in primitives):
        raise InvalidRequest(f"primitives must be a list of names, got {shown(primitives)}.")
    if not primitives:
        raise InvalidRequest(
            "primitives must name at least one, got none. For a scene without Gaussians, set author.appearance to none."
        )
    for i, name in enumerate(primitives):
        _check_text(f"primitives[{i}]", name)
        if name in primitives[:i]:
            raise InvalidRequest(f"primitives must differ from each other, got {name!r} twice. Leave one out.")


def _check_params(params: Any) -> None:
    if not isinstance(params, Mapping) or not all(isinstance(values, Mapping) for values in params.values()):
        raise InvalidRequest(f"params must map a stage to its fields, got {shown(params)}.")
    for stage, values in params.items():
        _check_text("a stage in params", stage)
        for name, value in values.items():
            _check_text(f"a field in params.{stage}", name)
            if not isinstance(value, str | int | float | None):
                kind = type(value).__name__
                raise InvalidRequest(f"params.{stage}.{name} must be text, a number, true, false or null, got {kind}.")
            if isinstance(value, str):
                _check_text(f"params.{stage}.{name}", value)
