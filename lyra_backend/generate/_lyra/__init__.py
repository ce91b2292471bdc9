"""What the generators `lyra` and `lyra_dynamic` share: a picture with depth, its videos, the scene."""
