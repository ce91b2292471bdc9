"""Set up, try, test and check a checkout, with nothing but Python 3.11 or 3.12.

    python3 tools/dev.py setup      make .venv and install Lyra SceneGen into it; with extras: setup --extra lyra
    python3 tools/dev.py demo       ... and generate a scene into outputs/demo
    python3 tools/dev.py test       ... and run the tests; more words go to pytest: test tests/validate -k floor
    python3 tools/dev.py lint       ... and run ruff, mypy and the layering check
    python3 tools/dev.py docs       ... and build the documentation into _site; any broken link is an error

What is installed already is used again; delete .venv to start over. Where there is no NVIDIA GPU, torch comes without
CUDA, if its own index can be reached: that saves gigabytes. Exit code 0 if all went well, 2 for a Python or
a system that cannot do it, 130 after Ctrl-C, else that of the step that failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "lyra-installed.json"
PYTHONS = ((3, 12), (3, 11))
EXTRAS = ("formats", "physics", "video")
DEMO_PROMPT = "a narrow warehouse aisle with six pallets and a red barrel"
DEMO_OUT = Path("outputs") / "demo"
CHECKED = ("lyra_backend", "tests", "tools", "examples", "exts")
#: In the order in which one would open them.
DEMO_FILES = {
    "preview.png": "a picture of the scene",
    "stage_isaac6.usda": "the stage: open it in Isaac Sim 6 and press Play",
    "scene.usda": "the asset: reference it from your own stage",
    "report.html": "everything about it on one page: open it in a browser",
}
#: Extras that bring torch, where its builds without CUDA are, and how long that place may be silent [s].
LEARNING = {"lyra", "train", "training", "test"}
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
SILENCE_S = 5.0
#: Most processes that test at a time: each may load torch, and some tests measure how soon something ends.
MOST_TESTERS = 4
#: How long a stopped child may take to tidy up [s].
PATIENCE_S = 15.0


class CannotWork(Exception):
    """This machine cannot do it; the text says why and what would help."""


class StepFailed(Exception):
    """A step ended with an exit code other than 0."""

    def __init__(self, step: str, code: int) -> None:
        super().__init__(f"{step} failed with exit code {code}; what went wrong is above.")
        # A process that a signal ended has a negative code, which no shell can pass on.
        self.code = code if code > 0 else 128 - code


def say(text: str) -> None:
    """Tell the user, before and not after the children that print next."""
    print(f"[dev] {text}", flush=True)


def call(command: Sequence[str | Path]) -> int:
    """Run a command in the checkout, its output going where ours goes, and return its exit code."""
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal sent Ctrl-C to the child as well; let it leave things in order.
        try:
            process.wait(timeout=PATIENCE_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        raise


def must(step: str, command: Sequence[str | Path]) -> None:
    code = call(command)
    if code != 0:
        raise StepFailed(step, code)


def check_python() -> None:
    """Refuse Pythons that the package does not run on, naming one that is there if there is one."""
    if sys.version_info[:2] in PYTHONS:
        return
    came = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = [f"python{major}.{minor}" for major, minor in PYTHONS]
    there = next((name for name in names if runs(name)), None)
    advice = f"Run: {there} tools/dev.py {' '.join(sys.argv[1:])}" if there else "Install one of them and run it again."
    raise CannotWork(f"Lyra SceneGen runs on Python 3.11 and 3.12, this is Python {came}. {advice}")


def runs(program: str) -> bool:
    """Say whether a program is there and works; launchers of version managers can be there and not work."""
    path = shutil.which(program)
    return path is not None and subprocess.run([path, "--version"], capture_output=True).returncode == 0


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_version() -> str | None:
    """Return the version of a working .venv with pip in it, None if it is missing or half-made."""
    if not venv_python().is_file():
        return None
    question = "import platform, pip; print(platform.python_version())"
    try:
        answer = subprocess.run([venv_python(), "-c", question], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def ensure_venv() -> str:
    """Make .venv unless there is a good one; return its Python version."""
    version = venv_version()
    if version and tuple(int(part) for part in version.split(".")[:2]) in PYTHONS:
        return version
    if VENV.exists():
        if any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").is_file():
            raise CannotWork(f"{VENV} is in the way: it is no virtual environment. Move it away and run this again.")
        say(f".venv is {f'for Python {version}' if version else 'half-made'}: making it anew")
        shutil.rmtree(VENV)
    say(f"making .venv with Python {sys.version.split()[0]}")
    try:
        must("making .venv", [sys.executable, "-m", "venv", VENV])
    except StepFailed as failure:
        help_line = "On Debian and Ubuntu: sudo apt install python3-venv"
        raise CannotWork(f"{failure} Python needs its modules venv and ensurepip. {help_line}") from failure
    version = venv_version()
    if version is None:
        raise CannotWork(f"{venv_python()} does not run, although it has just been made. Is the disk full?")
    return version


def installed(version: str, extras: Sequence[str]) -> bool:
    """Say whether .venv holds this very pyproject.toml with at least these extras."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return bool(stamp["key"] == install_key(version) and set(extras) <= set(stamp["extras"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def install_key(version: str) -> str:
    """Return what an installation depends on: the dependencies, the Python, and where the checkout lies."""
    text = (ROOT / "pyproject.toml").read_bytes() + f"\n{version}\n{ROOT}".encode()
    return hashlib.sha256(text).hexdigest()


def set_up(extras: Sequence[str]) -> None:
    """Bring .venv to where the package and `extras` are installed in it, editable."""
    check_python()
    version = ensure_venv()
    if installed(version, extras):
        say(f"using .venv (Python {version}); everything is installed")
        return
    wanted = f".[{','.join(extras)}]"
    say(f"installing {wanted} into .venv; the first time this downloads several hundred megabytes")
    STAMP.unlink(missing_ok=True)
    pip = ("-m", "pip", "install", "--disable-pip-version-check", *torch_options(extras), "--editable")
    must("installing", [venv_python(), *pip, wanted])
    if "test" in extras:
        # Tests let these robots walk; the packages that have their files are not installed, see `weights robots`.
        must("fetching robots", [venv_python(), "-m", "lyra_backend", "weights", "robots"])
    stamp = {"key": install_key(version), "extras": sorted(extras)}
    STAMP.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


def torch_options(extras: Sequence[str]) -> tuple[str, ...]:
    """Return what pip must be told so that a computer without an NVIDIA GPU gets a torch without CUDA."""
    if not LEARNING & set(extras) or sys.platform != "linux" or shutil.which("nvidia-smi"):
        return ()  # there is none to be had, it is the usual one, or it is of no use
    try:
        urllib.request.urlopen(f"{CPU_BUILDS}/torch/", timeout=SILENCE_S).close()
    except OSError as error:
        say(f"{CPU_BUILDS} cannot be reached ({error}): torch comes from where pip finds it, perhaps with CUDA")
        return ()
    # Of equal versions pip takes the one with a local label, which is "+cpu".
    return ("--extra-index-url", CPU_BUILDS)


def extras_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return the extras that the words after "setup" ask for: pairs of --extra and a name.

    Raises:
        CannotWork: the words are others, or there is no such extra.
    """
    import tomllib  # which other Pythons than ours lack, and those are refused in words

    names = tuple(words[1::2])
    if len(words) % 2 or set(words[::2]) - {"--extra"}:
        raise CannotWork(f"setup takes --extra NAME, as often as needed, and got: {' '.join(words)}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = project.get("optional-dependencies", {})
    if unknown := [name for name in names if name not in known]:
        raise CannotWork(f"there is no extra {', '.join(unknown)}; there are: {', '.join(known)}")
    return names


def set_up_with(words: Sequence[str]) -> None:
    """Set up with the extras that `words` name beside those that everybody gets."""
    check_python()
    set_up(tuple(dict.fromkeys((*EXTRAS, *extras_of(words)))))


def demo() -> None:
    """Generate the scene of the README."""
    set_up(EXTRAS)
    command = ["generate", "--prompt", DEMO_PROMPT, "--out", str(DEMO_OUT)]
    say(f'lyra-scenegen generate --prompt "{DEMO_PROMPT}" --out {DEMO_OUT.as_posix()}')
    code = call([venv_python(), "-m", "lyra_backend", *command])
    there = {name: text for name, text in DEMO_FILES.items() if (ROOT / DEMO_OUT / name).is_file()}
    if there:
        say("look at:")
        for name, text in there.items():
            print(f"  {(DEMO_OUT / name).as_posix():26} {text}", flush=True)
    if code != 0:
        raise StepFailed("generating the scene", code)


def testers() -> int:
    """Return how many processes run tests: one for each processor core that this one may use, within reason."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_TESTERS)


def test(words: Sequence[str]) -> None:
    """Run all tests in several processes, or in one those that `words` for pytest choose."""
    set_up((*EXTRAS, "test"))
    # The tests of one file share what is made for them. In their usual order: the other one has the longest files last.
    everything = ["-n", str(testers()), "--dist", "loadfile", "--no-loadscope-reorder"]
    arguments = list(words) or everything
    say(f"pytest {' '.join(arguments)}")
    must("testing", [venv_python(), "-m", "pytest", *arguments])


def lint() -> None:
    """Run every check even if one of them finds something."""
    set_up((*EXTRAS, "test"))
    folders = [folder for folder in CHECKED if (ROOT / folder).is_dir()]
    steps = {
        "ruff check": ["-m", "ruff", "check", *folders],
        "ruff format": ["-m", "ruff", "format", "--check", *folders],
        "mypy": ["-m", "mypy"],
        "layering": ["tools/check_layering.py"],
    }
    failed = []
    for name, arguments in steps.items():
        say(name)
        if call([venv_python(), *arguments]) != 0:
            failed.append(name)
    if failed:
        raise StepFailed(", ".join(failed), 1)
    say("no complaints")


def docs() -> None:
    """Build the documentation as a site."""
    set_up((*EXTRAS, "test"))
    # its makers advertise their next program otherwise
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    must("building the documentation", [venv_python(), "-m", "mkdocs", "build", "--strict"])
    say("open _site/index.html in a browser")


def main(arguments: Sequence[str]) -> int:
    """Do what the first word says and return the exit code."""
    command, words = (arguments[0], arguments[1:]) if arguments else ("", [])
    actions = {
        "setup": lambda: set_up_with(words),
        "demo": demo,
        "test": lambda: test(words),
        "lint": lint,
        "docs": docs,
    }
    if command not in actions or (words and command not in ("setup", "test")):
        print(__doc__)
        return 0 if command in ("-h", "--help", "help") else 2
    try:
        actions[command]()
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        return 130
    except CannotWork as reason:
        say(str(reason))
        return 2
    except StepFailed as failure:
        say(str(failure))
        return failure.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
