"""Which way to go next: pure pursuit of a path."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PathFollower"]

Floats = npt.NDArray[np.float64]


class PathFollower:
    """Gives a robot its speed and turn, so that it follows a path on the ground.

    Pure pursuit (Coulter 1992): aim at the point of the path that lies a fixed distance ahead of where the robot is
    along it. A robot that faces elsewhere turns on the spot first.
    """

    #: How far ahead it aims [m]; about one length of a Go2.
    AHEAD_M = 0.5
    #: Speed [m/s] and turn [rad/s] at most, well within what the Go2's policy was trained on (1 m/s, 1 rad/s).
    SPEED, TURN = 0.8, 1.0
    #: Turn for each error of heading [1/s], and the error from which it turns on the spot [rad].
    GAIN, ASIDE = 2.0, 0.8
    #: Speed for each distance to the goal [1/s], and the slowest that the policy still walks at [m/s].
    APPROACH, SLOWEST = 1.0, 0.3

    def __init__(self, path: Floats) -> None:
        """Follow a path, shape (K, 2) or (K, 3) [m], from its start."""
        self._points = np.asarray(path, np.float64)[:, :2]
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        self._along = np.concatenate([[0.0], np.cumsum(steps)])
        self.done_m = 0.0

    @property
    def length_m(self) -> float:
        return float(self._along[-1])

    def distance(self, position: Floats) -> float:
        """Return how far the goal is from a position (2,) as the crow flies [m]."""
        return float(np.linalg.norm(self._points[-1] - position))

    def command(self, position: Floats, yaw: float) -> Floats:
        """Return speed forwards, to the left [m/s] and turn to the left [rad/s] at a position (2,) and heading."""
        self.done_m = self._nearest(position)
        aim = self._at(min(self.done_m + self.AHEAD_M, self.length_m))
        if np.linalg.norm(aim - position) < 0.05:
            return np.zeros(3)
        way = aim - position
        error = (np.arctan2(way[1], way[0]) - yaw + np.pi) % (2 * np.pi) - np.pi
        turn = np.clip(self.GAIN * error, -self.TURN, self.TURN)
        left = self.distance(position)
        speed = np.clip(self.APPROACH * left, self.SLOWEST, self.SPEED) * max(0.0, 1.0 - abs(error) / self.ASIDE)
        return np.array([speed, 0.0, turn])

    def _nearest(self, position: Floats) -> float:
        """Return how far along the path its nearest point is, at most a little before what was passed already."""
        start, step = self._points[:-1], np.diff(self._points, axis=0)
        squared = np.maximum((step**2).sum(axis=1), 1e-12)
        share = np.clip(((position - start) * step).sum(axis=1) / squared, 0.0, 1.0)
        away = np.linalg.norm(start + share[:, None] * step - position, axis=1)
        along = self._along[:-1] + share * np.sqrt(squared)
        # A path may pass near itself: what lies far ahead or behind along it is another part.
        away[(along < self.done_m - 0.3) | (along > self.done_m + 1.0)] = np.inf
        return float(along[away.argmin()]) if np.isfinite(away).any() else self.done_m

    def _at(self, along: float) -> Floats:
        return np.array([np.interp(along, self._along, self._points[:, axis]) for axis in (0, 1)])
