"""What Warp says when it starts."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_a_driver_that_is_not_there_is_no_news() -> None:
    done = run("import lyra_backend.kernels as k; print(k.describe_devices()[-1])")
    assert done.stdout.startswith("CPU")
    assert done.stderr == ""


def test_all_else_is_passed_on() -> None:
    code = (
        "import os, warp\n"
        "def init():\n"
        "    os.write(2, b'Warp CUDA error: something else\\n')\n"
        "    os.write(2, b'Warp CUDA warning: Could not find or load the NVIDIA CUDA driver. No GPU.\\n')\n"
        "    os.write(2, b'last')\n"
        "warp.init = init\n"
        "import lyra_backend.kernels\n"
        "os.write(2, b' words')\n"
    )
    assert run(code).stderr == "Warp CUDA error: something else\nlast words"


def test_a_program_without_standard_error_starts_as_well() -> None:
    assert run("import os; os.close(2); import lyra_backend.kernels; print('started')").stdout == "started\n"
