"""Nouns of the pipeline: frozen dataclasses over read-only NumPy arrays.

Does: hold and check data. Does not: read files, compute scenes, import anything but NumPy.
"""

from .bundle import SceneBundle
from .camera import Camera, Intrinsics, look_at
from .collision import Approximation, CollisionPart, CollisionProxy, KinematicBody, Primitive, Role, Shape
from .estimate import Estimate, Foresight
from .frames import UP_AXES, USUAL_UP, Frame, Similarity
from .gaussians import GaussianCloud
from .generation import Generation, Scale
from .keyframe import Keyframe
from .light import Bulb, Environment, LightEstimate, SceneLight
from .mesh import TexturedMesh, TexturedPart, TriangleMesh
from .navigation import Cell, Locomotion, MapFormat, Navigation, OccupancyMap, Robot, RobotSpace, SpawnPoints, Task
from .report import Finding, Outcome, RunReport, Severity, StageReport
from .request import SceneRequest
from .result import ScenePlan, SceneResult
from .scene_size import SceneSize
from .sequence import GaussianSequence

__all__ = [
    "UP_AXES",
    "USUAL_UP",
    "Approximation",
    "Bulb",
    "Camera",
    "Cell",
    "CollisionPart",
    "CollisionProxy",
    "Environment",
    "Estimate",
    "Finding",
    "Foresight",
    "Frame",
    "GaussianCloud",
    "GaussianSequence",
    "Generation",
    "Intrinsics",
    "Keyframe",
    "KinematicBody",
    "LightEstimate",
    "Locomotion",
    "MapFormat",
    "Navigation",
    "OccupancyMap",
    "Outcome",
    "Primitive",
    "Robot",
    "RobotSpace",
    "Role",
    "RunReport",
    "Scale",
    "SceneBundle",
    "SceneLight",
    "ScenePlan",
    "SceneRequest",
    "SceneResult",
    "SceneSize",
    "Severity",
    "Shape",
    "Similarity",
    "SpawnPoints",
    "StageReport",
    "Task",
    "TexturedMesh",
    "TexturedPart",
    "TriangleMesh",
    "look_at",
]
