"""Build a whole Lyra model at tiny size with random weights, to run the learned path without any download.

    python tools/make_tiny_lyra.py outputs/tiny_lyra
    lyra-scenegen generate --generator lyra --model outputs/tiny_lyra --image photo.jpg --depth depth.npy --out DIR

The networks are those of the published model with fewer channels and layers (a decoder of the same blocks, a Cosmos
transformer of 82 channels, a Cosmos tokenizer of the same compression); what they make is noise. The same seed gives
the same files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

#: 17 frames of 64 x 96 pixels: three latent frames of 8 x 12.
VIDEO = {"frames": 17, "height": 64, "width": 96, "fps": 24.0, "centre_depth": 1.0}
#: A quarter of what a scene of the published size keeps would be too few to stand on: nothing is pruned.
DECODER = {
    "width": 64,
    "depth": 4,
    "attention_heads": 4,
    "attention_every": 2,
    "scan_inner": 128,
    "scan_heads": 2,
    "state_size": 32,
    "near": 0.1,
    "far": 4.0,
    "distance_shift": -1.2,
    "scale_cap": 0.05,
    "opacity_shift": 1.0,
    "prune_ratio": 0.2,
}
NETWORK = {
    "in_channels": 82,
    "concat_padding_mask": False,
    "out_channels": 16,
    "num_attention_heads": 2,
    "attention_head_dim": 24,
    "num_layers": 2,
    "text_embed_dim": 32,
    "adaln_lora_dim": 8,
    "max_size": (16, 32, 32),
    "rope_scale": (2.0, 1.0, 1.0),
}
TOKENIZER = {
    "encoder_block_out_channels": (8, 16, 32, 32),
    "decode_block_out_channels": (16, 32, 32, 32),
    "num_layers": 1,
    "attention_resolutions": (),
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}


#: Pieces of text that the tiny text models know; all else is one unknown piece.
WORDS = ("<pad>", "</s>", "<unk>", "a", "the", "with", "room", "aisle", "kitchen", "warehouse", "street")


def make_tiny_lyra(folder: Path, seed: int = 0, *, moves: bool = False) -> None:
    """Write a model into `folder`: decoder, video model, tokenizer, depth, text encoder, text to image, ``lyra.json``.

    Args:
        folder: made if needed; what it holds of a model is replaced.
        seed: of the weights.
        moves: the decoder is one of moving scenes.
    """
    import torch
    from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

    from lyra_backend.models.gaussian_decoder import GaussianDecoder

    torch.manual_seed(seed)
    GaussianDecoder(**DECODER, use_time=moves).save_pretrained(folder / "decoder")
    CosmosTransformer3DModel(**NETWORK).save_pretrained(folder / "transformer")
    AutoencoderKLCosmos(**TOKENIZER).save_pretrained(folder / "vae")
    make_depth_model(folder / "depth")
    make_text_encoder(folder / "text_encoder")
    make_text_to_image(folder / "text_to_image")
    (folder / "lyra.json").write_text(json.dumps(VIDEO) + "\n", encoding="utf-8")


def make_depth_model(folder: Path) -> None:
    """Write a Depth Anything model of metric depth."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessorPil

    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type="metric",
        max_depth=8,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)


def make_text_encoder(folder: Path) -> None:
    """Write a T5 encoder with its tokenizer."""
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=len(WORDS), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    T5EncoderModel(config).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_word_tokenizer(), pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.save_pretrained(folder)


def make_text_to_image(folder: Path) -> None:
    """Write a text-to-image pipeline of diffusers: Stable Diffusion with few channels."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    blocks = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=blocks[0],
        up_block_types=blocks[1],
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    pictures = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
    )
    text = CLIPTextConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=3,
        eos_token_id=1,
        pad_token_id=0,
    )
    pieces = {word: i for i, word in enumerate(WORDS)}
    tokenizer = CLIPTokenizer(
        model_max_length=77,
        vocab=pieces,
        merges=[],
        unk_token="<unk>",
        bos_token="a",
        eos_token="</s>",
        pad_token="<pad>",
    )
    StableDiffusionPipeline(
        vae=pictures,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    found = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    found.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the model goes")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--moving", action="store_true", help="the decoder is one for --generator lyra_dynamic")
    given = parser.parse_args()
    make_tiny_lyra(given.folder, given.seed, moves=given.moving)
    size = sum(path.stat().st_size for path in given.folder.rglob("*.safetensors"))
    print(f"{given.folder}: {size / 1e6:.1f} MB of random weights")


if __name__ == "__main__":
    main()
