"""The list of known weights."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.weights import catalogue


def test_entries_are_whole() -> None:
    names = {"lyra_static", "lyra_dynamic", "gen3c", "cosmos_tokenizer", "t5_11b", "flux_schnell", "depth_indoor"}
    assert set(catalogue.known()) == names
    for weights in catalogue.known().values():
        assert weights.layout in catalogue.LAYOUTS
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", weights.repo)
        assert weights.licence.url.startswith("https://")
        assert weights.licence.must_accept == weights.repo.startswith("nvidia/")
        assert weights.bytes > 1e6
        assert weights.purpose
        assert all(re.fullmatch(r"[0-9a-f]{32}", md5) and weights.takes(path) for path, md5 in weights.md5.items())


def test_patterns() -> None:
    flux = catalogue.entry("flux_schnell")
    assert flux.takes("transformer/diffusion_pytorch_model-00001-of-00003.safetensors")
    assert not flux.takes("flux1-schnell.safetensors")
    assert not flux.takes("ae.safetensors")
    assert flux.takes("tokenizer/vocab..json")
    for path in ("tokenizer/../../../.profile", "tokenizer/..", "tokenizer/..\\..\\x", "/tokenizer/x", "tokenizer/C:x"):
        assert not flux.takes(path)
    assert catalogue.entry("depth_indoor").missing({"config.json", "model.safetensors"}) == ["preprocessor_config.json"]


def test_what_stays_may_be_less_than_what_comes() -> None:
    text = catalogue.entry("t5_11b")
    assert text.bytes_kept(10**12) == 9_730_000_000
    # T5 with 11 billion parameters: vectors of words, and 24 blocks of attention and a perceptron, in two bytes each
    blocks = 24 * (4 * 1024 * 128 * 128 + 2 * 1024 * 65536)
    assert text.bytes_kept() == pytest.approx(2 * (32128 * 1024 + blocks), rel=0.001)
    assert (catalogue.entry("gen3c").bytes_kept(), catalogue.entry("gen3c").bytes_kept(7)) == (14_500_000_000, 7)


def test_unknown_names() -> None:
    with pytest.raises(
        InvalidRequest, match=r"'lyra_statik' are not in the catalogue; known: .*Did you mean 'lyra_static'"
    ):
        catalogue.entry("lyra_statik")


def test_listing_and_finding_load_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from lyra_backend.weights import catalogue, store, fetch, intake, convert\n"
        "catalogue.known(), store.holds('gen3c')\n"
        "heavy = ('torch', 'diffusers', 'safetensors', 'huggingface_hub', 'transformers')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
