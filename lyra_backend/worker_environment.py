"""The Python that workers run in: this one, one that is named, or an environment made for them.

Does: find it, make it, and say whether it is current. Does not: start workers, or touch the environment that this code
runs in. Kit's Python pins versions that scenes are not made with, so workers have packages of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from . import __version__
from .errors import InvalidRequest, LyraError
from .paths import data_folder

__all__ = [
    "FOREIGN_VARIABLES",
    "EnvironmentFailed",
    "default_folder",
    "find_python",
    "is_current",
    "make_environment",
    "python_in",
]

#: Names a Python for workers, before everything else.
VARIABLE = "LYRA_SCENEGEN_PYTHON"
#: What workers need that Kit's Python lacks.
_MODULES = ("scipy", "warp", "pxr", "trimesh", "filelock", "psutil", "typer")
_EXTRAS = ("physics", "formats")
#: Kit sets these for its own Python and USD; another one breaks on them.
FOREIGN_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "LD_PRELOAD", "PXR_PLUGINPATH_NAME")
#: Written last: the environment is whole, and what it holds.
_STAMP = "lyra-scenegen.json"
_CHECKOUT = Path(__file__).resolve().parents[1]


class EnvironmentFailed(LyraError):
    """The workers' environment could not be made."""


def default_folder() -> Path:
    """Return where the workers' environment lies: the platform's place for a program's data."""
    return data_folder() / "python"


def find_python(folder: Path | None = None) -> Path:
    """Return the Python to start workers with.

    The one that the variable LYRA_SCENEGEN_PYTHON names; else the one made in `folder`, if it is current; else this
    one, if it has what scenes are made with.

    Raises:
        InvalidRequest: there is none of these.
    """
    folder = folder or default_folder()
    if named := os.environ.get(VARIABLE):
        if not Path(named).is_file():
            raise InvalidRequest(f"{VARIABLE}: must name a Python, but there is no file {named}. Mend it or unset it.")
        return Path(named)
    if is_current(folder):
        return python_in(folder)
    own = _own_python()
    if own is not None and all(find_spec(module) is not None for module in _MODULES):
        return own
    raise InvalidRequest(
        f"workers: need a Python of their own, and there is none in {folder}. Run: lyra-scenegen doctor --fix; or let "
        f"{VARIABLE} name one that has lyra-backend."
    )


def is_current(folder: Path) -> bool:
    """Return whether the environment in `folder` is whole and was made for this very package."""
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(stamp.get("contents") == _contents()) and python_in(folder).is_file()


def make_environment(
    folder: Path,
    say: Callable[[str], None],
    *,
    extras: Sequence[str] = _EXTRAS,
    pip_options: Sequence[str] = (),
    started: Callable[[subprocess.Popen[str]], None] = lambda process: None,
) -> Path:
    """Make the workers' environment in `folder`, anew if it is not current; return its Python.

    Args:
        folder: where; what is there is replaced if it is such an environment.
        say: told what is done, line by line; what it raises ends the work.
        extras: parts of lyra-backend to install as well.
        pip_options: more words for pip.
        started: told each process that is started for it, so that it can be ended.

    Raises:
        EnvironmentFailed: there is no Python to make it with, or a step failed.
        InvalidRequest: `folder` holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file():
        raise InvalidRequest(f"{folder}: is in the way, it is no virtual environment. Move it away and try again.")
    own = _own_python()
    if own is None:
        raise EnvironmentFailed(
            f"workers: no Python to make an environment with; {sys.executable} is none. Install one."
        )
    (folder / _STAMP).unlink(missing_ok=True)
    say(f"making {folder}")
    _run([str(own), "-m", "venv", "--clear", str(folder)], say, started)
    say(f"installing {_target(extras)[-1]}; the first time this downloads some hundred megabytes")
    python = python_in(folder)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    _run([*pip, *pip_options, *_target(extras)], say, started)
    stamp = {"contents": _contents(), "version": __version__, "extras": sorted(extras)}
    (folder / _STAMP).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    return python


def python_in(folder: Path) -> Path:
    """Return the Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _own_python() -> Path | None:
    """Return the Python that runs this; None in a program that has none as a file, or not under that name."""
    known = [Path(sys.executable)] if sys.executable else []
    known += [Path(sys.prefix) / name for name in ("bin/python3", "python.exe")]
    return next((path for path in known if path.stem.startswith("python") and path.is_file()), None)


def _is_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file()


def _target(extras: Sequence[str]) -> list[str]:
    """Return what pip is to install: the checkout that this runs from, as it is at any time, or this version."""
    wanted = f"[{','.join(extras)}]" if extras else ""
    return ["--editable", f"{_CHECKOUT}{wanted}"] if _is_checkout() else [f"lyra-backend{wanted}=={__version__}"]


def _contents() -> str:
    """Return a digest of what decides which packages are in an environment."""
    project = (_CHECKOUT / "pyproject.toml").read_bytes() if _is_checkout() else b""
    where = str(_CHECKOUT) if _is_checkout() else ""
    return hashlib.sha256(project + f"\n{where}\n{__version__}".encode()).hexdigest()


def _run(command: Sequence[str], say: Callable[[str], None], started: Callable[[subprocess.Popen[str]], None]) -> None:
    """Run a step, its output going to `say`."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_VARIABLES}
    last: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as child:
        try:
            started(child)
            for line in child.stdout or ():
                last = [*last[-3:], line.strip()]
                say(line.rstrip())
        except BaseException:  # nobody is left to install for: whoever is told stops it by raising
            child.kill()
            raise
    if child.returncode != 0:
        step = " ".join(Path(word).name for word in command[:4])
        raise EnvironmentFailed(f"workers: {step} failed with exit code {child.returncode}: {' | '.join(last)}")
