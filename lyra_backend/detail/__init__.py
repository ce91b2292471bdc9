"""Large clouds in parts and in fewer Gaussians: what makes a scene that is too much to draw at once one that can be.

Does: divide by place, merge by importance, and measure what merging costs in pictures. Does not: know files.
"""
