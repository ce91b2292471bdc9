"""What people see in the terminal: progress with time left, findings and results. Progress goes to stderr."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from .progress import CancelToken, Event
from .types import RunReport

__all__ = ["Console", "print_catalog", "print_result"]

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


class Console:
    """Shows a job's progress and turns Ctrl-C into a clean stop; a second Ctrl-C stops at once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.token = CancelToken()
        self._quiet = quiet
        self._console = RichConsole(stderr=True, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._bar = Progress(
            TextColumn("{task.fields[stage]:<9}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("[dim]{task.description}"),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._previous: Any = None

    def __enter__(self) -> Console:
        self._previous = signal.signal(signal.SIGINT, self._interrupt)
        if self._live:
            self._bar.start()
            self._task = self._bar.add_task("starting", total=1.0, stage="", left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()
        signal.signal(signal.SIGINT, self._previous)

    def show(self, event: Event) -> None:
        """Draw one progress event; without a terminal, print one line a stage."""
        left = "" if event.eta_s is None else f"{_duration(event.eta_s)} left"
        if self._live and self._task is not None:
            self._bar.update(
                self._task, completed=event.fraction, description=event.message, stage=event.stage, left=left
            )
        elif not self._quiet and event.stage != self._stage:
            self._stage = event.stage
            sys.stderr.write(
                f"[{event.elapsed_s:6.1f} s] {event.message} {f'({left})' if left else ''}\n".rstrip() + "\n"
            )

    def scene_summary(self, directory: Path, report: RunReport, reused: bool) -> None:
        """Say what came out and where to look."""
        console = RichConsole(highlight=False)
        if self._live:
            self._bar.stop()
        _print_findings(console, [vars(f) for f in report.findings if f.severity != "info"])
        verdict = "[bold green]accepted[/]" if report.accepted else "[bold red]not accepted[/]"
        kept = " (this request was already done here; nothing was run)" if reused else ""
        console.print(f"Scene {verdict}{kept}: geometry {report.geometry}, grade {report.grade}.")
        if not report.accepted:
            hint = " Another --seed often helps." if report.geometry == "exact" else ""
            console.print(f"The findings above say why.{hint}")
        for name, what in (
            ("stage.usda", "open in Isaac Sim 6 and press Play" if report.accepted else "to look at, not to train in"),
            ("scene.usda", "reference from your own stage or Isaac Lab"),
            ("preview.png", "picture"),
            ("report.json", "every count and finding"),
        ):
            if (directory / name).is_file():
                console.print(f"  {escape(str(directory / name))}  [dim]{what}[/]", soft_wrap=True)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.token.cancelled:
            raise KeyboardInterrupt
        self.token.cancel()
        if not self._quiet:
            self._console.print("Stopping; the same command continues later. Press Ctrl-C again to stop at once.")


def print_result(data: dict[str, Any]) -> None:
    """Print a command's result for people: findings as a table, the rest as indented lines."""
    console = RichConsole(highlight=False)
    findings = data.pop("findings", None)
    _print_tree(console, data, 0)
    if findings is not None:
        _print_findings(console, findings)


def print_catalog(listing: dict[str, Any]) -> None:
    """Print plugins and their parameters as they are typed on the command line."""
    console = RichConsole(highlight=False)
    console.print(f"[bold]presets[/] (--preset): {', '.join(listing['presets'])}")
    for stage, entry in listing.items():
        if stage == "presets":
            continue
        console.print(f"\n[bold]{stage}[/]")
        _print_parameters(console, stage, entry.get("parameters", {}))
        for noun, plugins in entry.items():
            if noun == "parameters":
                continue
            for name, plugin in plugins.items():
                takes = f" [dim](takes {', '.join(plugin['inputs'])})[/]" if "inputs" in plugin else ""
                console.print(f"  {noun[:-1]} [bold cyan]{name}[/]{takes}: {plugin['summary']}")
                if "unavailable" in plugin:
                    console.print(f"    [yellow]{plugin['unavailable']}[/]")
                _print_parameters(console, stage, plugin.get("parameters", {}))


def _print_parameters(console: RichConsole, stage: str, parameters: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for name, schema in parameters.items():
        default = schema.get("default")
        value = "" if default is None else f"{default:g}" if isinstance(default, float) else default
        span = " | ".join(schema["enum"]) if "enum" in schema else ""
        if not span and ("minimum" in schema or "maximum" in schema):
            span = f"{schema.get('minimum', '')} to {schema.get('maximum', '')} {schema.get('unit', '')}".strip()
        table.add_row(f"    --set {stage}.{name}={value}", schema["description"], f"[dim]{span}[/]")
    if parameters:
        console.print(table)


def _print_tree(console: RichConsole, data: Any, depth: int) -> None:
    for key, value in data.items():
        if isinstance(value, dict):
            console.print(f"{'  ' * depth}[bold]{key}[/]")
            _print_tree(console, value, depth + 1)
        else:
            console.print(f"{'  ' * depth}{key}: {value}", soft_wrap=True, markup=False)


def _print_findings(console: RichConsole, findings: list[dict[str, Any]]) -> None:
    if not findings:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", "finding", "measured", "limit", "message"):
        table.add_column(column, overflow="fold")
    for f in findings:
        severity = str(f["severity"])
        numbers = ["" if f[k] is None else f"{f[k]:.4g}" for k in ("measured", "limit")]
        place = f" At {f['where']}." if f["where"] else ""
        table.add_row(f"[{_STYLES[severity]}]{severity}[/]", f["code"], *numbers, escape(f["message"] + place))
    console.print(table)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
