"""A sentence becomes a stage: make a scene and say how good it is.

python examples/prompt_to_stage.py [OUT] [PROMPT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import lyra_backend as lyra


def main(out: str = "outputs/examples/office", prompt: str = "an office with two desks") -> None:
    # The smallest scene that is still good for something: 150 000 Gaussians.
    request = {"prompt": prompt, "seed": 3, "preset": "draft"}
    result = lyra.generate_scene(
        request, out, listener=lambda e: print(f"\r{e.fraction:4.0%}  {e.message:60.60}", end="")
    )
    print()
    report = result.report
    print("accepted" if report.accepted else "not accepted", f"({report.grade}, geometry {report.geometry})")
    print(f"the collider is within {1000 * report.error_m['p95']:.1f} mm of 95 % of the surface")
    for finding in report.findings:
        if finding.severity != "info":
            print(f"  {finding.severity}: {finding.message}")
    print("look at", Path(out) / "report.html")
    print("open", Path(out) / "stage_isaac6.usda")


if __name__ == "__main__":
    main(*sys.argv[1:])
