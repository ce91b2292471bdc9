"""Colliders: plugins that turn a cloud of Gaussians in frame WORLD into a collision proxy with a measured error."""
