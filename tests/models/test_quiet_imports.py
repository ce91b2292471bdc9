"""What libraries say to their developers when they are imported, and that nothing else is kept quiet."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import lyra_backend.models

PYTREE, QUANTIZER = "torch.utils._pytree", "diffusers.quantizers.torchao.torchao_quantizer"


def test_diffusers_beside_torchao_is_imported_without_a_word() -> None:
    imports = "import sys, lyra_backend.models; from diffusers import AutoencoderKLCosmos"
    code = f"{imports}; print('{QUANTIZER}' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert "natively supported" not in done.stderr
    assert "Tensor objects" not in done.stderr


@pytest.mark.parametrize("name", [PYTREE, QUANTIZER, "torch", "diffusers"])
def test_all_else_is_heard(name: str) -> None:
    assert lyra_backend.models
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        logger.error("%s fails", name)
    finally:
        logger.removeHandler(handler)
    assert heard == [f"{name} fails"]
