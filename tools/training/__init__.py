"""Environments to train robots in, on the colliders of generated scenes: Newton with MuJoCo-Warp, without a window."""
