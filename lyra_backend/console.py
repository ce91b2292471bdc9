"""What people see in the terminal: progress with time left, findings and results. Progress goes to stderr.

Users' words (prompts, paths, names of plugins) are printed as they are: nothing here reads Rich's [markup].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .footprint import TrainingPlan
from .progress import CancelToken, Event
from .progress_log import ProgressLog, duration, percent
from .stop_signals import stop_on_signals
from .types import Estimate, RunReport, Severity

__all__ = ["Console", "print_catalog", "print_plan", "print_result", "print_scene", "print_training"]

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


class Console:
    """Shows a job's progress and turns Ctrl-C into a clean stop; a second Ctrl-C stops at once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.token = CancelToken()
        self._quiet = quiet
        self._console = _plain_console(stderr=True)
        self._live = self._console.is_terminal and not quiet
        self._log = None if self._live or quiet else ProgressLog()
        self._bar = Progress(
            TextColumn("{task.fields[stage]:<9}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[percent]:>3}%", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn("{task.description}", style="dim", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._signals = stop_on_signals(self.token, self._stopping)

    def __enter__(self) -> Console:
        self._signals.__enter__()
        if self._live:
            self._bar.start()
            self._task = self._bar.add_task("starting", total=1.0, stage="", percent=0, left="")
        if self._log:
            self._log.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()
        if self._log:
            self._log.stop()
        self._signals.__exit__(None, None, None)

    def show(self, event: Event) -> None:
        """Draw one progress event; without a terminal, write a line if it is worth one."""
        if self._log:
            self._log.show(event)
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=event.fraction,
                description=event.message,
                stage=event.stage,
                percent=percent(event.fraction),
                left="" if event.eta_s is None else f"{duration(event.eta_s)} left",
            )

    def _stopping(self) -> None:
        if not self._quiet:
            self._console.print("Stopping; the same command continues later. Press Ctrl-C again to stop at once.")


def print_scene(directory: Path, report: RunReport, *, reused: bool = False, outdated: bool = False) -> None:
    """Say what came out of a run and where to look."""
    console = _plain_console()
    _print_findings(console, [vars(f) for f in report.findings if f.severity is not Severity.INFO])
    verdict = ("accepted", "bold green") if report.accepted else ("not accepted", "bold red")
    kept = " (this request was already done here; nothing was run)" if reused else ""
    console.print(Text.assemble("Scene ", verdict, f"{kept}: geometry {report.geometry}, grade {report.grade}."))
    if outdated:
        console.print("Another version of Lyra SceneGen made it; --overwrite makes it anew.", style="yellow")
    if not report.accepted:
        codes = {f.code for f in report.findings}
        helps = report.geometry == "exact" and "physics.no_collider" not in codes
        hint = " Another --seed often helps." if helps else ""
        console.print(f"The findings above say why.{hint}")
    for name, what in _results(directory, report):
        if (directory / name).is_file():
            console.print(Text.assemble(f"  {directory / name}  ", (what, "dim")), soft_wrap=True)


def _results(directory: Path, report: RunReport) -> Iterable[tuple[str, str]]:
    """Yield files that a run may leave and what each is for."""
    use = "open in {} and press Play" if report.accepted else "to look at in {}, not to train in"
    if robots := max((stage.counts.get("robots", 0) for stage in report.stages), default=0):
        use += f"; {robots} robot{'s' if robots > 1 else ''} in it"
    versions = {f"stage_isaac{n}.usda": f"Isaac Sim {n}" for n in (5, 6)}
    for name, program in versions.items():
        yield name, use.format(program)
    if any((directory / name).is_file() for name in versions):
        yield "stage.usda", "the same for other programs that read USD"
    else:
        yield "stage.usda", use.format("Isaac Sim 5 or 6")
    yield "scene.usda", "reference from your own stage or Isaac Lab"
    yield "scene.usdz", "the same in one file"
    yield "preview.png", "picture"
    yield "report.html", "pictures, findings and how to make it again, in a browser"
    yield "report.json", "every count and finding, for programs"


def print_plan(plugins: Mapping[str, str], parts: Sequence[Estimate]) -> None:
    """Say what a run will do, what it will take, and in all."""
    console = _plain_console()
    console.print(", ".join(f"{stage} {name}" for stage, name in plugins.items()), soft_wrap=True)
    for part in parts:
        time = None if part.seconds is None else _about(part.seconds)
        memory = None if part.device_bytes is None else f"{_gigabytes(part.device_bytes)} of memory"
        more = ", ".join(filter(None, (time, memory, part.note)))
        console.print(Text.assemble("  ", (part.part, "bold"), f": {more}" if more else ""))
    _print_findings(console, [vars(finding) for part in parts for finding in part.findings])
    _print_total(console, parts)


def print_training(plan: TrainingPlan) -> None:
    """Say what training takes: what was counted, what others measured, and what to do."""
    console = _plain_console()
    _print_findings(console, [vars(f) for f in plan.findings])
    for part in (*plan.parts, *plan.at_most):
        least = "" if part in plan.parts else "at most "
        note = f" ({part.note})" if part.note else ""
        console.print(
            Text.assemble("  ", (part.part, "bold"), f": {least}{_gigabytes(part.device_bytes or 0)}{note}"),
            soft_wrap=True,
        )
    noun = "environment" if plan.environments == 1 else "environments"
    console.print(
        f"{plan.environments} {noun}: {_gigabytes(plan.counted_bytes)} counted for the scene and its pictures, "
        f"{_gigabytes(plan.most_bytes)} at most with simulator, renderer and learner.",
        soft_wrap=True,
    )
    for sentence in plan.advice:
        console.print(f"- {sentence}", soft_wrap=True)


def _gigabytes(count: float) -> str:
    """Return bytes in gigabytes, to the hundredth."""
    if count < 1e7:
        return "less than 0.01 GB"
    return f"{count / 1e9:.2f}".rstrip("0").rstrip(".") + " GB"


def _print_total(console: RichConsole, parts: Sequence[Estimate]) -> None:
    timed = [part for part in parts if part.seconds is not None]
    if not timed:
        console.print("This generator takes seconds to a minute; docs/benchmarks.md has figures.")
        return
    total = _about(sum(part.seconds or 0.0 for part in timed))
    peak = max(part.device_bytes or 0 for part in parts) / 1e9
    machines = " and ".join(dict.fromkeys(part.times_of for part in timed if part.times_of))
    console.print(
        f"In all {total} and {peak:.0f} GB at the peak, by counting and not by measuring"
        f"{f': times are those of {machines}' if machines else ''}. What is finished is kept if it is stopped.",
        soft_wrap=True,
    )


def _about(seconds: float) -> str:
    return f"{'about ' if seconds >= 1 else ''}{duration(seconds)}"


def print_result(data: dict[str, Any]) -> None:
    """Print a command's result for people: indented lines without counts of nothing, then the findings."""
    console = _plain_console()
    counts = {key: value for key, value in data.get("counts", {}).items() if value}
    lines = {**data, "counts": counts} if counts else data
    _print_tree(console, {key: value for key, value in lines.items() if key != "findings"}, 0)
    _print_findings(console, data.get("findings", []))


def print_catalog(listing: dict[str, Any]) -> None:
    """Print plugins and their parameters by the words that are typed on the command line."""
    console = _plain_console()
    console.print(Text.assemble(("presets", "bold"), f" (--preset): {', '.join(listing['presets'])}"))
    if listing.get("models"):
        console.print(Text.assemble(("models", "bold"), f" (--model): {', '.join(listing['models'])}, or a folder"))
    for stage, entry in listing.items():
        if stage in ("presets", "models"):
            continue
        console.print(Text.assemble("\n", (stage, "bold"), (f"  change with --set {stage}.FIELD=VALUE", "dim")))
        _print_parameters(console, entry.get("parameters", {}))
        for noun, plugins in entry.items():
            if noun != "parameters":
                for name, plugin in plugins.items():
                    _print_plugin(console, noun.removesuffix("s"), name, plugin)


def _print_plugin(console: RichConsole, noun: str, name: str, plugin: dict[str, Any]) -> None:
    takes = f" (takes {', '.join(plugin['inputs'])})" if "inputs" in plugin else ""
    console.print(Text.assemble(f"  {noun} ", (name, "bold cyan"), (takes, "dim"), f": {plugin['summary']}"))
    if "unavailable" in plugin:
        console.print(f"    cannot be used: {plugin['unavailable']}", style="yellow")
    _print_parameters(console, plugin.get("parameters", {}))


def _print_parameters(console: RichConsole, parameters: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, schema in parameters.items():
        default = schema.get("default")
        table.add_row(
            f"    {name}" if default is None else f"    {name}={_as_typed(default)}",
            Text.assemble(schema["description"], (f" ({span})" if (span := _span(schema)) else "", "dim")),
        )
    if parameters:
        console.print(table)


def _as_typed(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)


def _span(schema: dict[str, Any]) -> str:
    """Return which values a parameter takes, in words; "" for any."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    low, high, unit = schema.get("minimum"), schema.get("maximum"), schema.get("unit", "")
    if low is not None and high is not None:
        span = f"{_as_typed(low)} to {_as_typed(high)}"
    elif low is not None:
        span = f"at least {_as_typed(low)}"
    else:
        span = "" if high is None else f"at most {_as_typed(high)}"
    return f"{span} {unit}".strip()


def _print_tree(console: RichConsole, data: dict[str, Any], depth: int) -> None:
    indent = "  " * depth
    for key, value in data.items():
        if isinstance(value, dict):
            console.print(Text.assemble(indent, (key, "bold")), soft_wrap=True)
            _print_tree(console, value, depth + 1)
        else:
            console.print(f"{indent}{key}: {_in_words(value)}", soft_wrap=True)


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_findings(console: RichConsole, findings: Iterable[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")  # long paths and URLs are to be read in full
    for f in findings:
        place = f" At {f['where']}." if f["where"] else ""
        numbers = "".join(f", {k} {f[k]:.4g}" for k in ("measured", "limit") if f[k] is not None)
        code = (f" ({f['code']}{numbers})", "dim")
        table.add_row(Text(f["severity"], _STYLES[f["severity"]]), Text.assemble(f["message"], place, code))
    if table.row_count:
        console.print(table)


def _plain_console(*, stderr: bool = False) -> RichConsole:
    return RichConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
