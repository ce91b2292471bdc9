"""Clouds whose Gaussians scatter around the surface."""
