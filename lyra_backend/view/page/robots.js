// Where a robot can start, how much room it takes there, and the paths that it can go.

import * as THREE from "three";
import { ORDER } from "./collider.js";

const ABOVE_GROUND_M = 0.02;
const COLORS = { spawns: 0xffb000, discs: 0x35d07f, paths: 0xff5fa2 };

export class Robots {
  constructor(stage, robots) {
    this.stage = stage;
    this.robots = robots;
    this.on = { spawns: false, discs: false, paths: false };
    this.shown = robots.length ? 0 : -1;
    this.groups = robots.map((robot) => {
      const parts = { spawns: arrows(robot), discs: discs(robot), paths: paths(robot) };
      stage.scene.add(...Object.values(parts));
      return parts;
    });
    this.#show();
  }

  get current() {
    return this.robots[this.shown] ?? null;
  }

  choose(index) {
    this.shown = index;
    this.#show();
  }

  set(what, on) {
    this.on[what] = on;
    this.#show();
  }

  #show() {
    this.groups.forEach((parts, i) => {
      for (const [what, part] of Object.entries(parts)) part.visible = i === this.shown && this.on[what];
    });
    this.stage.invalidate();
  }
}

function material(color, opacity) {
  return new THREE.MeshBasicMaterial({ color, transparent: true, opacity, side: THREE.DoubleSide, depthWrite: false });
}

/** An arrow along +x of length 1 around the origin, flat on the ground. */
function arrowShape() {
  const corners = [[-0.5, -0.09], [0.1, -0.09], [0.1, -0.28], [0.5, 0], [0.1, 0.28], [0.1, 0.09], [-0.5, 0.09]];
  return new THREE.ShapeGeometry(new THREE.Shape(corners.map(([x, y]) => new THREE.Vector2(x, y))));
}

function placed(geometry, look, robot, size, later = 0) {
  const points = robot.spawn_points;
  const mesh = new THREE.InstancedMesh(geometry, look, points.length);
  const turn = new THREE.Quaternion(), up = new THREE.Vector3(0, 0, 1), scale = new THREE.Vector3().setScalar(size);
  const matrix = new THREE.Matrix4(), place = new THREE.Vector3();
  points.forEach(([x, y, z, yaw], i) => {
    matrix.compose(place.set(x, y, z + ABOVE_GROUND_M), turn.setFromAxisAngle(up, yaw), scale);
    mesh.setMatrixAt(i, matrix);
  });
  mesh.renderOrder = ORDER.marks + later;
  mesh.frustumCulled = false;
  return mesh;
}

const arrows = (robot) => placed(arrowShape(), material(COLORS.spawns, 0.95), robot, robot.radius_m, 2);
const discs = (robot) => placed(new THREE.RingGeometry(0.93, 1, 48), material(COLORS.discs, 0.9), robot, robot.radius_m);

function paths(robot) {
  const ends = robot.paths.flatMap((path) => path.slice(1).flatMap((point, i) => [path[i], point]));
  const raised = ends.flatMap(([x, y, z]) => [x, y, z + 2 * ABOVE_GROUND_M]);
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(raised, 3));
  const lines = new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: COLORS.paths, transparent: true }));
  lines.renderOrder = ORDER.marks + 1;
  lines.frustumCulled = false;
  return lines;
}
