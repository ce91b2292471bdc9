"""Pages from templates: HTML with its styles and scripts inside, so that a page is one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["rendered"]

_FOLDER = Path(__file__).parent / "templates"


def rendered(name: str, **content: Any) -> str:
    """Return the page of ``NAME.html.j2``, with ``page.css``, ``NAME.css`` and ``NAME.js``; text in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles = _text("page.css") + _text(f"{name}.css")
    return pages.get_template(f"{name}.html.j2").render(styles=styles, script=_text(f"{name}.js"), **content)


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
