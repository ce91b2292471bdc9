"""A batch of five scenes and what came of it: other seeds for what is rejected, an index, a gallery.

    python examples/five_scenes.py [OUT]

The same as `lyra-scenegen batch examples/five_scenes.yaml --out OUT`, which shows its progress.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MANIFEST = Path(__file__).with_suffix(".yaml")


def main(out: str = "outputs/examples/five") -> None:
    command = [sys.executable, "-m", "lyra_backend", "batch", str(MANIFEST), "--out", out, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    summary = json.loads(done.stdout)
    print(f"{summary['accepted']} accepted, {summary['rejected']} rejected, {summary['failed']} failed")
    for line in (Path(out) / "index.jsonl").read_text(encoding="utf-8").splitlines():
        scene = json.loads(line)
        print(
            f"  {scene['name']:12} {scene['state']:9} {scene['triangles']:6} triangles, {scene['bytes'] / 1e6:.1f} MB"
        )
    print("look at", Path(out) / "gallery.html")


if __name__ == "__main__":
    main(*sys.argv[1:])
