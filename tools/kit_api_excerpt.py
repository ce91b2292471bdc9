"""Copy what the double of Kit defines out of a catalog of Kit's API, for the tests to check the double against.

    python tools/kit_api_excerpt.py CATALOG.json

CATALOG.json maps dotted names ("omni.ui.Label") to what is known of them: kind, keywords and the versions they were
seen in. It was made from code that uses Kit, so what widgets and windows inherit is known from some of them only; the
excerpt says then from which ("as"). Names that the double defines and the catalog has nowhere are printed, and the exit
code is 1: Kit has no such API, so nothing may be tested against it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXCERPT = ROOT / "tests" / "data" / "kit_api_excerpt.json"
_KEPT = ("kind", "kwargs", "versions")
#: Where nobody wrote a widget's or window's attribute down but Isaac Sim's own windows, which have it too.
_ELSEWHERE = {"omni.kit.menu.utils.MenuHelperWindow.frame": "isaacsim.gui.components.ScrollingWindow.frame"}


def main(catalog: str) -> int:
    """Write the excerpt; return the exit code."""
    sys.path.insert(0, str(ROOT))
    from tests.extension.kit.surface import public_names

    known = json.loads(Path(catalog).read_text(encoding="utf-8"))
    found = {name: as_known for name in sorted(public_names()) if (as_known := _find(name, known))}
    missing = sorted(set(public_names()) - set(found))
    for name in missing:
        sys.stderr.write(f"{name}: the catalog has no such name\n")
    excerpt = {
        name: {key: known[there][key] for key in _KEPT} | ({} if there == name else {"as": there})
        for name, there in found.items()
    }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in excerpt.items())
    EXCERPT.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    return 1 if missing else 0


def _find(name: str, known: Mapping[str, Any]) -> str:
    """Return under which name the catalog has `name`: its own, or that of another widget which inherits the same."""
    if name in known:
        return name
    if _ELSEWHERE.get(name) in known:
        return _ELSEWHERE[name]
    kind, _, attribute = name.rpartition(".")
    if kind.rpartition(".")[0] not in ("omni.ui", "omni.kit.menu.utils"):
        return ""
    same = (f"omni.ui.Window.{attribute}", *(other for other in sorted(known) if _is_widgets(other, attribute)))
    return next((other for other in same if other in known), "")


def _is_widgets(name: str, attribute: str) -> bool:
    """Return whether a name is that of an attribute of a class of omni.ui."""
    return name.startswith("omni.ui.") and name.count(".") == 3 and name.endswith(f".{attribute}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
