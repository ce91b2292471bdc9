"""omni.kit.commands and omni.kit.undo: commands by name, groups, undo and redo."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .app import Log

__all__ = ["Command", "Commands", "Undo"]


class Command:
    """omni.kit.commands.Command."""


class Commands:
    """The functions of omni.kit.commands."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._classes: dict[str, type[Any]] = {}
        self._group: list[Any] | None = None
        self._done: list[list[Any]] = []
        self._undone: list[list[Any]] = []

    def register_all_commands_in_module(self, module: ModuleType) -> list[str]:
        found = {
            name.removesuffix("Command"): kind
            for name, kind in vars(module).items()
            if inspect.isclass(kind) and issubclass(kind, Command) and kind.__module__ == module.__name__
        }
        self._classes |= found
        return list(found)

    def unregister_module_commands(self, command_interface: list[str]) -> None:
        for name in command_interface:
            self._classes.pop(name)

    def execute(self, name: str, **kwargs: Any) -> tuple[bool, Any]:
        """Run a command; what it raises is logged, and the command is asked to take itself back, as Kit does."""
        command = self._classes[name](**kwargs)
        try:
            result = command.do()
        except Exception as error:
            self._log.log_error(f"{name}: {error}")
            if hasattr(command, "undo"):
                command.undo()
            return False, None
        if hasattr(command, "undo"):
            if self._group is not None:
                self._group.append(command)
            else:
                self._done.append([command])
            self._undone.clear()
        return True, result


class Undo:
    """The functions of omni.kit.undo."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    @contextmanager
    def group(self) -> Iterator[None]:
        commands = self._commands
        if commands._group is not None:
            yield
            return
        commands._group = []
        try:
            yield
        finally:
            if commands._group:
                commands._done.append(commands._group)
            commands._group = None

    def undo(self) -> bool:
        if not self._commands._done:
            return False
        step = self._commands._done.pop()
        for command in reversed(step):
            command.undo()
        self._commands._undone.append(step)
        return True

    def redo(self) -> bool:
        if not self._commands._undone:
            return False
        step = self._commands._undone.pop()
        for command in step:
            command.do()
        self._commands._done.append(step)
        return True
