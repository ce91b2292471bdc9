"""Reading a command as a shell and the command line's own parser do."""

from __future__ import annotations

import shlex
from unittest import mock

from lyra_backend import cli
from lyra_backend.types import SceneRequest


def parsed(command: str) -> SceneRequest:
    """Return the request that a command makes, without running it."""
    with mock.patch.object(cli, "_generate") as generate:
        cli.app(shlex.split(command)[1:], standalone_mode=False)
    request = generate.call_args.args[0]
    assert isinstance(request, SceneRequest)
    return request
