"""The decoder against the published one, tensor by tensor, and its bad inputs."""

from __future__ import annotations

import json

import pytest
import torch

from lyra_backend.errors import InvalidRequest
from lyra_backend.models import mamba
from lyra_backend.models.gaussian_decoder import GaussianDecoder, prune_by_opacity
from lyra_backend.models.gaussian_head import activate, keep_strongest
from lyra_backend.models.mamba import Mamba2Block

from .fixtures import FOLDER, VIEWS, config, decoder, decoder_inputs, tensors

KINDS = ("static", "dynamic")


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_gives_what_the_published_one_gives(kind: str) -> None:
    model, expected, seen = decoder(kind), tensors(f"{kind}/outputs"), {}
    for name, module in model.named_modules():
        if f"intermediate.{name}" in expected:
            module.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, []).append(out))
    with torch.no_grad():
        model(**decoder_inputs(kind))
    names = {name.removeprefix("intermediate.") for name in expected if name.startswith("intermediate.")}
    assert seen.keys() == names
    for name in names:
        parts = [out[0] if isinstance(out, tuple) else out for out in seen[name]]
        # norm and convolution are applied view by view
        found = torch.cat(parts, dim=1 if name == "enc_norm" else 0)
        torch.testing.assert_close(found, expected[f"intermediate.{name}"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gaussians_are_the_published_ones(kind: str) -> None:
    expected = tensors(f"{kind}/outputs")
    with torch.no_grad():
        found = decoder(kind)(**decoder_inputs(kind))
    torch.testing.assert_close(found, expected["gaussians_unpruned"], rtol=5e-4, atol=5e-4)
    torch.testing.assert_close(prune_by_opacity(found, 0.8), expected["gaussians_pruned"], rtol=5e-4, atol=5e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_view_by_view_keeps_the_same_gaussians(kind: str) -> None:
    model = decoder(kind)
    with torch.no_grad():
        whole = prune_by_opacity(model(**decoder_inputs(kind)), 0.8)
    assert torch.equal(model.decode(**decoder_inputs(kind)), whole)


def test_a_mamba_block_of_many_chunks() -> None:
    weights, data = tensors("mamba_block_L600.weights"), tensors("mamba_block_L600.io")
    block = Mamba2Block(64, inner=128, heads=2, state_size=256, conv_size=4)
    block.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(block(data["x"]), data["y"], rtol=1e-5, atol=1e-5)


def test_segments_of_a_mamba_block_change_nothing(monkeypatch) -> None:
    weights, data = tensors("mamba_block_L600.weights"), tensors("mamba_block_L600.io")
    block = Mamba2Block(64, inner=128, heads=2, state_size=256, conv_size=4)
    block.load_state_dict(weights)
    monkeypatch.setattr(mamba, "SEGMENT", 77)
    with torch.no_grad():
        torch.testing.assert_close(block(data["x"]), data["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_gives_the_same_bits(kind: str, tmp_path) -> None:
    model = decoder(kind)
    model.save_pretrained(tmp_path)
    again = GaussianDecoder.from_pretrained(tmp_path)
    assert again.config.use_time == (kind == "dynamic")
    with torch.no_grad():
        assert torch.equal(again(**decoder_inputs(kind)), model(**decoder_inputs(kind)))


def test_distances_keep_their_digits_in_half_precision(tmp_path) -> None:
    decoder("static").save_pretrained(tmp_path)
    half = GaussianDecoder.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert half.deconv.weight.dtype == torch.bfloat16
    given = {k: v.bfloat16() if "latents" in k and v is not None else v for k, v in decoder_inputs("static").items()}
    with torch.no_grad():
        found = half(**given)
    origins = given["ray_origins"].permute(0, 1, 3, 4, 2).reshape(-1, 3)
    distance = (found[0, :, :3] - origins).norm(dim=1)
    # bfloat16 would leave a handful of values
    assert len(distance.unique()) > 0.9 * len(distance)


def test_the_published_checkpoints_keys_are_this_decoders() -> None:
    published = json.loads((FOLDER / "lyra1_state_dict.json").read_text(encoding="utf-8"))
    for kind in KINDS:
        shapes = published[kind]["state_dict"]
        empty = {name: torch.empty(shape, device="meta") for name, (shape, _) in shapes.items()}
        full = {"enc_embed_dim": 512, "enc_depth": 16, "enc_num_heads": 8, "llrm_7m1t_index": 8}
        model = GaussianDecoder.from_reference({**config(kind), **full}, empty)
        assert model.num_parameters() == published[kind]["num_parameters"] == 32_753_996
        plain = {name: value for name, value in GaussianDecoder().config.items() if not name.startswith("_")}
        assert {name: model.config[name] for name in plain} == {**plain, "use_time": kind == "dynamic"}


def test_learning_reaches_every_weight() -> None:
    model = decoder("dynamic").train()
    model.enable_gradient_checkpointing()
    model(**decoder_inputs("dynamic")).square().mean().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]


def test_depth_is_along_the_ray_within_near_and_far() -> None:
    raw = torch.zeros(1, 12, 1, 1, 3)
    raw[0, 0, 0, 0] = torch.tensor([-60.0, 1.65, 60.0])
    directions = torch.tensor([0.6, 0.0, 0.8])[None, None, :, None, None].expand(1, 1, 3, 1, 3)
    limits = {"near": 0.5, "far": 8.5, "scale_cap": 0.3, "distance_shift": -1.65, "opacity_shift": -2.0}
    found = activate(raw, torch.ones(1, 1, 3, 1, 3), directions, **limits)[0]
    assert torch.allclose((found[:, :3] - 1).norm(dim=1), torch.tensor([0.5, 4.5, 8.5]))
    assert torch.allclose(found[:, 4:7], torch.tensor(0.3 / 2.718281828))
    assert torch.allclose(found[:, 11:], torch.tensor(0.5))


def test_equal_opacities_keep_their_order() -> None:
    gaussians = torch.zeros(1, 100, 14)
    gaussians[0, :, 0] = torch.arange(100)
    gaussians[0, 50:, 3] = 1.0
    assert keep_strongest(gaussians, 60)[0, :, 0].tolist() == [*range(50, 100), *range(10)]


def test_published_count_of_gaussians() -> None:
    assert prune_by_opacity(torch.zeros(1, 10, 14), 0.8).shape[1] == int(10 * (1 - 0.8)) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda weights: weights.pop("deconv.bias"), "lacks 1 tensors"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "has 1 tensors"),
        (lambda weights: weights.update({"deconv.bias": torch.zeros(5)}), r"must have shape \(12,\)"),
        (lambda weights: weights.clear(), "lacks"),
    ],
)
def test_another_checkpoint_is_refused(change, says: str) -> None:
    weights = tensors("static/weights")
    change(weights)
    with pytest.raises(InvalidRequest, match=says):
        GaussianDecoder.from_reference(config("static"), weights)


def test_a_configuration_of_another_network_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="use_pos_embedding must be False, got True"):
        GaussianDecoder.from_reference({**config("static"), "use_pos_embedding": True}, tensors("static/weights"))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("static", {"view_count": 3}),
        ("static", {"ray_origins": torch.zeros(1, 18, 3, 4, 5)}),
        ("static", {"plucker_latents": torch.zeros(1, 4, 16, 4, 6)}),
        ("static", {"time_latents": torch.zeros(1, 3, 16, 4, 6)}),
        ("dynamic", {"time_latents": None}),
        ("dynamic", {"time_latents": torch.zeros(1, 2, 16, 4, 6)}),
    ],
)
def test_inputs_that_do_not_fit_are_refused(kind: str, change: dict) -> None:
    model, given = decoder(kind), decoder_inputs(kind)
    assert given["view_count"] == VIEWS
    with pytest.raises(ValueError, match="GaussianDecoder"):
        model(**{**given, **change})


@pytest.mark.parametrize("length", [1, 5, 80])
def test_the_convolution_of_processors_is_torchs(length: int) -> None:
    """Outputs and gradients of the sum of shifted tokens, against the layer whose weights it takes."""
    torch.manual_seed(0)
    scan = Mamba2Block(16, inner=32, heads=2, state_size=8, conv_size=4).mamba.mamba_scans[0]
    mixed = torch.randn(2, length + 3, 48, requires_grad=True)
    found, wanted = scan._convolved(mixed), scan.conv1d(mixed.transpose(1, 2)).transpose(1, 2)
    assert found.shape == (2, length, 48)
    torch.testing.assert_close(found, wanted)
    parameters = (mixed, scan.conv1d.weight, scan.conv1d.bias)
    pairs = zip(*(torch.autograd.grad(y.square().sum(), parameters) for y in (found, wanted)), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_what_becomes_a_distance_stays_in_full_precision_where_training_lets_torch_choose() -> None:
    model = decoder("static")
    features = torch.randn(1, model.config.width, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        inside, normed = model.deconv(features), model.enc_norm(features.movedim(1, -1))
    with torch.no_grad():
        assert torch.equal(inside, model.deconv(features))
        assert torch.equal(normed, model.enc_norm(features.movedim(1, -1)))
