// Canvas, camera and light, and the loop: a picture is drawn when something changed, and not otherwise.

import { SparkRenderer } from "@sparkjsdev/spark";
import * as THREE from "three";

const BACKGROUND = 0x20252d;
const FIELD_OF_VIEW_DEG = 65;
const MOST_PIXEL_RATIO = 2;
// a step of movement after a pause, such as that of a tab in the background, is no longer than this
const LONGEST_STEP_S = 0.25;

// what draws without a graphics card calls itself so
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;
// pixels that it can fill in about a second, however deep the scene
const SOFTWARE_PIXELS = 60_000;

/** Says in words why nothing can be drawn here, or "". */
export function drawingTrouble() {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) {
    return "This browser offers no WebGL 2, so the scene cannot be drawn. Turn on hardware acceleration in its settings, " +
      "or use a recent Firefox, Chrome or Edge.";
  }
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return "";
}

function rendererName(context) {
  const names = context.getExtension("WEBGL_debug_renderer_info");
  return String(context.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : context.RENDERER));
}

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: false });
    this.renderer.setClearColor(BACKGROUND);
    this.renderer.localClippingEnabled = true;
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW_DEG, 1, 0.02, 2000);
    this.camera.up.set(0, 0, 1);
    this.spark = new SparkRenderer({ renderer: this.renderer, onDirty: () => this.invalidate() });
    this.scene.add(this.spark, new THREE.HemisphereLight(0xffffff, 0x6a6f79, 1.3));
    const sun = new THREE.DirectionalLight(0xffffff, 2.0);
    sun.position.set(1, -2, 3);
    this.scene.add(sun);
    this.isSlow = SOFTWARE.test(rendererName(this.renderer.getContext()));
    // Gaussians are cut off where they can hardly be seen; earlier, where each pixel costs
    if (this.isSlow) this.spark.maxStdDev = 2;
    this.pixels = this.isSlow ? SOFTWARE_PIXELS : Infinity;
    this.movers = new Set();
    this.drawn = new Set();
    this.asked = false;
    this.before = 0;
    new ResizeObserver(() => this.fit()).observe(canvas.parentElement);
    canvas.addEventListener("webglcontextlost", () => this.onlost?.());
    this.fit();
  }

  /** Draw soon. */
  invalidate() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame((now) => this.#draw(now));
  }

  /** Call `mover(seconds)` before each picture, until it returns false; pictures follow each other as long as any moves. */
  move(mover) {
    this.movers.add(mover);
    this.invalidate();
  }

  /** Whether a picture with Gaussians in their order has been drawn. */
  get sorted() {
    return this.spark.orderingTexture !== null && this.spark.display.numSplats > 0;
  }

  /** Draw no more than so many times the pixels that are right for this machine. */
  setFineness(times) {
    this.pixels = this.isSlow ? SOFTWARE_PIXELS * times : Infinity;
    this.fit();
  }

  /** Wait until what was drawn last is there. */
  finish() {
    const context = this.renderer.getContext();
    context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, new Uint8Array(4));
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    const most = Math.sqrt(this.pixels / (width * height));
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, MOST_PIXEL_RATIO, most));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.invalidate();
  }

  #draw(now) {
    const seconds = this.before ? Math.min((now - this.before) / 1000, LONGEST_STEP_S) : 0;
    this.asked = false;
    for (const mover of [...this.movers]) if (!mover(seconds)) this.movers.delete(mover);
    this.before = this.movers.size ? now : 0;
    const sorted = this.sorted;
    this.renderer.render(this.scene, this.camera);
    for (const told of this.drawn) told(sorted);
    if (this.movers.size) this.invalidate();
  }
}
