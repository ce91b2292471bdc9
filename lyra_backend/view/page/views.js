// Where the camera begins, and where it looks from above; and the three ways to move it.

import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Walker } from "./walker.js";

const PERSON = { name: "person", title: "a person", radius_m: 0.25, height_m: 1.7, eye_height_m: 1.6, step_m: 0.2 };
const HINTS = {
  orbit: "Drag turns, right drag shifts, the wheel comes closer. Keys: arrows shift, Shift + arrows turn, + and − come closer.",
  fly: "Drag looks around. W A S D or arrows move, E and Q go up and down, Shift is faster.",
  walk: "Drag looks around. W A S D or arrows walk, Shift is faster. Walls and steps are those of the collider.",
};
const ZOOM = 1.15;

export class Views {
  constructor(stage, info) {
    this.stage = stage;
    this.info = info;
    this.mode = "orbit";
    this.box = boxOf(info, info.up);
    this.orbit = new OrbitControls(stage.camera, stage.canvas);
    this.orbit.addEventListener("change", () => stage.invalidate());
    this.orbit.listenToKeyEvents(stage.canvas);
    stage.canvas.addEventListener("keydown", (event) => this.#zoom(event));
    this.walker = new Walker(stage);
    this.walker.flySpeed = THREE.MathUtils.clamp(this.#size() / 6, 1, 20);
    this.body = info.navigation?.robots[0] ?? PERSON;
    this.#go(this.#home());
  }

  get hint() {
    return HINTS[this.mode];
  }

  /** Move in another way; walking begins where the robot can start. */
  setMode(mode) {
    this.mode = mode;
    this.orbit.enabled = mode === "orbit";
    if (mode === "walk") this.walker.walk(this.body, this.#start());
    else if (mode === "fly") this.walker.fly();
    else this.#orbitOn();
    this.stage.invalidate();
  }

  setBody(robot) {
    this.body = robot ?? PERSON;
    if (this.mode === "walk") this.setMode("walk");
  }

  /** The axis `up` of the Gaussians points up now. */
  setUp(up) {
    this.box = boxOf(this.info, up);
    this.reset();
  }

  reset() {
    if (this.mode === "walk") this.setMode("walk");
    else this.#go(this.#home());
  }

  above() {
    const middle = this.box.getCenter(new THREE.Vector3());
    const reach = this.box.getSize(new THREE.Vector3()).setZ(0).length() / 2;
    const far = (0.95 * reach) / Math.tan(THREE.MathUtils.degToRad(this.stage.camera.fov) / 2);
    this.#go({ position: middle.clone().add(new THREE.Vector3(0, -0.5 * far, 0.87 * far)), target: middle });
  }

  #home() {
    const seen = this.info.navigation?.viewpoints[0];
    const middle = this.box.getCenter(new THREE.Vector3());
    if (!seen) return { position: middle.clone().add(new THREE.Vector3(0.45, -0.75, 0.35).multiplyScalar(this.#size())), target: middle };
    const position = new THREE.Vector3().fromArray(seen.position), ahead = new THREE.Vector3().fromArray(seen.forward);
    const far = Math.max(1, middle.sub(position).dot(ahead));
    return { position, target: position.clone().addScaledVector(ahead, far) };
  }

  #size() {
    return Math.max(0.1, this.box.getSize(new THREE.Vector3()).length());
  }

  #go({ position, target }) {
    this.stage.camera.position.copy(position);
    this.orbit.target.copy(target);
    this.stage.camera.lookAt(target);
    if (this.mode === "fly") this.walker.fly();
    if (this.mode === "orbit") this.orbit.update();
    this.stage.invalidate();
  }

  #orbitOn() {
    const { camera } = this.stage;
    this.walker.stop();
    const far = Math.min(3, this.#size() / 3);
    this.orbit.target.copy(camera.getWorldDirection(new THREE.Vector3())).multiplyScalar(far).add(camera.position);
    this.orbit.update();
  }

  /** Where to stand at first: the robot's best place, or else what is below the camera or the middle. */
  #start() {
    const spot = this.body.spawn_points?.[0];
    if (spot) return { position: spot.slice(0, 3), yaw: spot[3] };
    const middle = this.box.getCenter(new THREE.Vector3());
    for (const from of [this.stage.camera.position, middle]) {
      const ground = this.walker.groundBelow(from.x, from.y, from.z);
      if (ground !== null) return { position: [from.x, from.y, ground], yaw: null };
    }
    return { position: [middle.x, middle.y, this.box.min.z], yaw: null };
  }

  #zoom(event) {
    if (this.mode !== "orbit" || !["+", "=", "-"].includes(event.key)) return;
    event.preventDefault();
    const { camera } = this.stage;
    camera.position.sub(this.orbit.target).multiplyScalar(event.key === "-" ? ZOOM : 1 / ZOOM).add(this.orbit.target);
    this.orbit.update();
    this.stage.invalidate();
  }
}

/** The box that the scene is in, Z up. */
function boxOf(info, up) {
  const box = new THREE.Box3();
  if (info.collider) {
    return box.set(new THREE.Vector3(...info.collider.low), new THREE.Vector3(...info.collider.high));
  }
  const turn = new THREE.Matrix4().makeRotationFromQuaternion(new THREE.Quaternion(...info.up_turns[up]));
  return box.set(new THREE.Vector3(...info.splats.low), new THREE.Vector3(...info.splats.high)).applyMatrix4(turn);
}
