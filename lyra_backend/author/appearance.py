"""What of a scene is shown, out of what there is: told by names alone, before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .. import registry
from ..errors import InvalidRequest, nearest

if TYPE_CHECKING:
    from . import Params

__all__ = [
    "AUTO",
    "MESH_VARIANT",
    "NONE",
    "PROXY",
    "catcher_settings",
    "check_catcher",
    "check_shown",
    "looks",
    "selected",
    "variant_name",
    "wanted",
    "written_as",
]

AUTO, NONE, PROXY = "auto", "none", "proxy"
#: Shows the exact surface, where it is known.
MESH_VARIANT = "mesh"


def check_shown(params: Params, primitives: Sequence[str], solid: bool, exact: bool) -> None:
    """Refuse what cannot be shown in a scene, as far as that is known before it is made.

    Args:
        params: of the stage author.
        primitives: registry names of the ways in which Gaussians are written.
        solid: the scene will have colliders.
        exact: its exact surface may be known.

    Raises:
        InvalidRequest: `params.appearance` names something that will not be there, or shadows are to be caught where
            nothing can.
    """
    files = written_as(params, primitives)
    selected(wanted(params), looks(files, exact), solid)
    check_catcher(params, files.values(), solid)


def variant_name(primitive: str) -> str:
    """Return the variant a primitive is shown by: its registry name in camel case."""
    head, *rest = primitive.split("_")
    return head + "".join(word.capitalize() for word in rest)


def wanted(params: Params) -> str:
    """Return what is to be shown, by the word of the parameter."""
    return NONE if params.trains and params.appearance == AUTO else params.appearance


def written_as(params: Params, primitives: Iterable[str]) -> dict[str, str]:
    """Return the primitives by variant that write Gaussians; none where no Gaussians are left."""
    bare = params.trains or wanted(params) == NONE
    return {} if bare else {variant_name(name): name for name in primitives}


def looks(files: Mapping[str, str], exact: bool) -> tuple[str, ...]:
    """Return the variants that show the scene as it looks, with its exact surface if that is known."""
    return (*files, *((MESH_VARIANT,) if exact and files else ()))


def selected(appearance: str, shown: tuple[str, ...], has_colliders: bool) -> str:
    """Return the variant of `appearance` to select, out of those that exist.

    Raises:
        InvalidRequest: it is none of them.
    """
    available = (*shown, *((PROXY,) if has_colliders else ()), NONE)
    if appearance == AUTO:
        return available[0]
    if appearance not in available:
        raise InvalidRequest(
            f"author.appearance: {appearance!r} is not part of this scene; {nearest(appearance, available)}"
        )
    return appearance


def check_catcher(params: Params, primitives: Iterable[str], welded: bool) -> None:
    """Refuse to let shadows be caught where there is nothing that catches them, or nothing that needs it.

    Raises:
        InvalidRequest: so it is.
    """
    names = tuple(primitives)
    if params.shadow_catcher and not (welded and any(map(catcher_settings, names))):
        raise InvalidRequest(
            "author.shadow_catcher: needs a welded collider and the primitive nurec, whose volumes catch no shadows; "
            f"got the primitives {', '.join(names) or 'none'}. Add --primitive nurec, or leave it out."
        )


def catcher_settings(primitive: str) -> dict[str, bool | int | str]:
    """Return the settings by which meshes catch shadows for a primitive; empty for one that needs no such help."""
    return dict(getattr(registry.get("author", primitive), "SHADOW_CATCHER_SETTINGS", {}))
