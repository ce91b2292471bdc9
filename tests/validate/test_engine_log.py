"""What the engine says becomes findings if it is about the scene."""

from __future__ import annotations

import logging

from lyra_backend.validate.physics_engine import EngineLog

#: Said by ovphysx 0.7 on a computer that had much else to do.
STUCK = (
    "carb.tasking is likely stuck. All threads are busy with same tasks for more than 1 seconds with waiting tasks. "
    "Starting an emergency helper thread."
)


def test_warnings_and_errors_are_counted_and_a_busy_machine_is_none() -> None:
    log = EngineLog()
    told = [(logging.WARNING, STUCK), (logging.WARNING, "a mesh is open"), (logging.ERROR, "a mesh is broken")] * 2
    for level, text in told:
        log.handle(logging.LogRecord("ovphysx", level, "", 0, text, None, None))
    assert log.texts(errors=False) == ["a mesh is open (2 times)"]
    assert log.texts(errors=True) == ["a mesh is broken (2 times)"]
