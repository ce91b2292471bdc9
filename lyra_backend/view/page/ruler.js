// The ruler: two points on what is there, and the metres between them.

import * as THREE from "three";
import { ORDER } from "./collider.js";

const COLOR = 0xffe14d;
// a click is no drag
const STILL_PX = 4;
const DOT_PX = 5;

export class Ruler {
  /** `pick(raycaster)` returns the point that a ray meets, or null; `told(text)` gets what there is to say. */
  constructor(stage, pick, label, told) {
    Object.assign(this, { stage, pick, label, told, on: false, points: [], length: null, lost: false });
    const look = { color: COLOR, depthTest: false, transparent: true };
    this.dots = [0, 1].map(() => new THREE.Mesh(new THREE.SphereGeometry(1, 16, 8), new THREE.MeshBasicMaterial(look)));
    const geometry = new THREE.BufferGeometry().setFromPoints([new THREE.Vector3(), new THREE.Vector3()]);
    this.line = new THREE.Line(geometry, new THREE.LineBasicMaterial(look));
    for (const part of [...this.dots, this.line]) {
      part.renderOrder = ORDER.ruler;
      part.frustumCulled = false;
      part.visible = false;
      stage.scene.add(part);
    }
    const { canvas } = stage;
    canvas.addEventListener("pointerdown", (event) => { this.pressed = [event.clientX, event.clientY]; });
    canvas.addEventListener("pointerup", (event) => this.#released(event));
    canvas.addEventListener("keydown", (event) => {
      if (this.on && event.key === "Enter") this.#take(0, 0);
    });
    stage.drawn.add(() => this.#place());
  }

  setOn(on) {
    this.on = on;
    this.stage.canvas.classList.toggle("measuring", on);
  }

  clear() {
    this.points = [];
    this.length = null;
    this.#show();
  }

  #released(event) {
    if (!this.on || event.button !== 0 || !this.pressed) return;
    const [x, y] = this.pressed;
    if (Math.hypot(event.clientX - x, event.clientY - y) > STILL_PX) return;
    const box = this.stage.canvas.getBoundingClientRect();
    this.#take(2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height);
  }

  /** Take the point at (x, y), each from -1 to 1 across the canvas. */
  #take(x, y) {
    const caster = new THREE.Raycaster();
    caster.setFromCamera(new THREE.Vector2(x, y), this.stage.camera);
    const point = this.pick(caster);
    this.lost = point === null;
    if (point) {
      if (this.points.length === 2) this.points = [];
      this.points.push(point.clone());
    }
    this.#show();
  }

  #show() {
    const [from, to] = this.points;
    this.dots.forEach((dot, i) => {
      dot.visible = Boolean(this.points[i]);
      if (dot.visible) dot.position.copy(this.points[i]);
    });
    this.line.visible = Boolean(to);
    this.length = to ? from.distanceTo(to) : null;
    if (to) this.line.geometry.setFromPoints([from, to]);
    this.told(this.#text(from, to));
    this.stage.invalidate();
  }

  #text(from, to) {
    if (this.lost) return "Nothing is there. Click something else.";
    if (to) {
      const level = Math.hypot(to.x - from.x, to.y - from.y);
      return `${metres(this.length)}: ${metres(level)} across, ${metres(Math.abs(to.z - from.z))} in height`;
    }
    return from ? "Click the second point." : "Click two points; or turn the view, and press Enter for what is at the cross.";
  }

  /** Keep the label and the dots' size on the screen where they belong. */
  #place() {
    const { camera, canvas } = this.stage;
    for (const dot of this.dots) {
      const perPixel = 2 * Math.tan(THREE.MathUtils.degToRad(camera.fov) / 2) / Math.max(1, canvas.clientHeight);
      dot.scale.setScalar(DOT_PX * perPixel * dot.position.distanceTo(camera.position));
    }
    if (this.length !== null) {
      const middle = this.points[0].clone().lerp(this.points[1], 0.5).project(camera);
      this.label.hidden = middle.z > 1 || Math.abs(middle.x) > 1 || Math.abs(middle.y) > 1;
      this.label.textContent = metres(this.length);
      this.label.style.left = `${(50 * (middle.x + 1)).toFixed(2)}%`;
      this.label.style.top = `${(50 * (1 - middle.y)).toFixed(2)}%`;
    } else {
      this.label.hidden = true;
    }
  }
}

const metres = (value) => `${value.toFixed(value < 10 ? 3 : 2)} m`;
