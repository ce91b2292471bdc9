"""Colliders for a splat that you have, in the splat's own axes and units, so that the two overlay.

python examples/splat_to_collider.py SCAN.ply COLLIDER.usdc [UP]
python examples/splat_to_collider.py          makes a scene first and takes its splat
"""

from __future__ import annotations

import sys
from pathlib import Path

import lyra_backend as lyra


def main(scan: str = "", target: str = "outputs/examples/collider.usdc", up: str = "z") -> None:
    splat = Path(scan) if scan else example_splat()
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    made = lyra.make_collider(splat, Path(target), up=up, scale=1.0, overwrite=True)
    triangles, error_m = made.counts["triangles"], made.value.error_m
    print(f"{target}: {triangles} triangles")
    for name, value in error_m.items():
        print(f"  {name} {1000 * value:.2f} mm")
    for finding in made.findings:
        print(f"  {finding.severity}: {finding.message}")


def example_splat() -> Path:
    """Return the splat of a small scene, Z up and in metres."""
    request = {"prompt": "a small bathroom", "preset": "draft", "params": {"author": {"keep_splat": True}}}
    return lyra.generate_scene(request, "outputs/examples/bathroom").directory / "gaussians.ply"


if __name__ == "__main__":
    main(*sys.argv[1:])
