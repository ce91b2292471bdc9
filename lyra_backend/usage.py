"""What Typer refuses of a command line, in the words in which everything else is refused."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from .errors import InvalidRequest, nearest, shown

__all__ = ["PROGRAM", "is_help", "refusal"]

PROGRAM = "lyra-scenegen"
#: Typer's errors of usage; their classes lie in other packages from one of its versions to the next.
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]


def is_help(error: BaseException) -> bool:
    """Say whether an error only is that a command without words shows its help, which is done then."""
    if type(error).__name__ != "NoArgsIsHelpError":
        return False
    if text := str(error):  # Rich has printed it already and leaves none
        sys.stdout.write(f"{text}\n")
    return True


def refusal(error: BaseException, words: Sequence[str]) -> BaseException:
    """Return an error of usage as one of ours: subject, rule, what came, what to do; any other as it is.

    Args:
        error: what came out of Typer.
        words: the command line, in which the value is looked up that Typer does not tell.
    """
    if not isinstance(error, _USAGE):
        return error
    context: Any = getattr(error, "ctx", None)
    return InvalidRequest(f"{_sentence(error, context, words)} See {_command(context, words)} --help.")


def _sentence(error: Any, context: Any, words: Sequence[str]) -> str:
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    text = re.sub(r"\s+", " ", str(error.message)).strip().rstrip(".")
    if kind == "MissingParameter":
        return f"{_subject(parameter)}: must be given, got nothing."
    if kind == "NoSuchOption":
        close = difflib.get_close_matches(error.option_name, _options(context), n=1)
        return f"{error.option_name}: no such option.{f' Did you mean {close[0]}?' if close else ''}"
    if kind == "BadOptionUsage":
        takes = "takes no value" if "not take" in text else "must be followed by a value, got nothing"
        return f"{error.option_name}: {takes}."
    if parameter is not None:
        value = _given(parameter, words)
        came = "" if value is None else f", got {shown(value)}"
        return f"{_subject(parameter)}: {_rule(parameter, text)}{came}."
    if match := re.fullmatch(r"No such command '(.*?)'.*", text):
        return f"{match[1]}: no such command; {nearest(match[1], context.command.commands)}"
    if match := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", text):
        return (
            f"{shown(match[1])}: is more than this command takes. Leave it out, or put text that has blanks in quotes."
        )
    return f"{text}."


def _subject(parameter: Any) -> str:
    """Return an option's long name, or what help calls an argument."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name).upper()


def _rule(parameter: Any, text: str) -> str:
    """Return what the value of an option must be, by its limits or else by what Typer says of its type."""
    described = getattr(getattr(parameter, "type_descriptor", None), "parameter_info", None) or parameter.type
    low, high = getattr(described, "min", None), getattr(described, "max", None)
    limits = [limit for limit in (low, high) if limit is not None]
    if not limits and not re.search("integer|number|float", text):
        return text[:1].lower() + text[1:]
    kind = "a whole number" if "integer" in text or any(isinstance(limit, int) for limit in limits) else "a number"
    if not limits:
        return f"must be {kind}"
    span = f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
    return f"must be {kind}, {span}"


def _given(parameter: Any, words: Sequence[str]) -> str | None:
    """Return the value of an option as it stands on the command line, the last one; None if it is not found."""
    found = None
    for word, after in zip(words, [*words[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name in parameter.opts:
            found = value if equals else after
    return found


def _options(context: Any) -> list[str]:
    return [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]


def _command(context: Any, words: Sequence[str]) -> str:
    """Return how the command is called, `lyra-scenegen generate`."""
    if context is not None:
        return str(context.command_path)
    return " ".join([PROGRAM, *[word for word in words if not word.startswith("-")][:1]])
