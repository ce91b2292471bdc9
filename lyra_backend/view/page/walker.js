// Movement as one who is there: walking on the collider without passing through it, or flying where one likes.

import * as THREE from "three";

const WALK_M_PER_S = 1.0;
const FAST = 2.5;
const TURN_RAD_PER_S = 1.4;
const DRAG_RAD_PER_PX = 0.004;
const STEEPEST_RAD = 1.5;
// further down than this nobody steps
const DROP_M = 0.4;
const KNEE_SHARE = 0.3;
// where a body's circle may touch something, from straight ahead [rad]
const FEELERS = [0, 0.6, -0.6, 1.2, -1.2];
const KEYS = {
  KeyW: "ahead", ArrowUp: "ahead", KeyS: "back", ArrowDown: "back", KeyA: "left", KeyD: "right",
  ArrowLeft: "turnLeft", ArrowRight: "turnRight", KeyE: "up", KeyQ: "down", PageUp: "up", PageDown: "down",
};

export class Walker {
  constructor(stage) {
    this.stage = stage;
    this.mode = null;
    this.collider = null;
    this.held = new Set();
    this.fast = false;
    this.yaw = 0;
    this.pitch = 0;
    this.foot = new THREE.Vector3();
    this.flySpeed = 2;
    this.ray = new THREE.Ray();
    const { canvas } = stage;
    canvas.addEventListener("keydown", (event) => this.#key(event, true));
    canvas.addEventListener("keyup", (event) => this.#key(event, false));
    canvas.addEventListener("blur", () => this.held.clear());
    canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
  }

  /** Fly on from where the camera is. */
  fly() {
    this.#begin("fly");
    this.#lookAsCamera();
  }

  /** Walk as `body` {radius_m, eye_height_m, step_m} from `place` {position [x, y, z] of the feet, yaw [rad] or null}. */
  walk(body, place) {
    this.#begin("walk");
    this.body = body;
    this.foot.fromArray(place.position);
    if (place.yaw === null) this.#lookAsCamera();
    else this.yaw = place.yaw;
    this.pitch = 0;
    this.#aim();
  }

  stop() {
    this.mode = null;
    this.held.clear();
  }

  #begin(mode) {
    this.mode = mode;
    this.held.clear();
  }

  #lookAsCamera() {
    const ahead = this.stage.camera.getWorldDirection(new THREE.Vector3());
    this.yaw = Math.atan2(ahead.y, ahead.x);
    this.pitch = Math.asin(THREE.MathUtils.clamp(ahead.z, -1, 1));
  }

  #key(event, down) {
    const action = KEYS[event.code];
    if (!this.mode || !action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.fast = event.shiftKey;
    if (down) this.held.add(action);
    else this.held.delete(action);
    if (down) this.stage.move(this.moved);
  }

  #grab(event) {
    if (this.mode && event.button === 0) event.target.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    if (!this.mode || !(event.buttons & 1)) return;
    this.yaw += event.movementX * DRAG_RAD_PER_PX;
    this.pitch = THREE.MathUtils.clamp(this.pitch + event.movementY * DRAG_RAD_PER_PX, -STEEPEST_RAD, STEEPEST_RAD);
    this.#aim();
  }

  /** One step of movement; false once no key is held. */
  moved = (seconds) => {
    if (!this.mode || !this.held.size) return false;
    const is = (action) => (this.held.has(action) ? 1 : 0);
    this.yaw += (is("turnLeft") - is("turnRight")) * TURN_RAD_PER_S * seconds;
    const ahead = is("ahead") - is("back"), aside = is("right") - is("left");
    const pace = seconds * (this.fast ? FAST : 1) / Math.max(1, Math.hypot(ahead, aside));
    if (this.mode === "walk") this.#walkOn(ahead * pace * WALK_M_PER_S, aside * pace * WALK_M_PER_S);
    else this.#flyOn(ahead * pace * this.flySpeed, aside * pace * this.flySpeed, (is("up") - is("down")) * pace * this.flySpeed);
    this.#aim();
    return true;
  };

  #flyOn(ahead, aside, up) {
    const level = Math.cos(this.pitch), { position } = this.stage.camera;
    position.x += ahead * level * Math.cos(this.yaw) + aside * Math.sin(this.yaw);
    position.y += ahead * level * Math.sin(this.yaw) - aside * Math.cos(this.yaw);
    position.z += ahead * Math.sin(this.pitch) + up;
  }

  #walkOn(ahead, aside) {
    const x = ahead * Math.cos(this.yaw) + aside * Math.sin(this.yaw);
    const y = ahead * Math.sin(this.yaw) - aside * Math.cos(this.yaw);
    // along a wall one goes on, with that part of the step which does not lead into it
    if ((x || y) && !this.#step(x, y)) this.#step(x, 0) || this.#step(0, y);
  }

  /** Go by (x, y) [m] if nothing is in the way and there is ground; say whether. */
  #step(x, y) {
    const length = Math.hypot(x, y);
    if (!length || this.#blocked(x, y, length)) return false;
    const ground = this.groundBelow(this.foot.x + x, this.foot.y + y, this.foot.z + this.body.step_m + 0.01, DROP_M);
    if (ground === null) return false;
    this.foot.set(this.foot.x + x, this.foot.y + y, ground);
    return true;
  }

  #blocked(x, y, length) {
    const { radius_m: radius, eye_height_m: eye, step_m: step } = this.body;
    const heights = [Math.max(step + 0.02, KNEE_SHARE * eye), Math.max(step + 0.02, eye)];
    const heading = Math.atan2(y, x);
    return heights.some((height) => FEELERS.some((angle) => {
      const turned = heading + angle;
      this.ray.origin.set(this.foot.x, this.foot.y, this.foot.z + height);
      this.ray.direction.set(Math.cos(turned), Math.sin(turned), 0);
      return this.collider.touch(this.ray, radius + length * Math.cos(angle)) !== null;
    }));
  }

  /** Height [m] of the ground below (x, y), from `top` down and no further than `drop` below the feet; null if none. */
  groundBelow(x, y, top, drop = Infinity) {
    this.ray.origin.set(x, y, top);
    this.ray.direction.set(0, 0, -1);
    const far = drop === Infinity ? Infinity : top - this.foot.z + drop;
    return this.collider.touch(this.ray, far)?.point.z ?? null;
  }

  #aim() {
    const { camera } = this.stage;
    if (this.mode === "walk") camera.position.copy(this.foot).setZ(this.foot.z + this.body.eye_height_m);
    const level = Math.cos(this.pitch);
    const ahead = new THREE.Vector3(level * Math.cos(this.yaw), level * Math.sin(this.yaw), Math.sin(this.pitch));
    camera.lookAt(ahead.add(camera.position));
    this.stage.invalidate();
  }
}
