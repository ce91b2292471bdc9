"""omni.ui: widgets in a tree, with models, and nothing on a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

__all__ = [
    "AbstractValueModel",
    "Button",
    "CheckBox",
    "CollapsableFrame",
    "ComboBox",
    "DockPolicy",
    "FillPolicy",
    "Frame",
    "HStack",
    "Image",
    "Label",
    "ProgressBar",
    "ScrollBarPolicy",
    "ScrollingFrame",
    "Spacer",
    "StringField",
    "VStack",
    "ZStack",
    "color",
]

_open: list[_Container] = []


class FillPolicy(Enum):
    PRESERVE_ASPECT_FIT = 1


class DockPolicy(Enum):
    CURRENT_WINDOW_IS_ACTIVE = 1


class ScrollBarPolicy(Enum):
    SCROLLBAR_ALWAYS_OFF = 1


def color(text: str, /) -> int:
    """omni.ui.color, called with "#rrggbb"."""
    return int(text.removeprefix("#"), 16) | 0xFF000000


class AbstractValueModel:
    def __init__(self) -> None:
        self._value: Any = ""
        self._changed: list[Callable[[AbstractValueModel], None]] = []
        self._ended: list[Callable[[AbstractValueModel], None]] = []

    def set_value(self, value: Any, /) -> None:
        if value == self._value:
            return
        self._value = value
        for react in list(self._changed):
            react(self)

    def get_value_as_string(self) -> str:
        return str(self._value)

    def get_value_as_bool(self) -> bool:
        return bool(self._value)

    def add_value_changed_fn(self, react: Callable[[AbstractValueModel], None], /) -> None:
        self._changed.append(react)

    def add_end_edit_fn(self, react: Callable[[AbstractValueModel], None], /) -> None:
        self._ended.append(react)


class _ItemModel:
    """The model of a box to choose from."""

    def __init__(self, index: int) -> None:
        self._index = _Index(index)
        self._changed: list[Callable[[Any, Any], None]] = []

    def get_item_value_model(self) -> _Index:
        return self._index

    def add_item_changed_fn(self, react: Callable[[Any, Any], None]) -> None:
        self._changed.append(react)

    def _choose(self, index: int) -> None:
        self._index.as_int = index
        for react in list(self._changed):
            react(self, None)


class _Index:
    def __init__(self, index: int) -> None:
        self.as_int = index


class _Widget:
    """A widget: it belongs to the container that is open when it is made, as in Kit."""

    def __init__(self, **properties: Any) -> None:
        self.visible: bool = properties.pop("visible", True)
        self.enabled: bool = properties.pop("enabled", True)
        self._name: str = properties.pop("name", "")
        self._identifier: str = properties.pop("identifier", "")
        self._properties = properties
        self._children: list[_Widget] = []
        self._accepts: Callable[[str], bool] = lambda url: False
        self._drop: Callable[[Any], None] | None = None
        if _open:
            _open[-1]._children.append(self)


class _Container(_Widget):
    def __enter__(self) -> _Container:
        _open.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _open.pop()


class VStack(_Container):
    pass


class HStack(_Container):
    pass


class ZStack(_Container):
    def set_accept_drop_fn(self, accepts: Callable[[str], bool], /) -> None:
        self._accepts = accepts

    def set_drop_fn(self, drop: Callable[[Any], None], /) -> None:
        self._drop = drop


class ScrollingFrame(_Container):
    pass


class CollapsableFrame(_Container):
    def __init__(self, title: str, **properties: Any) -> None:
        super().__init__(**properties)
        self.title = title
        self._folds: Callable[[bool], None] = lambda folded: None

    def set_collapsed_changed_fn(self, folds: Callable[[bool], None], /) -> None:
        self._folds = folds


class Frame(_Container):
    def __init__(self, build_fn: Callable[[], None] | None = None, **properties: Any) -> None:
        super().__init__(**properties)
        self.style: dict[str, Any] = {}
        self._build = build_fn
        self._built = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Build anew. Kit does so before the next frame is drawn; here it is done at once."""
        if self._build is None:
            return
        self._children = []
        self._built += 1
        outside = _open[:]
        _open[:] = [self]
        try:
            self._build()
        finally:
            _open[:] = outside


class Label(_Widget):
    def __init__(self, text: str, /, **properties: Any) -> None:
        super().__init__(**properties)
        self.text = text


class Button(_Widget):
    def __init__(self, text: str = "", clicked_fn: Callable[[], None] | None = None, **properties: Any) -> None:
        super().__init__(**properties)
        self.text = text
        self.checked: bool = properties.get("checked", False)
        self._clicked = clicked_fn

    def set_clicked_fn(self, clicked: Callable[[], None], /) -> None:
        self._clicked = clicked


class StringField(_Widget):
    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.model = AbstractValueModel()


class CheckBox(_Widget):
    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.model = AbstractValueModel()
        self.model._value = False


class ComboBox(_Widget):
    def __init__(self, index: int, /, *names: str, **properties: Any) -> None:
        super().__init__(**properties)
        self.model = _ItemModel(index)
        self._names: Sequence[str] = names


class ProgressBar(_Widget):
    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.model = AbstractValueModel()
        self.model._value = 0.0


class Image(_Widget):
    def __init__(self, url: str, /, **properties: Any) -> None:
        super().__init__(**properties)
        assert isinstance(url, str)
        self._url = url


class Spacer(_Widget):
    pass
