"""The command ``view``, as people start and end it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import lyra_backend.view_cli
from lyra_backend.cli import main
from lyra_backend.view import ViewServer

_PATIENCE_S = 60.0


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_it_says_where_and_ends_with_ctrl_c(splat_file: Path) -> None:
    words = [sys.executable, "-m", "lyra_backend", "view", str(splat_file), "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", line)
        assert found, line
        with urllib.request.urlopen(found[0], timeout=_PATIENCE_S) as reply:
            assert b"Lyra SceneGen" in reply.read()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, said) == (0, "")


def test_the_browser_is_opened_at_the_page(splat_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(lyra_backend.view_cli.webbrowser, "open", opened.append)
    monkeypatch.setattr(ViewServer, "serve_forever", lambda self: None)
    with pytest.raises(SystemExit) as ended:
        main(["view", str(splat_file), "--up", "-y"])
    assert not ended.value.code
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/", opened[0])


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["view", str(tmp_path / "nothing.ply")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
