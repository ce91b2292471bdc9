"""A small double of Kit: application, settings, commands with undo, widgets and the USD context of a real stage.

What it defines in public is what Kit defines: ``test_double.py`` looks every name up in an excerpt of the API catalog.
What tests do to it (click, type, drop, let frames pass) is in :class:`Kit` and in names with an underscore.
"""

from .session import Kit

__all__ = ["Kit"]
