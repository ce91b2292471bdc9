# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Who makes the scenes: a worker on this machine or a service elsewhere, and whether all is set up for it.

Everything here may take seconds or minutes and runs in threads of its own, never in Kit's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .preferences import Preferences

__all__ = ["Check", "Driver", "check_setup", "make_driver", "repair_setup", "worker_python"]

_CHECK_S = 180.0


class Driver(Protocol):
    """What `lyra_backend.client.Worker` and `lyra_backend.remote.RemoteService` have in common."""

    def describe(self) -> dict[str, Any]: ...

    def generate(self, request: Any, out: Any, *, overwrite: bool, listener: Any, token: Any) -> Any: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Check:
    """What a look at the set-up found.

    Attributes:
        ready: scenes can be made.
        lines: what was found, for people.
        repairable: :func:`repair_setup` can mend it.
    """

    ready: bool
    lines: tuple[str, ...]
    repairable: bool = False


def make_driver(preferences: Preferences) -> Driver:
    """Return who makes the scenes by the user's choice; nothing is started yet.

    Raises:
        LyraError: there is no Python for workers, or no such service can be.
    """
    if preferences.get("backend") == "service":
        from lyra_backend.remote import RemoteService

        return RemoteService(preferences.get("service_url"), token=preferences.service_token)
    from lyra_backend.client import Worker

    return Worker([str(worker_python(preferences))])


def worker_python(preferences: Preferences) -> Path:
    """Return the Python of local workers: the one that the user names, else what the backend finds.

    Raises:
        LyraError: there is none.
    """
    from lyra_backend.errors import InvalidRequest
    from lyra_backend.worker_environment import find_python

    named = preferences.get("python")
    if not named:
        return find_python()
    if not Path(named).is_file():
        raise InvalidRequest(f"Python of workers: must be a file, there is none at {named}. Leave it empty or mend it.")
    return Path(named)


def check_setup(preferences: Preferences) -> Check:
    """Look whether scenes can be made now."""
    from lyra_backend.errors import LyraError

    try:
        if preferences.get("backend") == "service":
            names = make_driver(preferences).describe()["generate"]["generators"]
            return Check(True, (f"The service answers; generators: {', '.join(sorted(names))}.",))
        python = worker_python(preferences)
    except LyraError as error:
        return Check(False, (str(error),), repairable=preferences.get("backend") == "local")
    return _examined(python)


def repair_setup(say: Callable[[str], None]) -> None:
    """Make the environment that workers run in; `say` is told what is done, line by line.

    Raises:
        LyraError: a step failed.
    """
    from lyra_backend.worker_environment import default_folder, make_environment

    make_environment(default_folder(), say)


def _examined(python: Path) -> Check:
    """Let the workers' own Python look at itself."""
    # Kit sets these for its own Python; another one breaks on them
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    command = [str(python), "-m", "lyra_backend", "doctor", "--json"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_CHECK_S, env=environment)
        found = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Check(False, (f"{python} cannot run the backend ({type(error).__name__}: {error}).",), repairable=True)
    missing = found["missing"]
    lines = [
        f"Python {found['python']}, lyra-backend {found['lyra-backend']}",
        f"Devices: {'; '.join(found['devices'])}",
    ]
    lines += [f"{name}: {text}" for name, text in missing.items()] if isinstance(missing, dict) else []
    return Check(bool(found["ready"]), tuple(lines), repairable=not found["ready"])
