"""What a variation differs by, as JSON data for people and for training code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..author.light import StageLight
    from ..author.variation import Clutter, Variation

__all__ = ["as_json"]


def as_json(variation: Variation) -> dict[str, Any]:
    """Return the data: metres, kilograms, quaternions wxyz, linear RGB; null for a light that is as it was."""
    return {
        "light": None if variation.light is None else _light(variation.light),
        "frictions": {
            name: {"static": static, "dynamic": dynamic} for name, (static, dynamic) in variation.frictions.items()
        },
        "look": {
            "gain": list(variation.look.gain),
            "saturation": variation.look.saturation,
            "tint": list(variation.look.tint),
        },
        "clutter": [_thing(one) for one in variation.clutter],
    }


def _light(light: StageLight) -> dict[str, Any]:
    scene = light.light
    return {
        "temperature_k": light.temperature_k,
        "dome_strength": round(light.dome_strength, 6),
        "sun": list(scene.sun),
        "sun_direction": list(scene.sun_direction),
        "lamps": len(scene.bulbs),
    }


def _thing(one: Clutter) -> dict[str, Any]:
    return {
        "name": one.name,
        "class": one.semantic_class,
        "shape": str(one.primitive.shape) if one.primitive else "body",
        "size_m": [round(float(v), 6) for v in one.primitive.size] if one.primitive else None,
        "body": one.body or None,
        "mass_kg": one.mass_kg,
        "friction": one.friction,
        "position_m": list(one.position),
        "quat_wxyz": list(one.quat_wxyz),
    }
