# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""How the scene is made: generator, preset, seed, where it goes, which robot, and the generator's own parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import omni.ui as ui

from ..forms import Field, Form
from ..on_stage import PLACINGS
from ..panel import Panel
from ..robots import robot_catalog
from ..style import GAP, LABEL_WIDTH, ROW

__all__ = ["OptionsView"]

_AUTOMATIC, _PUBLISHED = "automatic", "as fetched (docs/lyra.md)"
_NONE, _FILE = "none", "another file"


class OptionsView:
    """The form."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._frame = ui.Frame(height=0, build_fn=self._build)

    def refresh(self) -> None:
        """Draw anew."""
        self._frame.rebuild()

    def _build(self) -> None:
        with ui.VStack(spacing=GAP, height=0):
            if self._panel.catalog is None:
                said = "Not known what there is; see below." if self._panel.problem else "Asking what there is ..."
                ui.Label(said, name="hint")
                return
            names = ["", *self._panel.generators()]
            _choice("Generator", names, self._panel.generator, self._choose_generator, first=_AUTOMATIC)
            _choice("Preset", self._panel.catalog["presets"], self._panel.preset, self._choose_preset)
            if models := self._panel.models():
                _choice("Model", ["", *models], self._panel.model, self._choose_model, first=_PUBLISHED)
            self._build_seed()
            _choice("Place", list(PLACINGS), self._panel.preferences.get("placing"), self._place, words=PLACINGS)
            self._build_robot()
            if (form := self._panel.form()) is not None:
                hidden = ui.CollapsableFrame("Parameters", collapsed=self._panel.folded, identifier="parameters")
                hidden.set_collapsed_changed_fn(self._fold)
                with hidden, ui.VStack(spacing=GAP, height=0):
                    for field in form.fields.values():
                        _row(field, form)

    def _build_seed(self) -> None:
        with ui.HStack(height=ROW, spacing=GAP):
            ui.Label("Seed", width=LABEL_WIDTH, tooltip="The same request with the same seed is the same scene.")
            field = ui.StringField(identifier="seed")
            field.model.set_value(str(self._panel.seed))
            field.model.add_end_edit_fn(lambda model: self._seed(model))
            dice = ui.Button("Roll", identifier="dice", width=60, tooltip="Another seed")
            dice.set_clicked_fn(lambda: field.model.set_value(str(self._panel.roll_seed())))

    def _build_robot(self) -> None:
        known = robot_catalog()
        words = {_NONE: "none", **{name: robot.title for name, robot in known.items()}, _FILE: _FILE}
        own = self._panel.own_robot or (bool(self._panel.robot) and self._panel.robot not in known)
        chosen = _FILE if own else self._panel.robot or _NONE
        _choice("Robot", list(words), chosen, self._choose_robot, words=words)
        if own:
            with ui.HStack(height=ROW):
                ui.Label("Its file or URL", width=LABEL_WIDTH)
                field = ui.StringField(identifier="robot_file")
                field.model.set_value(self._panel.robot)
                field.model.add_value_changed_fn(self._robot_typed)

    def _fold(self, folded: bool) -> None:
        self._panel.folded = folded

    def _choose_generator(self, name: str) -> None:
        self._panel.generator = name
        self.refresh()

    def _choose_model(self, name: str) -> None:
        self._panel.model = name

    def _choose_preset(self, name: str) -> None:
        self._panel.preset = name
        self._panel.preferences.set("preset", name)

    def _place(self, placing: str) -> None:
        self._panel.preferences.set("placing", placing)

    def _choose_robot(self, name: str) -> None:
        self._panel.own_robot = name == _FILE
        self._panel.robot = "" if name in (_NONE, _FILE) else name
        self.refresh()

    def _robot_typed(self, model: ui.AbstractValueModel) -> None:
        self._panel.robot = model.get_value_as_string().strip()

    def _seed(self, model: ui.AbstractValueModel) -> None:
        """Take a seed; a text that is none leaves the one there was."""
        text = model.get_value_as_string().strip()
        if text.isdecimal() and int(text) < 2**63:
            self._panel.seed = int(text)
        else:
            model.set_value(str(self._panel.seed))


def _choice(
    label: str,
    names: Sequence[str],
    chosen: str,
    choose: Callable[[str], None],
    *,
    first: str = "",
    words: dict[str, str] | None = None,
) -> None:
    """Draw a row with a box to choose from `names`; `words` are what people read, `first` for an empty name."""
    shown = [(words or {}).get(name, name) or first for name in names]
    with ui.HStack(height=ROW):
        ui.Label(label, width=LABEL_WIDTH)
        box = ui.ComboBox(names.index(chosen) if chosen in names else 0, *shown, identifier=label.lower())
    box.model.add_item_changed_fn(lambda model, item: choose(names[model.get_item_value_model().as_int]))


def _row(field: Field, form: Form) -> None:
    """Draw a parameter: its name, what it is, and what is wrong with it."""
    with ui.HStack(height=ROW):
        ui.Label(field.label, width=LABEL_WIDTH, tooltip=field.tooltip)
        if field.kind == "boolean" and not field.words:
            box = ui.CheckBox(identifier=f"parameter_{field.name}")
            box.model.set_value(form.text(field.name) == "true")
            box.model.add_value_changed_fn(
                lambda model: form.enter(field.name, "true" if model.get_value_as_bool() else "false")
            )
            return
        if field.words:
            names = list(field.words)
            chosen = names.index(form.text(field.name)) if form.text(field.name) in names else 0
            combo = ui.ComboBox(chosen, *[name or "-" for name in names], identifier=f"parameter_{field.name}")
            combo.model.add_item_changed_fn(
                lambda model, item: form.enter(field.name, names[model.get_item_value_model().as_int])
            )
            return
        text = ui.StringField(identifier=f"parameter_{field.name}")
        text.model.set_value(form.text(field.name))
    wrong = ui.Label(form.error(field.name), name="error", word_wrap=True, visible=bool(form.error(field.name)))
    text.model.add_value_changed_fn(lambda model: _entered(field, form, model, wrong))


def _entered(field: Field, form: Form, model: ui.AbstractValueModel, wrong: ui.Label) -> None:
    wrong.text = form.enter(field.name, model.get_value_as_string())
    wrong.visible = bool(wrong.text)
