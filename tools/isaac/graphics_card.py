"""What the driver says of the graphics cards: names, driver and memory in use, as `nvidia-smi` prints it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

__all__ = ["GraphicsCard", "graphics_cards", "parse_cards"]

_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version,memory.used,memory.total", "--format=csv,noheader,nounits")
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class GraphicsCard:
    """A card; memory in MiB, that of all processes together."""

    name: str
    driver: str
    used_mib: float
    total_mib: float


def graphics_cards() -> tuple[GraphicsCard, ...]:
    """Return the cards that the driver knows; none where `nvidia-smi` is missing or fails."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_cards(done.stdout)


def parse_cards(text: str) -> tuple[GraphicsCard, ...]:
    """Read the lines of `nvidia-smi`; lines of another form ("[N/A]" in place of a number) are passed over."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        try:
            name, driver, used, total = parts
            found.append(GraphicsCard(name, driver, float(used), float(total)))
        except ValueError:
            continue
    return tuple(found)
