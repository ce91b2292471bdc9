# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""What the panel knows and does, without its widgets: they can be built again at any time and nothing is lost.

Data flows one way: widgets call methods, jobs report once a frame in :meth:`Panel.poll`, and what has changed is told
by `Topic`, so that only that part of the window is drawn anew.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import omni.kit.app

from .appearances import drawn_primitives
from .drivers import Check, Children, check_setup, make_driver, repair_setup
from .forms import Form
from .jobs import Job, JobState, JobThread
from .preferences import Preferences
from .runs import Run, list_runs, new_run_folder, preview_of

__all__ = ["INPUTS", "Panel", "Topic"]

#: Inputs by tab, and which files they take.
INPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "text": ("prompt", ()),
    "image": ("image", (".png", ".jpg", ".jpeg", ".webp", ".bmp")),
    "video": ("video", (".mp4", ".mov", ".mkv", ".avi", ".webm")),
    "splat": ("splat", (".ply", ".spz", ".splat", ".ksplat", ".sog", ".zip", ".usd", ".usda", ".usdc", ".usdz")),
}
_MAX_SEED = 2**31


class Topic(StrEnum):
    """What has changed."""

    CATALOG = "catalog"
    INPUT = "input"
    PROGRESS = "progress"
    RESULT = "result"
    HISTORY = "history"
    SETUP = "setup"


@dataclass
class Panel:
    """State of the panel.

    Attributes:
        tab: a key of `INPUTS`.
        prompt: text of the tab "text", and what helps to understand the others.
        files: chosen file, by tab.
        generator: name, "" for the one that fits.
        model: name of a model that comes with the backend, "" for the published one.
        preset, seed: as in a request.
        robot: name in the catalog or a file, "" for none; `own_robot` if a file is to be named.
        folded: the generator's parameters are not shown.
        catalog: what can be asked for, as `describe` gives it; None until it is known.
        problem: why nothing can be made now, or what is wrong with the input; "" if nothing is.
        job: the one that is being made or was made last.
        run: the run that the result card shows.
        preview: picture of the job, None until there is one.
        runs: the history.
        check: what the look at the set-up found, None before one.
        repairing: last line of a repair that goes on, "" if none does.
    """

    preferences: Preferences
    jobs: JobThread
    tab: str = "text"
    prompt: str = ""
    files: dict[str, str] = field(default_factory=dict)
    generator: str = ""
    model: str = ""
    preset: str = ""
    seed: int = 0
    robot: str = ""
    own_robot: bool = False
    folded: bool = True
    catalog: dict[str, Any] | None = None
    problem: str = ""
    job: Job | None = None
    run: Run | None = None
    preview: Path | None = None
    runs: list[Run] = field(default_factory=list)
    check: Check | None = None
    repairing: str = ""
    _forms: dict[str, Form] = field(default_factory=dict)
    _waiting: list[tuple[Future[Any], Callable[[Future[Any]], Topic]]] = field(default_factory=list)
    _changed: set[Topic] = field(default_factory=set)
    _said: str = ""
    _children: Children = field(default_factory=Children)

    @staticmethod
    def with_worker(preferences: Preferences) -> Panel:
        """Return a panel whose jobs are made by whom the user has chosen."""
        panel = Panel(preferences, JobThread(lambda: make_driver(preferences)))
        panel.preset = preferences.get("preset")
        return panel

    def start(self) -> None:
        """Ask what there is: generators, presets and the history."""
        self.load_catalog()
        self.load_history()

    def close(self) -> None:
        """Stop everything that was begun."""
        self._children.kill()
        self.jobs.close()
        self._waiting.clear()

    def poll(self) -> set[Topic]:
        """Take in what has happened since the last frame; return what has to be drawn anew."""
        if self.job is not None and not self.job.ended:
            self._follow(self.job)
        done = [entry for entry in self._waiting if entry[0].done()]
        for entry in done:
            self._waiting.remove(entry)
            self._changed.add(entry[1](entry[0]))
        if self.repairing != self._said:
            self._said = self.repairing
            self._changed.add(Topic.SETUP)
        changed, self._changed = self._changed, set()
        return changed

    # What is made.

    @property
    def busy(self) -> bool:
        return self.job is not None and not self.job.ended

    def generators(self) -> dict[str, str]:
        """Return the generators that take the input of the tab, with a summary of each."""
        if self.catalog is None:
            return {}
        wanted = INPUTS[self.tab][0]
        known = {n: (g["summary"], g.get("inputs", ())) for n, g in self.catalog["generate"]["generators"].items()}
        # a text alone is enough for those that name it first; the others take it beside a file
        return {
            n: s for n, (s, takes) in known.items() if (wanted in takes[:1] if self.tab == "text" else wanted in takes)
        }

    def models(self) -> list[str]:
        """Return the models that come with the backend, if what makes the scene takes one."""
        known = (self.catalog or {}).get("generate", {}).get("generators", {})
        names = [self.generator] if self.generator else list(self.generators())
        takes = self.tab in ("text", "image") and any(
            "model" in known.get(name, {}).get("inputs", ()) for name in names
        )
        return list((self.catalog or {}).get("models", ())) if takes else []

    def form(self) -> Form | None:
        """Return the form of the chosen generator, or of the only one there is; None if that is open."""
        names = list(self.generators())
        name = self.generator if self.generator in names else names[0] if len(names) == 1 else ""
        if not name or self.catalog is None:
            return None
        if name not in self._forms:
            self._forms[name] = Form.of(self.catalog["generate"]["generators"][name].get("parameters", {}))
        return self._forms[name]

    def choose_tab(self, tab: str) -> None:
        """Show another kind of input; a generator that does not take it is let go."""
        self.tab = tab
        if self.generator not in self.generators():
            self.generator = ""
        self._tell(Topic.INPUT)

    def choose_file(self, path: str) -> None:
        """Take a file for the tab that takes such files, which is shown then; says so if none does. "" lets it go."""
        tab = next((t for t in (self.tab, *INPUTS) if path.lower().endswith(INPUTS[t][1] or ("\0",))), "")
        if path == self.files.get(self.tab, ""):
            return
        if not path:
            self.files.pop(self.tab)
        elif not tab:
            self.problem = f"{Path(path).name}: is no picture, video or splat that can be read."
        else:
            self.files[tab], self.problem = path, ""
            self.preferences.set("last_folder", str(Path(path).parent))
            self.choose_tab(tab)
        self._tell(Topic.INPUT)

    def roll_seed(self) -> int:
        """Return a new seed, which is chosen then."""
        self.seed = random.randrange(_MAX_SEED)
        return self.seed

    def request(self) -> dict[str, Any]:
        """Return what is asked for, as JSON data.

        Raises:
            ValueError: something is missing or wrong; says what.
        """
        field_name = INPUTS[self.tab][0]
        given = {field_name: self.prompt.strip() if self.tab == "text" else self.files.get(self.tab, "")}
        if not given[field_name]:
            article = "an" if self.tab == "image" else "a"
            raise ValueError(
                "Say what the scene shows." if self.tab == "text" else f"Choose {article} {self.tab} first."
            )
        if self.tab != "text" and self.prompt.strip():
            given["prompt"] = self.prompt.strip()
        form = self.form()
        params = {"generate": form.values()} if form is not None and form.values() else {}
        asked: dict[str, Any] = {**given, "seed": self.seed, "preset": self.preset or "standard"}
        asked["primitives"] = drawn_primitives(omni.kit.app.get_app().get_kit_version())
        asked |= {"generator": self.generator} if self.generator else {}
        asked |= {"model": self.model} if self.model in self.models() else {}
        params |= {"place": {"robots": self._robots()}} if self._robots() else {}
        return asked | ({"params": params} if params else {})

    def generate(self) -> Job | None:
        """Begin to make what is asked for, or go on with it where it was stopped.

        Returns None if something is missing, which `problem` says then.
        """
        if self.busy:
            return None
        try:
            request = self.request()
        except ValueError as error:
            self.problem = str(error)
            self._tell(Topic.PROGRESS)
            return None
        last = self.job
        if last is not None and self._goes_on(last, request):
            return self.begin(request, last.out)
        return self.begin(request, new_run_folder(self.preferences.runs_folder, request, self.jobs.folders))

    def resume(self, run: Run) -> Job | None:
        """Go on with a run that broke off."""
        return None if self.busy else self.begin(run.request_again(), run.directory)

    def begin(self, request: dict[str, Any], out: Path) -> Job:
        """Begin a job for a request."""
        self.problem, self.run, self.preview = "", None, None
        self.job = self.jobs.start(request, out)
        self._tell(Topic.PROGRESS, Topic.RESULT)
        return self.job

    def cancel(self) -> None:
        """Stop the job that is being made."""
        if self.job is not None:
            self.job.cancel()
            self._tell(Topic.PROGRESS)

    # What there is.

    def load_catalog(self) -> None:
        """Ask what can be asked for."""
        self._later(self.jobs.ask(lambda driver: driver.describe()), self._know)

    def load_history(self) -> None:
        """Look for runs in the folder of runs."""
        folder = self.preferences.runs_folder
        self._later(_aside(list_runs, folder), self._remember)

    def show(self, run: Run) -> None:
        """Show a run of the history on the result card."""
        self.run, self.preview = run, run.preview
        self._tell(Topic.RESULT)

    def choose_backend(self, backend: str) -> None:
        """Let scenes be made by "local" workers or a "service" from now on."""
        self.preferences.set("backend", backend)
        self.catalog, self.check = None, None
        self.jobs.renew()
        self.load_catalog()
        self._tell(Topic.SETUP, Topic.CATALOG)

    def check_setup(self) -> None:
        """Look whether all is there that scenes are made with."""
        self._later(_aside(check_setup, self.preferences, self._children), self._checked)

    def repair_setup(self) -> None:
        """Make the environment of workers; `repairing` says how it goes on."""
        if self.repairing:
            return
        self.repairing = "starting"
        self._later(_aside(repair_setup, self._say, self._children), self._repaired)

    # How it goes on.

    def _follow(self, job: Job) -> None:
        events = job.drain()
        if not events and not job.ended:
            return
        self._tell(Topic.PROGRESS)
        if self.preview is None:
            self.preview = preview_of(job.out)
            self._tell(*([Topic.RESULT] if self.preview else []))
        if job.ended:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        self.problem = job.error
        if job.state in (JobState.ACCEPTED, JobState.REJECTED):
            self.run = Run.read(job.out)
            self.preview = self.run.preview if self.run else None
        self._tell(Topic.RESULT)
        self.load_history()

    def _goes_on(self, last: Job, request: dict[str, Any]) -> bool:
        """Return whether a request goes on where the last job was stopped; a service begins anew."""
        stopped = last.state in (JobState.CANCELLED, JobState.FAILED)
        return stopped and self.preferences.get("backend") == "local" and _is_same(last.request, request)

    def _robots(self) -> str:
        """Return the robots that free space is looked for, if the user's choice is not among the usual ones."""
        if not self.robot or "/" in self.robot or "\\" in self.robot or self.catalog is None:
            return ""
        usual = str(self.catalog["place"]["parameters"]["robots"]["default"])
        return "" if self.robot in usual.split(",") else f"{usual},{self.robot}"

    def _later(self, asked: Future[Any], then: Callable[[Future[Any]], Topic]) -> None:
        self._waiting.append((asked, then))

    def _know(self, asked: Future[Any]) -> Topic:
        error = asked.exception()
        self.catalog = None if error else asked.result()
        self.problem = str(error) if error else ""
        return Topic.CATALOG

    def _remember(self, asked: Future[Any]) -> Topic:
        self.runs = [] if asked.exception() else asked.result()
        return Topic.HISTORY

    def _checked(self, asked: Future[Any]) -> Topic:
        error = asked.exception()
        self.check = Check(False, (str(error),)) if error else asked.result()
        if self.check.ready and self.catalog is None:
            self.load_catalog()
        return Topic.SETUP

    def _repaired(self, asked: Future[Any]) -> Topic:
        error = asked.exception()
        self.repairing = ""
        self.check = Check(False, (str(error),), repairable=True) if error else None
        if error is None:
            self.jobs.renew()
            self.load_catalog()
            self.check_setup()
        return Topic.SETUP

    def _say(self, line: str) -> None:
        """Take in a line of the repair, from its thread."""
        self.repairing = line

    def _tell(self, *topics: Topic) -> None:
        self._changed.update(topics)


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two requests ask for the same, with defaults spelt out or not."""
    from lyra_backend.errors import InvalidRequest
    from lyra_backend.types import SceneRequest

    try:
        return SceneRequest.from_json(one) == SceneRequest.from_json(other)
    except InvalidRequest:
        return False


def _aside(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Do something in a thread that does not keep Kit from ending; return what will hold the answer."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work(*arguments))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="lyra-look", daemon=True).start()
    return answer
