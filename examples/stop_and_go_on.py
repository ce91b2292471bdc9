"""Stop a run half-way, and go on from its last finished stage.

python examples/stop_and_go_on.py [OUT]
"""

from __future__ import annotations

import sys

import lyra_backend as lyra
from lyra_backend.progress import CancelToken, Event

REQUEST = {"prompt": "a corridor", "seed": 5, "preset": "draft"}


def main(out: str = "outputs/examples/corridor") -> None:
    token, worked = CancelToken(), list[str]()

    def stop_at_collide(event: Event) -> None:
        if event.stage == "collide":
            token.cancel()

    try:
        lyra.generate_scene(REQUEST, out, overwrite=True, listener=stop_at_collide, token=token)
    except lyra.Cancelled as stopped:
        print("stopped:", stopped)

    # The same request for the same folder: what is finished is kept.
    def note(event: Event) -> None:
        if event.fraction and event.stage not in worked and "kept from before" not in event.message:
            worked.append(event.stage)

    result = lyra.generate_scene(REQUEST, out, listener=note)
    print("finished:", "accepted" if result.report.accepted else "not accepted")


if __name__ == "__main__":
    main(*sys.argv[1:])
