"""Pictures and depth of Gaussians, and where to take them from.

Does: render a cloud as a camera sees it (`render`) or as rays meet it (`depth_of`), choose cameras that
show a scene (`scene_viewpoint`, `robot_viewpoints`) and places in free space (`standing_places`), write PNG files.
Does not: train or differentiate, read scenes, choose a background, light anything (colours are in the Gaussians).
Stands beneath the stages: `generate`, `collide`, `validate` and `pipeline` may use it. Kernels load at the first
picture, never at import.
"""

from .picture import Picture
from .splats import depth_of, render
from .viewpoints import robot_viewpoints, scene_viewpoint, standing_places

__all__ = ["Picture", "depth_of", "render", "robot_viewpoints", "scene_viewpoint", "standing_places"]
