"""Mistakes on the command line that Typer finds: told as all others are, with the exit code of bad usage."""

from __future__ import annotations

import pytest

from lyra_backend.exits import ExitCode

from .commands import call

ROOM = ("generate", "--prompt", "a room")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*ROOM, "--robot", "go2", "--count", "0"), "--count: must be a whole number, at least 1, got '0'."),
        ((*ROOM, "--count=three"), "--count: must be a whole number, at least 1, got 'three'."),
        ((*ROOM, "--seed", "-1"), "--seed: must be a whole number, at least 0, got '-1'."),
        ((*ROOM, "--scale", "x"), "--scale: must be a number, got 'x'."),
        ((*ROOM, "--variations", "1.5"), "--variations: must be a whole number, got '1.5'."),
        (("serve", "s", "--port", "99999"), "--port: must be a whole number, from 0 to 65535, got '99999'."),
        (("serve", "s", "--keep-uploads", "-1"), "--keep-uploads: must be a number, at least 0.0, got '-1'."),
        (("batch", "m.yaml", "--out", "o", "--workers", "0"), "--workers: must be a whole number, from 1 to 1024"),
        (("batch", "m.yaml"), "--out: must be given, got nothing."),
        (("convert", "a.ply"), "TARGET: must be given, got nothing."),
        (("weights", "fetch"), "NAME: must be given, got nothing."),
        (("generate", "--prompt"), "--prompt: must be followed by a value, got nothing."),
        ((*ROOM, "--dynamic=3"), "--dynamic: takes no value."),
        (("generate", "--promt", "a room"), "--promt: no such option. Did you mean --prompt?"),
        (("--nonsense",), "--nonsense: no such option. See"),
        (("generat",), "generat: no such command; known: atlas, batch,"),
        (("generate", "a", "room"), "'a room': is more than this command takes. Leave it out, or put text"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_are_told_in_one_form(words: tuple[str, ...], said: str) -> None:
    done = call(*words)
    assert done.code == ExitCode.USAGE
    assert done.err.startswith(f"lyra-scenegen: {said}"), done.err
    assert done.err.endswith("--help.\n")
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_the_command_is_named_whose_help_says_more() -> None:
    assert call("weights", "fetch").err.endswith("See lyra-scenegen weights fetch --help.\n")
    assert call("generate", "--prompt").err.endswith("See lyra-scenegen generate --help.\n")


def test_scripts_get_them_as_json() -> None:
    done = call(*ROOM, "--seed", "-1", "--json")
    assert done.data["exit_code"] == done.code == ExitCode.USAGE
    assert done.data["error"].startswith("--seed: must be")


def test_a_command_without_words_shows_its_help() -> None:
    for words in ((), ("weights",)):
        done = call(*words)
        assert done.code == ExitCode.USAGE
        assert "Usage: lyra-scenegen" in done.out
        assert done.err == ""


def test_help_begins_with_what_people_begin_with() -> None:
    text = call("--help").out
    assert text.index(" generate ") < text.index(" batch ")
