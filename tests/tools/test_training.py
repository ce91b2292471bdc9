"""Environments to train in: what stands, what stops, what is seen, what is refused, and that learning changes it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lyra_backend import place
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import save_navigation
from lyra_backend.progress import Progress

from ..atlas.rooms import make_run, proxy_of, room

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from training import costs, grounds, learning, trials
from training.environment import Environment, Rules
from training.grounds import Ground, Surface, load_scene, side_by_side
from training.robots import Base, Quadruped
from training.simulation import Budget, ContactOverflow, Simulation

WIDTH, DEPTH = 4.0, 3.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A room of 4 x 3 m with a bed, its collider written and its free space found as a run does."""
    folder, proxy = tmp_path_factory.mktemp("training") / "room", proxy_of(room(WIDTH, DEPTH))
    make_run(folder, proxy)
    found = place.run(proxy, 0, place.Params(robots="go2,carter"), Progress()).value
    assert found is not None
    save_navigation(found, folder)
    return folder


@pytest.fixture(scope="module")
def ground(run: Path) -> Ground:
    return load_scene(run, space="carter", length_m=(0.5, 8.0))


@pytest.fixture(scope="module")
def environment(ground: Ground) -> Environment:
    """Four robots in two rooms, whose episodes are short."""
    return Environment(side_by_side([ground, ground]), Base(), 4, seed=3, rules=Rules(limit_s=1.0))


def drive(environment: Environment, actions: np.ndarray, steps: int) -> None:
    for _ in range(steps):
        environment.step(actions)


def test_a_base_rolls_over_the_floor_and_stops_at_the_wall(ground: Ground) -> None:
    base = Base()
    simulation = Simulation(ground, base, 2, dt_s=0.02, substeps=5)
    starts = np.array([[2.0, 0.8, 0.0], [1.0, 2.0, 0.0]])
    simulation.place(np.arange(2), base.joints_at(starts, np.array([0.0, np.pi / 2])))
    actions = np.array([[1.0, 0.0], [0.0, 0.0]])
    for _ in range(40):
        simulation.step(*base.targets(actions, simulation.joint_q))
    assert simulation.joint_q[:, 2] == pytest.approx(base.root_m, abs=0.01)
    assert simulation.joint_q[0, 0] == pytest.approx(WIDTH - base.radius_m, abs=0.01)
    assert simulation.joint_q[1, :2] == pytest.approx(starts[1, :2], abs=0.01)
    assert simulation.load.contacts >= 2


def test_a_quadruped_stands_on_the_collider(run: Path) -> None:
    quadruped, rules = Quadruped(), costs.RULES["quadruped"]
    ground = load_scene(run, space="go2", length_m=(0.5, 8.0))
    simulation = Simulation(ground, quadruped, 2, dt_s=rules.dt_s, substeps=rules.substeps)
    simulation.place(np.arange(2), quadruped.joints_at(ground.tiles[0].pairs[:2, 0], np.array([0.3, 2.0])))
    for _ in range(50):
        simulation.step(*quadruped.targets(np.zeros((2, 12)), simulation.joint_q))
    position, yaw, up = quadruped.roots(simulation.joint_q)
    assert position[:, 2] == pytest.approx(0.46, abs=0.02)
    assert (up > 0.99).all()
    assert yaw == pytest.approx([0.3, 2.0], abs=0.1)
    # What it feels of "up" is z of the world seen from the body, so nearly its own z.
    assert quadruped.feels(simulation.joint_q, simulation.joint_qd)[:, :3] == pytest.approx(
        np.tile([0.0, 0.0, 1.0], (2, 1)), abs=0.05
    )


@pytest.mark.parametrize(
    "budget",
    [Budget(contacts=1, triangle_pairs=600, constraint_rows=110), Budget(24, 1, 110)],
    ids=["contacts", "triangle pairs"],
)
def test_contacts_that_do_not_fit_are_an_error(ground: Ground, budget: Budget) -> None:
    base = Base()
    simulation = Simulation(ground, base, 2, dt_s=0.02, substeps=5, budget=budget)
    corner = np.array([[base.radius_m + 0.005, base.radius_m + 0.005, 0.0]] * 2)
    simulation.place(np.arange(2), base.joints_at(corner, np.zeros(2)))
    with pytest.raises(ContactOverflow, match=r"all must fit, got \d+ of"):
        simulation.step()


def test_robots_start_on_places_of_their_own_tile_and_go_to_their_goal(environment: Environment) -> None:
    environment.reset()
    for row, tile in enumerate(environment.tile_of):
        start = environment.simulation.joint_q[row, :3] - [0.0, 0.0, Base.root_m]
        pairs = environment.ground.tiles[tile].pairs
        there = np.abs(pairs - np.stack([start, environment.goals[row]])).max(axis=(1, 2))
        assert there.min() < 1e-4, row


def test_rays_see_walls_where_they_are(environment: Environment) -> None:
    environment.reset()
    rules, position = environment.rules, np.array([[2.0, 1.0, 0.0]])
    tile = environment.ground.tiles[0].lower
    environment.simulation.place(np.arange(1), Base().joints_at(position + [*tile[:2], 0.0], np.array([0.0])))
    seen = environment.step(np.zeros((4, 2))).last_seen[0, : rules.rays]
    distance = rules.range_m * (1.0 - seen)
    ahead, left, behind, right = distance[:: rules.rays // 4]
    assert [ahead, behind, right] == pytest.approx([WIDTH - 2.0, 2.0, 1.0], abs=0.02)
    assert left == pytest.approx(DEPTH - 1.0, abs=0.02)


def test_the_goal_is_seen_from_the_robot_and_paid_for(environment: Environment) -> None:
    environment.reset()
    rules, here = environment.rules, environment.simulation.joint_q[0, :2].astype(float)
    environment.goals[0] = [*here + [0.2, 0.0], 0.0]
    yaw = float(environment.simulation.joint_q[0, 3])
    came = environment.step(np.zeros((4, 2)))
    assert came.last_seen[0, rules.rays : rules.rays + 3] == pytest.approx(
        [0.2 / rules.range_m, np.cos(-yaw), np.sin(-yaw)], abs=0.01
    )
    assert came.reached[0]
    assert came.done[0]
    assert came.reward[0] > rules.bonus - 1.0
    assert not came.reached[1:].any()


def test_episodes_are_cut_off_in_time_and_lost_robots_start_again(environment: Environment) -> None:
    environment.reset()
    environment.simulation.place(np.array([2]), Base().joints_at(np.array([[1.0, 1.0, 9.0]]), np.zeros(1)))
    came = environment.step(np.zeros((4, 2)))
    assert came.lost.tolist() == [False, False, True, False]
    assert came.reward[2] < -environment.rules.bonus + 0.1
    assert abs(environment.simulation.joint_q[2, 2] - Base.root_m) < 0.1
    drive(environment, np.zeros((4, 2)), environment.rules.limit_steps - 2)
    last = environment.step(np.zeros((4, 2)))
    assert last.late.tolist() == [True, True, False, True]


def test_the_same_seed_gives_the_same_rollout(ground: Ground) -> None:
    def rollout() -> np.ndarray:
        environment = Environment(ground, Base(), 3, seed=5)
        random = np.random.default_rng(0)
        environment.reset()
        return np.stack([environment.step(random.uniform(-1, 1, (3, 2))).seen for _ in range(12)])

    assert np.array_equal(rollout(), rollout())


def test_actions_of_another_shape_and_too_few_environments_are_refused(environment: Environment) -> None:
    with pytest.raises(InvalidRequest, match=r"shape \(4, 2\), got \(4, 3\)"):
        environment.step(np.zeros((4, 3)))
    with pytest.raises(InvalidRequest, match="got 1 for 2"):
        Environment(environment.ground, Base(), 1, seed=0)
    with pytest.raises(InvalidRequest, match="got 0"):
        Simulation(environment.ground, Base(), 0, dt_s=0.02, substeps=5)


def test_scenes_lie_side_by_side_with_their_tasks(ground: Ground) -> None:
    both = side_by_side([ground, ground])
    first, second = both.tiles
    assert second.lower[0] - first.upper[0] == pytest.approx(grounds.GAP_M)
    assert len(both.triangles) == 2 * len(ground.triangles)
    offset = second.lower - first.lower
    assert second.pairs - first.pairs == pytest.approx(np.broadcast_to(offset, first.pairs.shape))
    moved = both.vertices[both.triangles[len(ground.triangles) :]]
    assert moved - offset == pytest.approx(ground.vertices[ground.triangles], abs=1e-4)
    with pytest.raises(InvalidRequest, match="at least one"):
        side_by_side([])


def test_planes_and_unknown_spaces(run: Path) -> None:
    plane = load_scene(run, Surface.PLANE, space="carter", length_m=(0.5, 8.0))
    assert not plane.vertices[:, 2].any()
    assert not plane.tiles[0].pairs[..., 2].any()
    corners = plane.vertices[plane.triangles].astype(float)
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0).all()
    with pytest.raises(InvalidRequest, match="knows no space of the robot spot"):
        load_scene(run, space="spot", length_m=(0.5, 8.0))
    with pytest.raises(InvalidRequest, match="got none of"):
        load_scene(run, space="carter", length_m=(50.0, 80.0))
    with pytest.raises(InvalidRequest, match=r"has no truth\.glb"):
        load_scene(run, Surface.TRUTH, space="carter", length_m=(0.5, 8.0))


def test_an_update_changes_what_is_done_and_episodes_count_once(environment: Environment) -> None:
    learner = learning.new_learner(environment, 0)
    before = {name: value.clone() for name, value in learner.policy.state_dict().items()}
    at = []
    learning.learn(learner, 4 * learner.n_steps, 4 * learner.n_steps, at.append)
    assert at == [0, 4 * learner.n_steps]
    assert any(not value.equal(before[name]) for name, value in learner.policy.state_dict().items())
    episodes = learning.evaluate(environment, learner)
    assert len(episodes.returns) == 4
    assert not (episodes.reached & episodes.lost).any()
    assert np.isfinite(episodes.returns).all()


def test_who_drives_to_the_goal_arrives(ground: Ground) -> None:
    class Straight:
        def predict(self, observation: np.ndarray, deterministic: bool = False) -> tuple[np.ndarray, None]:
            cosine, sine = observation[:, 25], observation[:, 26]
            return np.column_stack([np.maximum(cosine, 0.0), 1.5 * np.arctan2(sine, cosine)]), None

    environment = Environment(ground, Base(), 8, seed=1)
    episodes = learning.evaluate(environment, Straight())
    assert episodes.reached.mean() >= 0.75
    assert episodes.returns[episodes.reached].min() > environment.rules.bonus - 1.5


def test_intervals_of_shares() -> None:
    assert learning.interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert learning.interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert learning.interval(0, 0) == (0.0, 1.0)


def test_better_means_every_seed_and_intervals_apart() -> None:
    def entries(start: int, end: int) -> list[dict]:
        scene = {"lost": 0, "episodes": 64, "scenes": {}}
        return [
            {"seed": seed, "steps": step, "reached": reached, "return": float(reached), **scene}
            for seed in (0, 1)
            for step, reached in ((0, start), (9, end))
        ]

    assert trials.summary(entries(10, 40))["better"]
    assert not trials.summary(entries(30, 34))["better"]
    assert not trials.summary(entries(40, 10))["better"]
    assert trials.summary(entries(10, 40))["end"]["episodes"] == 128


def test_costs_are_those_of_what_ran(run: Path) -> None:
    cost = costs.measure(run, Surface.COLLIDER, "quadruped", 2, steps=20)
    assert (cost.envs, cost.steps, cost.robot) == (2, 20, "quadruped")
    assert 0 < cost.contacts <= cost.contacts_limit
    assert cost.cpu_ms > 0


def test_a_slow_collider_is_told() -> None:
    def cost(surface: str, envs: int, cpu_ms: float, peak_mb: float) -> costs.Cost:
        return costs.Cost("s", surface, "base", envs, 9, 9, cpu_ms, cpu_ms, peak_mb, 1, 2, 1, 2, 0, 0, 0)

    table = [cost("truth", 16, 1.0, 500), cost("truth", 64, 1.0, 548)]
    table += [cost("collider", 16, 1.1, 600), cost("collider", 64, 1.6, 696)]
    assert costs.least_ratio(table) == pytest.approx(1.0 / 1.6)
    assert costs.memory_per_environment_mb(table, Surface.TRUTH) == pytest.approx(1.0)
    assert costs.memory_per_environment_mb(table, Surface.COLLIDER) == pytest.approx(2.0)
