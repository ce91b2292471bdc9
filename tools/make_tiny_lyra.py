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


def make_tiny_lyra(folder: Path, seed: int = 0, *, moves: bool = False) -> None:
    """Write a model into `folder`: ``decoder``, ``transformer``, ``vae`` and ``lyra.json``.

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
    (folder / "lyra.json").write_text(json.dumps(VIDEO) + "\n", encoding="utf-8")


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
