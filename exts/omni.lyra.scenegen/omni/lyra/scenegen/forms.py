# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""A form for the parameters of a generator, made from their JSON schema: what may be entered, and what has been.

Does: read what users type, say what is wrong with it, and keep it while the form is rebuilt. Does not: draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Field", "Form"]

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Field:
    """One parameter.

    Attributes:
        name: as in a request.
        kind: "boolean", "integer", "number" or "string".
        default: None means "as the generator sees fit".
        choices: words to choose from; empty if any will do.
        low, high: bounds, None where there is none.
        unit, help: for people.
    """

    name: str
    kind: str
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""

    @staticmethod
    def of(name: str, schema: Mapping[str, Any]) -> Field:
        """Read one property of a JSON schema."""
        return Field(
            name,
            schema.get("type", "string"),
            schema.get("default"),
            schema.get("description", ""),
            tuple(schema.get("enum", ())),
            schema.get("minimum"),
            schema.get("maximum"),
            schema.get("unit", ""),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """What may be chosen, "" for the default where that is no choice of its own; nothing if users type or tick."""
        known = ("true", "false") if self.kind == "boolean" and self.default is None else self.choices
        return ("", *known) if known and self.default is None else known

    @property
    def label(self) -> str:
        """The name for people, with its unit."""
        words = self.name.replace("_", " ")
        return f"{words} [{self.unit}]" if self.unit else words

    @property
    def tooltip(self) -> str:
        """What it does, and what may be entered."""
        bounds = [f"at least {self.low:g}"] if self.low is not None else []
        bounds += [f"at most {self.high:g}"] if self.high is not None else []
        default = "as the generator sees fit" if self.default is None else f"{self.default}"
        return f"{self.help}\n{', '.join([*bounds, f'default: {default}'])}"

    def read(self, text: str) -> Value:
        """Return what a text stands for; an empty one for the default.

        Raises:
            ValueError: it cannot be used; says why.
        """
        text = text.strip()
        if not text:
            return self.default
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"{self.label}: must be one of {', '.join(self.choices)}.")
            return text
        if self.kind == "boolean":
            return text.lower() in ("true", "1", "yes", "on")
        return self._number(text) if self.kind in ("integer", "number") else text

    def _number(self, text: str) -> int | float:
        whole = self.kind == "integer"
        try:
            value: int | float = int(text) if whole else float(text)
        except ValueError:
            raise ValueError(f"{self.label}: must be a {'whole ' if whole else ''}number, got {text!r}.") from None
        if self.low is not None and value < self.low:
            raise ValueError(f"{self.label}: must be at least {self.low:g}, got {value:g}.")
        if self.high is not None and not value <= self.high:
            raise ValueError(f"{self.label}: must be at most {self.high:g}, got {value:g}.")
        return value


@dataclass
class Form:
    """The parameters of a plugin and what users have entered for them.

    Attributes:
        fields: by name, in the order in which they are shown.
        entered: texts by name; a name without one has its default.
    """

    fields: dict[str, Field]
    entered: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(properties: Mapping[str, Mapping[str, Any]]) -> Form:
        """Make a form for the properties of a JSON schema."""
        return Form({name: Field.of(name, schema) for name, schema in properties.items()})

    def text(self, name: str) -> str:
        """Return what a field shows."""
        if name in self.entered:
            return self.entered[name]
        default = self.fields[name].default
        return "" if default is None else str(default).lower() if isinstance(default, bool) else f"{default}"

    def enter(self, name: str, text: str) -> str:
        """Take in what was entered; return what is wrong with it, "" if nothing is."""
        self.entered[name] = text
        return self.error(name)

    def error(self, name: str) -> str:
        """Return what is wrong with a field, "" if nothing is."""
        try:
            self.fields[name].read(self.text(name))
        except ValueError as error:
            return str(error)
        return ""

    def errors(self) -> list[str]:
        """Return what is wrong, field by field."""
        return [error for name in self.fields if (error := self.error(name))]

    def values(self) -> dict[str, Value]:
        """Return what differs from the defaults, as a request's parameters.

        Raises:
            ValueError: a field cannot be used.
        """
        read = {name: self.fields[name].read(text) for name, text in self.entered.items() if name in self.fields}
        return {name: value for name, value in read.items() if value != self.fields[name].default}
