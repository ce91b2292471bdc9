# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Who makes the scenes: a worker on this machine or a service elsewhere, and whether all is set up for it.

Everything here may take seconds or minutes and runs in threads of its own, never in Kit's.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .preferences import Preferences

__all__ = ["Check", "Children", "Driver", "check_setup", "make_driver", "repair_setup", "worker_python"]

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


class Children:
    """Processes that a thread waits for, and that must not outlive whoever asked for them."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[Any]] = []
        self._ended = False
        self._lock = threading.Lock()

    def add(self, process: subprocess.Popen[Any]) -> None:
        """Watch a process that has just been started; one that comes too late ends at once."""
        with self._lock:
            self._running = [p for p in self._running if p.poll() is None] + [process]
            if self._ended:
                process.kill()

    def kill(self) -> None:
        """End all of them, and those that are still to come."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()


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


def check_setup(preferences: Preferences, children: Children) -> Check:
    """Look whether scenes can be made now."""
    from lyra_backend.errors import LyraError

    try:
        if preferences.get("backend") == "service":
            names = make_driver(preferences).describe()["generate"]["generators"]
            return Check(True, (f"The service answers; generators: {', '.join(sorted(names))}.",))
        python = worker_python(preferences)
    except LyraError as error:
        return Check(False, (str(error),), repairable=preferences.get("backend") == "local")
    return _examined(python, children)


def repair_setup(say: Callable[[str], None], children: Children) -> None:
    """Make the environment that workers run in; `say` is told what is done, line by line.

    Raises:
        LyraError: a step failed.
    """
    from lyra_backend.worker_environment import default_folder, make_environment

    make_environment(default_folder(), say, started=children.add)


def _examined(python: Path, children: Children) -> Check:
    """Let the workers' own Python look at itself."""
    from lyra_backend.worker_environment import FOREIGN_VARIABLES

    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
    command = [str(python), "-m", "lyra_backend", "doctor", "--json"]
    try:
        asked = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        children.add(asked)
        with asked:
            found = json.loads(_told(asked))
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Check(False, (f"{python} cannot run the backend ({type(error).__name__}: {error}).",), repairable=True)
    missing = found["missing"]
    lines = [
        f"Python {found['python']}, lyra-backend {found['lyra-backend']}",
        f"Devices: {'; '.join(found['devices'])}",
    ]
    lines += [f"{name}: {text}" for name, text in missing.items()] if isinstance(missing, dict) else []
    return Check(bool(found["ready"]), tuple(lines), repairable=not found["ready"])


def _told(process: subprocess.Popen[str]) -> str:
    """Return what a process has to say; one that takes too long is ended."""
    try:
        return process.communicate(timeout=_CHECK_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise
